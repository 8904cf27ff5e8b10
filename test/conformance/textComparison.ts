/**
 * Text of ipvsadm as recorded against ours: character by character, but for what its README says is not the same twice: the order of
 * connections and, unsorted, of services; the remaining time, a second either way. The help is in our own words, so there the options
 * are compared.
 */
import { Refusal } from '../../src/uvsadm/command.ts';
import { parseCommand } from '../../src/uvsadm/parseCommand.ts';
import { NO_NAMES } from '../../src/uvsadm/values.ts';
import type { Ledger } from './ledger.ts';
import type { LineResult } from './rigDirector.ts';

/** How the text of a command line is compared, and whether it shows what the kernel's estimator has seen. */
export interface Comparison {
  readonly kind: 'exact' | 'services in any order' | 'connections';
  readonly isEstimated: boolean;
}

const EXACT: Comparison = { kind: 'exact', isEstimated: false };
const HEAD_LINES = 3;
const HELP = /^ipvsadm v.*\nUsage:\n/;

/** @param args without the program's name */
export function comparisonFor(args: readonly string[]): Comparison {
  const command = parseCommand(args, { program: 'ipvsadm', names: NO_NAMES });
  if (command instanceof Refusal) return EXACT;
  if (command.kind !== 'list') return EXACT;
  const { subject, sorted, view } = command.options;
  if (subject === 'connections') return { ...EXACT, kind: 'connections' };
  const isEstimated = view === 'stats' || view === 'rate';
  return { kind: subject === 'services' && !sorted ? 'services in any order' : 'exact', isEstimated };
}

/** Compares exit code, standard error and standard output, in this order, as one step. */
export function compareText(
  step: string,
  kind: Comparison['kind'],
  recorded: LineResult,
  got: LineResult,
  ledger: Ledger,
): boolean {
  const of = ({ exitCode, stderr }: LineResult): string => `exit code ${exitCode}, standard error ${JSON.stringify(stderr)}`;
  if (of(recorded) !== of(got)) return ledger.check(step, of(recorded), of(got));
  if (HELP.test(recorded.stdout))
    return ledger.check(step, helpOptions(recorded.stdout), helpOptions(got.stdout, recorded.stdout));
  switch (kind) {
    case 'exact':
      return ledger.check(step, recorded.stdout, got.stdout);
    case 'services in any order':
      return ledger.check(step, inOrder(recorded.stdout), inOrder(got.stdout));
    case 'connections':
      return compareConnections(step, recorded.stdout, got.stdout, ledger);
  }
}

/** The head, then each service with its real servers, sorted. */
function inOrder(text: string): string {
  const lines = text.split('\n');
  const blocks: string[] = [];
  for (const line of lines.slice(HEAD_LINES)) {
    if (line.startsWith('  ->')) blocks[blocks.length - 1] += `\n${line}`;
    else blocks.push(line);
  }
  return [...lines.slice(0, HEAD_LINES), ...blocks.sort()].join('\n');
}

interface ConnectionRow {
  readonly seconds: number;
  /** With the time taken out, and what shows that it stood in its column. */
  readonly rest: string;
}

function compareConnections(step: string, recorded: string, got: string, ledger: Ledger): boolean {
  const titles = (text: string): string => text.split('\n').slice(0, 2).join('\n');
  if (titles(recorded) !== titles(got)) return ledger.check(step, titles(recorded), titles(got));
  const left = rowsOf(got);
  const missing: ConnectionRow[] = [];
  for (const row of rowsOf(recorded)) {
    const at = closest(left, row);
    if (at !== -1 && isClose(row.seconds, left[at]!.seconds, ledger)) left.splice(at, 1);
    // Its timer has fired late, or is about to.
    else if (at !== -1 || row.seconds > 0) missing.push(row);
  }
  const extra = left.filter(({ seconds }) => seconds > 0);
  const textOf = ({ seconds, rest }: ConnectionRow): string => `${rest} (${seconds} s)`;
  return ledger.checkLines(step, missing.map(textOf), extra.map(textOf));
}

function rowsOf(text: string): ConnectionRow[] {
  const lines = text.split('\n').slice(2);
  return lines.slice(0, -1).map((line) => {
    const [, before = line, minutes = '', seconds = '', blanks = '', after = ''] =
      /^(\S+ +)(\d\d+):([0-5]\d)( +)(.*)$/s.exec(line) ?? [];
    const columns = Math.max(7, minutes.length + 4);
    const isAligned = minutes.length + 3 + blanks.length === columns;
    return { seconds: Number(minutes) * 60 + Number(seconds), rest: `${before}${isAligned ? '' : '(not aligned) '}${after}` };
  });
}

/** The row with the same text whose time is closest, or -1. */
function closest(rows: readonly ConnectionRow[], { seconds, rest }: ConnectionRow): number {
  let best = -1;
  for (const [i, row] of rows.entries()) {
    if (row.rest !== rest) continue;
    if (best === -1 || Math.abs(row.seconds - seconds) < Math.abs(rows[best]!.seconds - seconds)) best = i;
  }
  return best;
}

function isClose(a: number, b: number, ledger: Ledger): boolean {
  const distance = Math.abs(a - b);
  return distance <= 1 || (distance === 2 && ledger.allowsLooseTime());
}

/** The first line, and the options that the text explains. @param within only those that this text has, too */
function helpOptions(text: string, within = text): string {
  const words = (from: string): string[] => [
    ...new Set([...from.matchAll(/(?<=[\s|[])--?[A-Za-z0-9][\w-]*/g)].map(([word]) => word)),
  ];
  const wanted = words(within);
  return [
    text.split('\n', 1)[0],
    ...words(text)
      .filter((word) => wanted.includes(word))
      .sort(),
  ].join('\n');
}
