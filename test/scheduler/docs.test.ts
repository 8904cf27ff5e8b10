/** docs/reference/schedulers.md against the registry: who made it, flags, and what keepalived calls it. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';

const page = readFileSync(new URL('../../docs/reference/schedulers.md', import.meta.url), 'utf8');
const rows = new Map(
  page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, name = '', ...cells]) => [name.replaceAll('`', ''), cells.slice(0, -1)]),
);

test('the table has the schedulers in the order of the registry', () => {
  expect([...rows.keys()]).toEqual(SCHEDULERS.map(({ name }) => name));
});

describe.each(SCHEDULERS)('the row of $name', ({ name, origin, flags }) => {
  const [of, flagCell, keepalived, specification, ...reactions] = rows.get(name)!;

  test('says whose it is, and in which section of the specification it stands', () => {
    expect(of).toBe(origin);
    expect(specification).toMatch(origin === 'kernel' ? /^4\.\d+$/ : /^$/);
  });

  test('has its flags, in the order of their bits', () => {
    expect([...flagCell!.matchAll(/`([\w-]+)`/g)].map((match) => match[1])).toEqual(flags);
  });

  test('has what keepalived calls it: as the kernel does', () => {
    expect(keepalived).toBe(origin === 'kernel' ? name : '');
  });

  test('says what it looks at and how it reacts to weight 0 and overload', () => {
    expect(reactions.length).toBe(3);
    for (const reaction of reactions) expect(reaction).toMatch(/\w{4,}/);
  });
});

test('the flags of every scheduler are explained', () => {
  const explanations = page.split('\n').filter((line) => line.startsWith('- The '));
  for (const flag of SCHEDULERS.flatMap(({ flags }) => flags)) {
    expect(explanations.some((line) => line.includes(`\`${flag}\``))).toBe(true);
  }
});
