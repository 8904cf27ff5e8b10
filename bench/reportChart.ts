/**
 * One table as horizontal bars in SVG, all on one scale from 0:
 *
 *     row label | ############ 28.1, 1.6 x C
 *               | #######      17.3
 */
import { type Cell, formatNumber, type Table } from './reportTables.ts';

const WIDTH = 900;
const LABEL_WIDTH = 260;
const VALUE_WIDTH = 150;
const BAR_HEIGHT = 14;
const ROW_GAP = 10;
const LEGEND_HEIGHT = 26;
const COLOURS = 5;
/** Longer labels would run into the bars. */
const MAX_LABEL_LETTERS = 40;

/** @param escapeText makes a text fit for XML */
export function barChart(table: Table, escapeText: (text: string) => string): string {
  const largest = Math.max(...table.rows.flatMap(({ cells }) => cells.map((cell) => finite(cell?.value))), Number.MIN_VALUE);
  const hasLegend = table.columns.length > 1;
  const parts: string[] = hasLegend ? [legend(table.columns, escapeText)] : [];
  let top = hasLegend ? LEGEND_HEIGHT : 4;
  for (const { head, cells } of table.rows) {
    const height = cells.length * BAR_HEIGHT;
    const label = head.map((text, i) => labelled(table.headings[i]!, text)).join(', ');
    parts.push(`<text x="0" y="${top + height / 2 + 5}">${escapeText(shortened(label))}</text>`);
    for (const [i, cell] of cells.entries()) if (cell !== undefined) parts.push(bar(cell, i, top, largest, escapeText));
    top += height + ROW_GAP;
  }
  parts.push(`<line x1="${LABEL_WIDTH}" y1="${hasLegend ? LEGEND_HEIGHT : 4}" x2="${LABEL_WIDTH}" y2="${top - ROW_GAP}"/>`);
  const name = escapeText(`${table.suite} ${table.title} in ${table.unit}`);
  return `<svg viewBox="0 0 ${WIDTH} ${top}" role="img" aria-label="${name}">${parts.join('')}</svg>`;
}

function bar(cell: Cell, column: number, top: number, largest: number, escapeText: (text: string) => string): string {
  const y = top + column * BAR_HEIGHT;
  const width = (Math.max(finite(cell.value), 0) / largest) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
  const text = [formatNumber(cell.value), cell.ratio].filter((part) => part !== '').join(', ');
  return (
    `<rect class="c${column % COLOURS}" x="${LABEL_WIDTH}" y="${y + 1}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 2}"/>` +
    `<text class="dim" x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + BAR_HEIGHT - 2}">${escapeText(text)}</text>`
  );
}

function legend(columns: readonly string[], escapeText: (text: string) => string): string {
  return columns
    .map((name, i) => {
      const x = LABEL_WIDTH + i * ((WIDTH - LABEL_WIDTH) / columns.length);
      const square = `<rect class="c${i % COLOURS}" x="${x}" y="4" width="12" height="12"/>`;
      return `${square}<text x="${x + 18}" y="15">${escapeText(name)}</text>`;
    })
    .join('');
}

/** A number says of what it is the number; a word speaks for itself. */
function labelled(heading: string, text: string): string {
  return heading !== '' && /^[\d\s.]+$/.test(text) ? `${text} ${heading}` : text;
}

function shortened(text: string): string {
  return text.length <= MAX_LABEL_LETTERS ? text : `${text.slice(0, MAX_LABEL_LETTERS - 1)}…`;
}

function finite(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : 0;
}
