/** What the counters of the engine mean: their sentences are those of docs/reference/counters.md, so that they are written once. */
import { readFileSync } from 'node:fs';
import { DROP_NAMES } from '../engine/counters.ts';
import type { CounterFacts } from './statusText.ts';

const ROW = /^\| `(\w+)` \| (.+) \|$/gm;

/** @returns a lookup that knows every name; without the document (a package without docs) the sentences are empty */
export function loadCounterFacts(): (name: string) => CounterFacts {
  const sentences = new Map([...readDocument().matchAll(ROW)].map(([, name = '', sentence = '']) => [name, sentence]));
  const drops = new Set<string>(DROP_NAMES);
  return (name) => ({ isDrop: drops.has(name), sentence: sentences.get(name) ?? '' });
}

function readDocument(): string {
  try {
    return readFileSync(new URL('../../docs/reference/counters.md', import.meta.url), 'utf8');
  } catch {
    return '';
  }
}
