/** A report as one page that needs nothing else: targets, a bar chart per table, and the figures themselves. Well-formed as XML. */
import type { Target } from './figures.ts';
import { describeMachine } from './machine.ts';
import { type Report, targetVerdict } from './report.ts';
import { barChart } from './reportChart.ts';
import { arrange, formatNumber, type Table } from './reportTables.ts';

const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --dim: #5b6675; --line: #d8dde4;
  --c0: #2a6fbb; --c1: #d9822b; --c2: #2f8f6b; --c3: #8e5ea2; --c4: #7a828d; --met: #1e7d4f; --missed: #b3372f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e6e9ee; --dim: #9aa5b4; --line: #343c48;
  --c0: #6aa9ec; --c1: #efa558; --c2: #63c39d; --c3: #c197d6; --c4: #9aa5b4; --met: #63c39d; --missed: #f08a80; } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p, figcaption { color: var(--dim); margin: .3rem 0; } figure { margin: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.scroll { overflow-x: auto; } .met { color: var(--met); } .missed { color: var(--missed); } .unmeasured { color: var(--dim); }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 13px system-ui, sans-serif; } svg .dim { fill: var(--dim); }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); } .c4 { fill: var(--c4); }
svg line { stroke: var(--line); } summary { color: var(--dim); cursor: pointer; }
`;

export function reportAsHtml(report: Report): string {
  const title = `UVS bench, ${report.startedAt.slice(0, 10)}`;
  const quick = report.options.quick ? '<p>Quick: shows that everything works, not how fast it is.</p>' : '';
  const unusual = report.suites
    .filter(({ state }) => state !== 'done')
    .map(({ suite, state, reason }) => `<p>${escapeText(`${suite} ${state}: ${reason}`)}</p>`);
  const missing = report.suites.flatMap((run) =>
    run.missing.map((what) => `<p>${escapeText(`${run.suite} without ${what}`)}</p>`),
  );
  const tables = arrange(report.figures);
  const suites = [...new Set(tables.map(({ suite }) => suite))];
  return [
    '<!DOCTYPE html>',
    '<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>',
    `<title>${escapeText(title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeText(title)}</h1><p>${escapeText(describeMachine(report.machine))}</p>${quick}${[...unusual, ...missing].join('')}`,
    targetsTable(report.targets),
    ...suites.flatMap((suite) => [`<h2>${suite}</h2>`, ...tables.filter((table) => table.suite === suite).map(section)]),
    '</body></html>\n',
  ].join('\n');
}

/** For text and for attributes in double quotes; control characters, which XML has no place for, become spaces. */
export function escapeText(text: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]|\p{Cc}/gu, (character) => named[character] ?? ' ');
}

function targetsTable(targets: readonly Target[]): string {
  if (targets.length === 0) return '';
  const rows = targets.map((target) => {
    const verdict = targetVerdict(target);
    const kind = verdict === 'not measured' ? 'unmeasured' : verdict;
    const limit = `${target.sense} ${formatNumber(target.target)} ${target.unit}`;
    const cells = [target.id, target.text, `${formatNumber(target.value)} ${target.unit}`, limit].map(cell).join('');
    return `<tr>${cells}<td class="${kind}">${verdict}</td></tr>`;
  });
  const head = ['', 'target', 'measured', 'promised', ''].map((text) => `<th>${text}</th>`).join('');
  return `<h2>Targets</h2><div class="scroll"><table><tr>${head}</tr>${rows.join('')}</table></div>`;
}

function section(table: Table): string {
  const title = table.title === '' ? table.unit : `${table.title} (${table.unit})`;
  const notes = table.notes.map((note) => `<p>${escapeText(note)}</p>`).join('');
  return [
    `<h3>${escapeText(title)}</h3><figure>${barChart(table, escapeText)}</figure>${notes}`,
    `<details><summary>figures</summary><div class="scroll">${numbersTable(table)}</div></details>`,
  ].join('\n');
}

function numbersTable({ headings, columns, rows }: Table): string {
  const head = [...headings, ...columns].map((text) => `<th>${escapeText(text)}</th>`).join('');
  const lines = rows.map(({ head, cells }) => {
    const texts = cells.map((each) => {
      if (each === undefined) return '';
      const spread = `${formatNumber(each.low)} to ${formatNumber(each.high)}`;
      return `${formatNumber(each.value)} (${spread})${each.ratio === '' ? '' : `, ${each.ratio}`}`;
    });
    return `<tr>${[...head, ...texts].map(cell).join('')}</tr>`;
  });
  return `<table><tr>${head}</tr>${lines.join('')}</table>`;
}

function cell(text: string): string {
  return `<td>${escapeText(text)}</td>`;
}
