/**
 * The recordings in which we differ from the kernel on purpose: rows of the first table of docs/reference/differences.md that name the
 * id of a recording in their first column.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCUMENT = join(import.meta.dirname, '../../docs/reference/differences.md');

/** Id of a recording -> why ours differs. */
export function readDifferences(text: string = readFileSync(DOCUMENT, 'utf8')): ReadonlyMap<string, string> {
  const [table = ''] = /^\|.*(?:\n\|.*)*/m.exec(text) ?? [];
  const rows = table.split('\n').filter((line) => /^\| *`/.test(line));
  return new Map(
    rows.flatMap((row) => {
      const [ids = '', ...cells] = row.split('|').slice(1, -1);
      return [...ids.matchAll(/`([^`]+)`/g)].map((match) => [match[1]!, cells.join(';').trim()] as const);
    }),
  );
}
