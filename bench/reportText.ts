/** A report for a terminal: tables, then one line per target. */
import type { Target } from './figures.ts';
import { describeMachine } from './machine.ts';
import { type Report, targetVerdict } from './report.ts';
import { arrange, type Cell, formatNumber, type Table } from './reportTables.ts';

export function reportAsText(report: Report): string {
  const parts: string[] = [describeMachine(report.machine)];
  if (report.options.quick) parts.push('Quick: shows that everything works, not how fast it is.');
  parts.push(...arrange(report.figures).map(tableText));
  const unusual = report.suites.filter(({ state }) => state !== 'done');
  if (unusual.length > 0) parts.push(unusual.map(({ suite, state, reason }) => `${suite} ${state}: ${reason}`).join('\n'));
  const missing = report.suites.flatMap((run) => run.missing.map((what) => `${run.suite} without ${what}`));
  if (missing.length > 0) parts.push(missing.join('\n'));
  if (report.targets.length > 0) parts.push(report.targets.map(targetText).join('\n'));
  return `${parts.join('\n\n')}\n`;
}

/** One line: id, what, value, target, verdict. */
export function targetText(target: Target): string {
  const { id, text, value, unit, sense } = target;
  const verdict = targetVerdict(target);
  const measured = verdict === 'not measured' ? '' : `${quantity(value, unit)}, `;
  return `${id}  ${text}: ${measured}target ${sense} ${quantity(target.target, unit)}: ${verdict}`;
}

/** More digits than in tables: a target may be missed by little. */
function quantity(value: number, unit: string): string {
  return `${Math.abs(value) < 1000 ? Number(value.toFixed(value < 10 ? 3 : 1)) : formatNumber(value)} ${unit}`;
}

function tableText(table: Table): string {
  const head = [...table.headings, ...table.columns];
  const lines = table.rows.map(({ head, cells }) => [...head, ...cells.map(cellText)]);
  const widths = head.map((text, column) => Math.max(text.length, ...lines.map((line) => line[column]!.length)));
  const isText = (column: number): boolean =>
    column < table.headings.length && lines.some((line) => /[^\d\s.]/.test(line[column]!));
  const format = (line: readonly string[]): string =>
    line
      .map((text, column) => (isText(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
      .join('   ')
      .trimEnd();
  const title = `${table.suite}${table.title === '' ? '' : `: ${table.title}`} [${table.unit}]`;
  const notes = table.notes.map((note) => `  (${note})`);
  return [title, ...[head, ...lines].map((line) => `  ${format(line)}`), ...notes].join('\n');
}

/** `28.1 (27.5-30.2) 1.62 x C`: the median, the smallest and largest run, the ratio. */
function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  const { value, low, high, ratio } = cell;
  const spread = low === high ? '' : ` (${formatNumber(low)}-${formatNumber(high)})`;
  return `${formatNumber(value)}${spread}${ratio === '' ? '' : ` ${ratio}`}`;
}
