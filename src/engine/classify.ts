// hot path

/**
 * Classification rules: which firewall mark a packet gets, as from a chain of MARK targets of the host's firewall. Looked at when a
 * service is looked up, so for the first packet of a connection only. Rules in order, the last one that fits wins.
 */
import { parseAddress, parsePrefix } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { Family, NONE, Protocol } from '../base/terms.ts';
import { layout } from '../memory/layout.ts';
import type { ClassificationRule, PortRange } from '../table/actions.ts';
import type { FlowKey } from '../table/flowKey.ts';

const RULE = layout(
  'mark',
  'family',
  // 0 = any.
  'protocol',
  // NONE = any.
  'ingress',
  'source0',
  'source1',
  'source2',
  'source3',
  'sourceMask0',
  'sourceMask1',
  'sourceMask2',
  'sourceMask3',
  'target0',
  'target1',
  'target2',
  'target3',
  'targetMask0',
  'targetMask1',
  'targetMask2',
  'targetMask3',
  // Where the ranges begin in the table of ranges, and how many they are; 0 = any port.
  'sourceRangesAt',
  'sourceRanges',
  'targetRangesAt',
  'targetRanges',
);

export class Classifier {
  #rows = new Int32Array(0);
  /** Pairs of first and last port. */
  #ranges = new Int32Array(0);
  #count = 0;

  /** Replaces all rules; they have been checked. Not on the hot path. */
  set(rules: readonly ClassificationRule[]): void {
    const ranges: number[] = [];
    this.#rows = new Int32Array(rules.length * RULE.words);
    this.#count = rules.length;
    for (const [i, rule] of rules.entries()) compile(this.#rows, i * RULE.words, rule, ranges);
    this.#ranges = Int32Array.from(ranges);
  }

  /**
   * The mark of a packet that came in by port `ingress`.
   * @returns int32; 0 = none
   */
  markOf(key: FlowKey, ingress: number): number {
    return this.#count === 0 ? 0 : lastMark(this.#rows, this.#count, this.#ranges, key, ingress);
  }
}

function lastMark(rows: Int32Array, count: number, ranges: Int32Array, key: FlowKey, ingress: number): number {
  for (let at = (count - 1) * RULE.words; at >= 0; at -= RULE.words) {
    if (fits(rows, at, ranges, key, ingress)) return rows[at + RULE.mark]!;
  }
  return 0;
}

function fits(rows: Int32Array, at: number, ranges: Int32Array, key: FlowKey, ingress: number): boolean {
  if (rows[at + RULE.family] !== key.family) return false;
  const protocol = rows[at + RULE.protocol]!;
  if (protocol !== 0 && protocol !== key.protocol) return false;
  const port = rows[at + RULE.ingress]!;
  if (port !== NONE && port !== ingress) return false;
  if (!isWithin(rows, at + RULE.source0, key.source0, key.source1, key.source2, key.source3)) return false;
  if (!isWithin(rows, at + RULE.target0, key.target0, key.target1, key.target2, key.target3)) return false;
  return (
    isAmong(ranges, rows[at + RULE.sourceRangesAt]!, rows[at + RULE.sourceRanges]!, key.sourcePort) &&
    isAmong(ranges, rows[at + RULE.targetRangesAt]!, rows[at + RULE.targetRanges]!, key.targetPort)
  );
}

/** The four words of the prefix stand at `at`, those of its mask behind them. */
function isWithin(rows: Int32Array, at: number, w0: number, w1: number, w2: number, w3: number): boolean {
  return (
    (w3 & rows[at + 7]!) === rows[at + 3] &&
    (w2 & rows[at + 6]!) === rows[at + 2] &&
    (w1 & rows[at + 5]!) === rows[at + 1] &&
    (w0 & rows[at + 4]!) === rows[at]
  );
}

function isAmong(ranges: Int32Array, from: number, count: number, port: number): boolean {
  if (count === 0) return true;
  for (let i = from; i < from + count * 2; i += 2) if (port >= ranges[i]! && port <= ranges[i + 1]!) return true;
  return false;
}

function compile(rows: Int32Array, at: number, rule: ClassificationRule, ranges: number[]): void {
  rows[at + RULE.mark] = rule.mark;
  rows[at + RULE.family] = Family[rule.family];
  rows[at + RULE.protocol] = rule.protocol === undefined ? 0 : Protocol[rule.protocol];
  rows[at + RULE.ingress] = rule.port ?? NONE;
  compilePrefix(rows, at + RULE.source0, rule.source);
  compilePrefix(rows, at + RULE.target0, rule.target);
  rows[at + RULE.sourceRangesAt] = ranges.length;
  rows[at + RULE.sourceRanges] = compileRanges(rule.sourcePorts, ranges);
  rows[at + RULE.targetRangesAt] = ranges.length;
  rows[at + RULE.targetRanges] = compileRanges(rule.targetPorts, ranges);
}

/** Without a prefix everything is within, for all words of the mask are 0. */
function compilePrefix(rows: Int32Array, at: number, text: string | undefined): void {
  if (text === undefined) return;
  const address = parseAddress(text);
  const prefix = address === undefined ? parsePrefix(text) : { address, bits: address.family === Family.v4 ? 32 : 128 };
  assert(prefix !== undefined, 'prefixes of rules have been checked');
  // IPv4 has only the last word.
  const first = prefix.address.family === Family.v4 ? 3 : 0;
  for (let i = first; i < 4; i++) {
    const bits = Math.min(Math.max(prefix.bits - 32 * (i - first), 0), 32);
    const mask = bits === 0 ? 0 : -1 << (32 - bits);
    rows[at + i] = prefix.address.words[i]! & mask;
    rows[at + 4 + i] = mask;
  }
}

function compileRanges(given: readonly PortRange[] | undefined, ranges: number[]): number {
  for (const [first, last] of given ?? []) ranges.push(first, last);
  return given?.length ?? 0;
}
