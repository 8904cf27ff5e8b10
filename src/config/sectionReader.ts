/**
 * Reads one section of a configuration by a table of schemas, one per key. Keys are checked each by itself, so that a fault in one
 * hides no fault in another. A schema's error text says what must stand there: "an integer from 1 to 65535".
 */
import { z } from 'zod';
import type { Place } from '../base/errors.ts';
import type { FaultList } from './faultList.ts';
import { nearestName } from './nearestName.ts';
import type { Located } from './yamlTree.ts';

/** Key -> what its value must be. A schema that refuses undefined makes its key obligatory. */
export type Shape = Readonly<Record<string, z.ZodType>>;

/** What was read of one section: the values that are right, and where each of them stands. */
export interface Fields<S extends Shape> {
  /** Without the keys whose value was faulty or missing. */
  readonly values: { readonly [Key in keyof S]?: z.output<S[Key]> };
  readonly place: Place;
  /** Of the value; of the section when the key is not given. */
  placeOf(key: keyof S & string): Place;
  isGiven(key: keyof S & string): boolean;
}

/** An integer in a range, both ends included. */
export function integer(from: number, to: number): z.ZodNumber {
  const error = `an integer from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
}

/** Text that is not empty. YAML takes `10` for a number, so numbers are not text. */
export function text(whatItIs: string): z.ZodString {
  return z.string({ error: whatItIs }).min(1, { error: whatItIs });
}

/** One of a closed set of words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words): z.ZodType<Words[number]> {
  return z.enum(words as unknown as [string, ...string[]], { error: `one of ${words.join(', ')}` }) as unknown as z.ZodType<
    Words[number]
  >;
}

/** true or false. */
export function truth(): z.ZodBoolean {
  return z.boolean({ error: 'true or false' });
}

/** A value that is read by other means: anything goes here. */
export function subtree(): z.ZodType<unknown> {
  return z.unknown();
}

/**
 * @param what such a section in messages: "a real server", "timeouts"
 * @returns undefined when `node` is no section, which has been reported
 */
export function readFields<S extends Shape>(node: Located, what: string, shape: S, faults: FaultList): Fields<S> | undefined {
  if (node.kind !== 'section') {
    faults.add('CONFIG_INVALID', `${what} must be a section with keys, not ${describe(node)}`, node.place, sectionHint(shape));
    return undefined;
  }
  const given = new Map(node.entries.map((entry) => [entry.key, entry]));
  for (const { key, place } of node.entries) if (!Object.hasOwn(shape, key)) reportUnknownKey(key, what, shape, place, faults);
  const values: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape)) {
    const entry = given.get(key);
    const outcome = schema.safeParse(entry === undefined ? undefined : plain(entry.value));
    if (outcome.success) values[key] = outcome.data;
    else if (entry === undefined) faults.add('CONFIG_INVALID', `${what} has no ${key}`, node.place, wanted(key, outcome.error));
    else reportIssues(key, entry.value, outcome.error.issues, faults);
  }
  return {
    values: values as Fields<S>['values'],
    place: node.place,
    placeOf: (key) => given.get(key)?.value.place ?? node.place,
    isGiven: (key) => given.has(key),
  };
}

/** The value of a key of a section; undefined when it is not given, or `section` is none. */
export function child(section: Located, key: string): Located | undefined {
  return section.kind === 'section' ? section.entries.find((entry) => entry.key === key)?.value : undefined;
}

/** The items of a list of sections, or of an absent key. */
export function readList(section: Located, key: string, itemName: string, faults: FaultList): readonly Located[] {
  const node = child(section, key);
  if (node === undefined) return [];
  if (node.kind === 'list') return node.items;
  faults.add(
    'CONFIG_INVALID',
    `${key} must be a list of ${itemName}s, not ${describe(node)}`,
    node.place,
    'Begin each with "- ".',
  );
  return [];
}

/** A value as it is shown in a message. */
export function describe(node: Located): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'section') return 'a section';
  return node.value === null ? 'empty' : JSON.stringify(node.value);
}

/** The known name that a scalar may have meant, as a hint. */
export function hintAtName(node: Located, known: readonly string[]): string | undefined {
  const near = node.kind === 'scalar' && node.value !== null ? nearestName(String(node.value), known) : undefined;
  return near && `Did you mean ${near}?`;
}

function reportUnknownKey(key: string, what: string, shape: Shape, place: Place, faults: FaultList): void {
  const known = Object.keys(shape);
  const near = nearestName(key, known);
  const hint = near === undefined ? `It may have: ${known.join(', ')}.` : `Did you mean ${near}?`;
  faults.add('CONFIG_UNKNOWN_KEY', `${what} has no key "${key}"`, place, hint);
}

/** One fault for each value that is wrong, however many of the schema's rules it breaks. */
function reportIssues(key: string, value: Located, issues: readonly z.core.$ZodIssue[], faults: FaultList): void {
  const reported = new Set<Located>();
  for (const issue of issues) {
    let at = value;
    for (const step of issue.path) if (at.kind === 'list' && typeof step === 'number') at = at.items[step] ?? at;
    if (!reported.has(at)) reportIssue(at === value ? key : `an item of ${key}`, at, issue, faults);
    reported.add(at);
  }
}

function reportIssue(name: string, at: Located, issue: z.core.$ZodIssue, faults: FaultList): void {
  faults.add('CONFIG_INVALID', `${name} must be ${issue.message}, not ${describe(at)}`, at.place, hintFor(name, at, issue));
}

function hintFor(name: string, at: Located, issue: z.core.$ZodIssue): string | undefined {
  if (at.kind !== 'scalar' || at.value === null) return undefined;
  if (issue.message.startsWith('a list')) return `Write ${name}: [${at.value}].`;
  return issue.code === 'invalid_value' ? hintAtName(at, issue.values.map(String)) : undefined;
}

/** The first key begins an item: this is how one is written. */
function sectionHint(shape: Shape): string {
  return `Write it with keys, such as "${Object.keys(shape)[0]}: ...".`;
}

function wanted(key: string, error: z.ZodError): string {
  return `Add ${key}: ${error.issues[0]?.message ?? 'a value'}.`;
}

/** The value without places, as zod takes it. */
function plain(node: Located): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
}
