/** YAML text to a tree in which every value and every key knows where it stands in the file. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
} from 'yaml';
import type { Place } from '../base/errors.ts';
import type { FaultList } from './faultList.ts';

/** One value of a file. A `section` is a mapping. */
export type Located =
  | { readonly kind: 'scalar'; readonly place: Place; readonly value: Scalar }
  | { readonly kind: 'list'; readonly place: Place; readonly items: readonly Located[] }
  | { readonly kind: 'section'; readonly place: Place; readonly entries: readonly LocatedEntry[] };

export type Scalar = string | number | boolean | null;

export interface LocatedEntry {
  readonly key: string;
  /** Of the key. */
  readonly place: Place;
  readonly value: Located;
}

/** Mistakes after which the rest of the tree still means what it says. */
const HARMLESS_MISTAKES = new Set(['DUPLICATE_KEY']);

/** @returns undefined when the text is not YAML or says nothing; the faults say why */
export function parseYamlTree(text: string, file: string, faults: FaultList): Located | undefined {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const mistakes: YAMLError[] = [...doc.errors, ...doc.warnings];
  const reportedLines = new Set<number | undefined>();
  for (const mistake of mistakes) {
    const place = placeAt(mistake.pos[0]);
    // One slip in a line makes the parser complain several times.
    if (reportedLines.has(place.line)) continue;
    reportedLines.add(place.line);
    faults.add('CONFIG_SYNTAX', sentence(mistake), place, hintFor(text, place));
  }
  if (!mistakes.every((mistake) => HARMLESS_MISTAKES.has(mistake.code))) return undefined;
  if (doc.contents === null) {
    faults.add('CONFIG_INVALID', 'the file is empty', { file, line: 1, column: 1 }, 'docs/reference/config.md has an example.');
    return undefined;
  }
  return new TreeBuilder(doc, placeAt, faults).build(doc.contents);
}

class TreeBuilder {
  readonly #doc: Document;
  readonly #placeAt: (offset: number) => Place;
  readonly #faults: FaultList;
  /** Nodes that were built, for aliases; undefined while a node is being built, which finds those that contain themselves. */
  readonly #built = new Map<Node, Located | undefined>();

  constructor(doc: Document, placeAt: (offset: number) => Place, faults: FaultList) {
    this.#doc = doc;
    this.#placeAt = placeAt;
    this.#faults = faults;
  }

  build(node: Node): Located {
    const place = this.#placeAt(node.range?.[0] ?? 0);
    const target = isAlias(node) ? node.resolve(this.#doc) : node;
    if (target === undefined || (this.#built.has(target) && this.#built.get(target) === undefined)) {
      this.#faults.add('CONFIG_SYNTAX', 'the alias names a value that contains it, or none', place);
      return { kind: 'scalar', place, value: null };
    }
    const known = this.#built.get(target);
    if (known !== undefined) return known;
    this.#built.set(target, undefined);
    const located = this.#buildNew(target, place);
    this.#built.set(target, located);
    return located;
  }

  #buildNew(node: Node, place: Place): Located {
    if (isSeq(node)) return { kind: 'list', place, items: node.items.map((item) => this.#child(item, place)) };
    if (isMap(node)) return { kind: 'section', place, entries: node.items.map((pair) => this.#entry(pair, place)) };
    return { kind: 'scalar', place, value: isScalar(node) ? plainScalar(node.value) : null };
  }

  #entry(pair: Pair, around: Place): LocatedEntry {
    const key = this.#child(pair.key, around);
    const name = key.kind === 'scalar' ? String(key.value) : key.kind;
    return { key: name, place: key.place, value: this.#child(pair.value, key.place) };
  }

  /** A key without a value has no node of its own: it is null, at the place of the key. */
  #child(node: unknown, otherwise: Place): Located {
    const hasPlace = node !== null && (node as Node).range !== undefined;
    return hasPlace ? this.build(node as Node) : { kind: 'scalar', place: otherwise, value: null };
  }
}

function plainScalar(value: unknown): Scalar {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : String(value);
}

function sentence(mistake: YAMLError): string {
  const first = mistake.message.split('\n')[0]!.trim();
  return first.charAt(0).toLowerCase() + first.slice(1);
}

/** The mistake of everybody who writes IPv6 addresses in YAML for the first time. */
function hintFor(text: string, place: Place): string | undefined {
  const line = text.split('\n')[(place.line ?? 1) - 1] ?? '';
  return /(^|[\s,])\[[0-9a-f:.]*:[0-9a-f:.]*\]:\d/i.test(line)
    ? 'Put an IPv6 address with its port in quotes: "[2001:db8::1]:80".'
    : undefined;
}
