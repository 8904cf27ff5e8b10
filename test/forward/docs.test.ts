/** docs/reference/methods.md and tunnels.md against the code. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Family, ForwardingMethod } from '../../src/base/terms.ts';
import { betweenBytes, outerBytes } from '../../src/forward/tunnel.ts';
import type { TunnelSettings } from '../../src/table/actions.ts';
import { tunnelWord } from '../../src/table/destinationRows.ts';

/** The first table of a page: a row of cells each, without heading. */
function firstTable(page: string): string[][] {
  const text = readFileSync(new URL(`../../docs/reference/${page}`, import.meta.url), 'utf8');
  const lines = text.slice(text.indexOf('\n|') + 1).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('methods.md has every forwarding method, and no other', () => {
  const names = firstTable('methods.md').map(([name]) => name?.replaceAll('`', ''));
  expect(names.sort()).toEqual(Object.keys(ForwardingMethod).sort());
});

test('tunnels.md has every kind, with the bytes that it takes', () => {
  const kinds: readonly (readonly [string, TunnelSettings])[] = [
    ['`ipip`', { type: 'ipip', port: 0, checksum: 'none' }],
    ['`gue`', { type: 'gue', port: 6080, checksum: 'none' }],
    ['`gue` with checksum', { type: 'gue', port: 6080, checksum: 'full' }],
    ['`gre`', { type: 'gre', port: 0, checksum: 'none' }],
    ['`gre` with checksum', { type: 'gre', port: 0, checksum: 'full' }],
  ];
  const expected = kinds.map(([name, settings]) => {
    const word = tunnelWord(settings);
    const fits = [Family.v4, Family.v6].map((family) => String(1500 - outerBytes(family, word)));
    return [name, String(betweenBytes(word)), ...fits];
  });
  expect(firstTable('tunnels.md').map(([name, , , ...numbers]) => [name, ...numbers])).toEqual(expected);
});

test('a remote checksum is a plain one, for every packet that comes over a wire has its own', () => {
  expect(tunnelWord({ type: 'gue', port: 6080, checksum: 'remote' })).toBe(
    tunnelWord({ type: 'gue', port: 6080, checksum: 'full' }),
  );
});
