/** Holds the documents against the sources: codes, counters, schedulers, links, commands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_HINTS } from '../src/base/errors.ts';
import { COUNTER_NAMES } from '../src/engine/counters.ts';
import { SCHEDULERS } from '../src/scheduler/registry.ts';
import { filesBelow } from './support/sourceText.ts';

const PROJECT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8');

/** Every page that a reader may open: Markdown at the top, and below docs, examples, src, native. */
const PAGES = [
  ...readdirSync(PROJECT).filter((name) => name.endsWith('.md')),
  ...['docs', 'examples', 'src', 'native', 'bench']
    .filter((folder) => existsSync(join(PROJECT, folder)))
    .flatMap((folder) => filesBelow(join(PROJECT, folder)).map((file) => `${folder}/${file}`))
    .filter((file) => file.endsWith('.md')),
];

/** A page without its code blocks. */
const prose = (file: string): string => read(file).replace(/^```[\s\S]*?^```/gm, '');

/** Rows of a page's tables whose first cell is one `name` in code marks: the name, and the other cells. */
function namedRows(file: string): { name: string; cells: string[] }[] {
  return prose(file)
    .split('\n')
    .flatMap((line) => {
      const cells = line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim());
      const name = /^`([^`]+)`$/.exec(cells[0] ?? '')?.[1];
      return name === undefined ? [] : [{ name, cells: cells.slice(1) }];
    });
}

/** A sentence: more than two words, with a full stop. */
const isSentence = (text: string): boolean => /\S+\s+\S+\s+\S+/.test(text) && /[.;]/.test(text);

/** `#heading` as GitHub makes it from a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

describe('docs/errors.md', () => {
  const rows = namedRows('docs/errors.md');

  test('has every error code, and no other', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(ERROR_HINTS).sort());
  });

  test.each(rows)('says of $name what it means and what to do', ({ cells }) => {
    expect(cells.map(isSentence)).toEqual([true, true]);
  });

  test('hints name documents that exist', () => {
    const named = Object.values(ERROR_HINTS).flatMap((hint) => hint.match(/\b(?:docs|examples)\/[\w./-]*\w/g) ?? []);
    expect(named.filter((file) => !existsSync(join(PROJECT, file)))).toEqual([]);
  });
});

describe('docs/reference/counters.md', () => {
  const rows = namedRows('docs/reference/counters.md');

  test('has every counter of the engine, and no other', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual([...COUNTER_NAMES].sort());
  });

  test.each(rows)('says of $name what it counts', ({ cells }) => {
    expect(cells.map(isSentence)).toEqual([true]);
  });
});

describe('docs/reference/schedulers.md', () => {
  test('has every scheduler of the registry, and no other', () => {
    const documented = namedRows('docs/reference/schedulers.md').map(({ name }) => name);
    expect(documented.sort()).toEqual(SCHEDULERS.map(({ name }) => name).sort());
  });
});

describe('decisions', () => {
  const files = readdirSync(join(PROJECT, 'docs', 'decisions')).sort();

  test('are numbered without gaps', () => {
    expect(files.map((file) => Number(file.slice(0, 4)))).toEqual(files.map((_, i) => i + 1));
  });

  test.each(files)('%s says context, choice, cost, and how we would know that it is wrong', (file) => {
    const parts = [...read(`docs/decisions/${file}`).matchAll(/^\*\*(.+?)\.\*\*/gm)].map((match) => match[1]);
    expect(parts).toEqual(['Context', 'Choice', 'Cost', 'How we would know that it is wrong']);
  });
});

describe('every page', () => {
  test.each(PAGES)('%s links to files and headings that exist', (page) => {
    const targets = [...prose(page).matchAll(/\]\(([^()\s]+)\)/g)].map((match) => match[1]!);
    const broken = targets.filter((target) => {
      if (/^[a-z]+:/.test(target)) return false;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(PROJECT, file))) return true;
      if (anchor === undefined || !file.endsWith('.md')) return false;
      return ![...prose(file).matchAll(/^#+\s+(.+)$/gm)].some((match) => anchorOf(match[1]!) === anchor);
    });
    expect(broken).toEqual([]);
  });

  test('names npm commands that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = PAGES.flatMap((page) =>
      [...read(page).matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map((match) => `${page}: ${match[1]}`),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((use) => !(use.split(': ')[1]! in scripts))).toEqual([]);
  });

  test('names folders and files of the project that exist', () => {
    const named = PAGES.flatMap((page) =>
      [...prose(page).matchAll(/`((?:src|test|scripts|native|docs|examples)\/[\w./-]*\w\/?)`/g)].map(
        (match) => [page, match[1]!] as const,
      ),
    );
    const missing = named.filter(
      ([page, path]) => !existsSync(join(PROJECT, path)) && !existsSync(join(PROJECT, dirname(page), path)),
    );
    expect(missing).toEqual([]);
  });
});

describe('the lock file', () => {
  const text = read('package-lock.json');
  const { packages } = JSON.parse(text) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> };

  test('names no registry', () => expect(text).not.toContain('"resolved"'));

  // Without its row `npm ci` refuses the lock file; `npm run lock` writes it.
  test('has a row for every optional dependency', () => {
    const wanted = Object.values(packages).flatMap((row) => Object.keys(row.optionalDependencies ?? {}));
    expect(wanted.filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
  });
});
