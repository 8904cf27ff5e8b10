/** From figures to a report: medians, verdicts, tables, text, JSON, page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Figure, judge, median } from '../../bench/figures.ts';
import type { Machine } from '../../bench/machine.ts';
import { allTargets, PROMISES } from '../../bench/promises.ts';
import { makeReport, type Report, reportAsJson } from '../../bench/report.ts';
import { escapeText, reportAsHtml } from '../../bench/reportHtml.ts';
import { arrange, formatNumber } from '../../bench/reportTables.ts';
import { reportAsText, targetText } from '../../bench/reportText.ts';
import type { SuiteRun } from '../../bench/suites.ts';
import { xmlFault } from '../support/xmlFault.ts';

const figure = (name: string, connections: number, value: number, unit = 'ns/frame'): Figure => {
  return { suite: 'pipeline', name, labels: { method: 'masq', connections }, value, unit, runs: [value - 1, value, value + 1] };
};
const FIGURES = [
  figure('engine', 1, 20),
  figure('C', 1, 10),
  figure('engine', 1, 2, 'x C'),
  figure('engine', 10_000, 30),
  { ...figure('C', 10_000, 15), note: 'a <note> & more' },
];

const MACHINE: Machine = {
  cpu: 'Some "CPU" & more',
  cores: 2,
  virtual: true,
  memoryBytes: 4 * 2 ** 30,
  kernel: '6.6.0',
  mitigations: { spectre_v2: 'Mitigation: Retpolines' },
  hugePages: 'madvise',
  node: '24.0.0',
  v8: '13.6',
  v8Flags: ['--expose-gc'],
  commit: 'abc',
};

const run = (suite: SuiteRun['suite'], state: SuiteRun['state'], rest: Partial<SuiteRun> = {}): SuiteRun => {
  return {
    suite,
    state,
    reason: state === 'done' ? '' : 'it <needs> root',
    seconds: 1,
    figures: [],
    targets: [],
    missing: [],
    ...rest,
  };
};
const targets = [judge('1a', 'NAT 64 B, 10 k connections', 28.1, 'at most', 30, 'ns')];
const report: Report = makeReport({ suites: ['pipeline', 'lab'], quick: true, peers: [] }, MACHINE, new Date(0), [
  run('pipeline', 'done', { figures: FIGURES, targets }),
  run('lab', 'left out', { missing: ['ipvs: this <kernel> has none'] }),
]);

describe('the median', () => {
  const CASES = [
    ['of an odd number is the middle', [3, 1, 2], 2],
    ['of an even number is one that was measured', [4, 1, 3, 2], 2],
    ['of one is that one', [7], 7],
    ['of none is not a number', [], Number.NaN],
    ['sorts by size, not by letter', [10, 9, 100], 10],
  ] as const;
  test.each(CASES)('%s', (_name, values, expected) => expect(median(values)).toBe(expected));
});

describe('a target', () => {
  const CASES = [
    // name                          value        sense       met    line
    ['at most, below', 29, 'at most', true, '1a  NAT: 29 ns, target at most 30 ns: met'],
    ['at most, equal', 30, 'at most', true, '1a  NAT: 30 ns, target at most 30 ns: met'],
    ['at most, above', 30.1, 'at most', false, '1a  NAT: 30.1 ns, target at most 30 ns: missed'],
    ['at least, below', 29.9, 'at least', false, '1a  NAT: 29.9 ns, target at least 30 ns: missed'],
    ['at least, above', 31, 'at least', true, '1a  NAT: 31 ns, target at least 30 ns: met'],
    ['not measured', Number.NaN, 'at least', false, '1a  NAT: target at least 30 ns: not measured'],
  ] as const;
  test.each(CASES)('%s', (_name, value, sense, met, line) => {
    const target = judge('1a', 'NAT', value, sense, 30, 'ns');
    expect(target.met).toBe(met);
    expect(targetText(target)).toBe(line);
  });

  test('close to its limit is printed with as many digits as tell the two apart', () => {
    expect(targetText(judge('4a', 'bulk', 0.917, 'at least', 0.92, 'x'))).toContain('0.917 x, target at least 0.92 x: missed');
  });
});

describe('the promises', () => {
  const ids = PROMISES.map(({ id }) => id);

  test('have unique ids, in order', () => {
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  test('are those of bench/README.md', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'bench', 'README.md'), 'utf8');
    expect([...page.matchAll(/^\| (\d[a-z]) \|/gm)].map((match) => match[1])).toEqual(ids);
  });

  test('that a chosen suite does not judge stand in the report, not measured', () => {
    const owed = PROMISES.filter(({ suite }) => suite === 'lab').map(({ id }) => id);
    const unmeasured = allTargets([], ['lab']);
    expect(unmeasured.map(({ id }) => id)).toEqual(owed);
    expect(unmeasured.every(({ value, met }) => Number.isNaN(value) && !met)).toBe(true);
  });

  test('are judged once', () => {
    expect(() => allTargets([...targets, ...targets], [])).toThrow('target 1a was judged twice');
  });
});

describe('tables', () => {
  test('have a row per condition and a column per name, ratios beside their figures', () => {
    const [table, ...others] = arrange(FIGURES);
    expect(others).toEqual([]);
    expect(table).toMatchObject({ title: 'method masq', headings: ['connections'], columns: ['engine', 'C'] });
    expect(table!.rows.map(({ head }) => head)).toEqual([['1'], ['10 000']]);
    expect(table!.rows[0]!.cells[0]).toEqual({ value: 20, low: 19, high: 21, ratio: '2 x C' });
    expect(table!.notes).toEqual(['C: a <note> & more']);
  });

  test('have a row per name when there are many', () => {
    const many = ['a', 'b', 'c', 'd', 'e'].flatMap((name, i) => [figure(name, 1, i + 1), figure(name, 2, i + 2)]);
    const tables = arrange(many);
    expect(tables.map(({ title }) => title)).toEqual(['method masq, connections 1', 'method masq, connections 2']);
    expect(tables[0]!.rows.map(({ head }) => head)).toEqual([['a'], ['b'], ['c'], ['d'], ['e']]);
  });

  test('show a ratio without a figure of its own', () => {
    const [table] = arrange([figure('engine', 1, 1.5, 'x nft')]);
    expect(table!.rows[0]!.cells[0]).toMatchObject({ value: 1.5, ratio: '' });
  });

  test('write numbers short', () => {
    const CASES = [0.1234, 1, 28.123, 999.4, 999.6, 12_345, 1_234_567, Number.NaN];
    expect(CASES.map(formatNumber)).toEqual(['0.123', '1', '28.1', '999', '1 000', '12 345', '1 234 567', '-']);
  });
});

describe('a report', () => {
  test('as JSON has machine, options, figures and targets', () => {
    const read = JSON.parse(reportAsJson(report));
    expect(Object.keys(read).sort()).toEqual(
      ['figures', 'format', 'machine', 'options', 'seconds', 'startedAt', 'suites', 'targets'].sort(),
    );
    expect(read.options).toEqual({ suites: ['pipeline', 'lab'], quick: true, peers: [] });
    expect(read.machine).toEqual(MACHINE);
    expect(read.figures).toEqual(FIGURES);
    expect(read.targets[0]).toMatchObject({ id: '1a', value: 28.1, target: 30, unit: 'ns', met: true });
    expect(read.targets.find(({ id }: { id: string }) => id === '2a')).toMatchObject({ value: null, target: 1, met: false });
    expect(read.suites[1]).toEqual({
      suite: 'lab',
      state: 'left out',
      reason: 'it <needs> root',
      seconds: 1,
      missing: ['ipvs: this <kernel> has none'],
    });
  });

  test('as text has the table, what was left out, and one line per target', () => {
    const text = reportAsText(report);
    expect(text).toContain('pipeline: method masq [ns/frame]');
    expect(text).toMatch(/^ +1 +20 \(19-21\) 2 x C +10 \(9-11\)$/m);
    expect(text).toContain('lab left out: it <needs> root');
    expect(text).toContain('lab without ipvs: this <kernel> has none');
    expect(text).toMatch(/^1a {2}.*: met$/m);
    expect(text).toMatch(/^2a {2}.*: not measured$/m);
  });

  test('as a page is well-formed, and needs nothing else', () => {
    const page = reportAsHtml(report);
    expect(xmlFault(page)).toBeUndefined();
    expect(page.match(/<svg /g)).toHaveLength(1);
    expect(page).not.toMatch(/<script|<link|\ssrc=|\shref=|url\(|@import/);
    expect(page).toContain('prefers-color-scheme: dark');
  });

  test('of nothing is a report still', () => {
    const empty = makeReport({ suites: [], quick: false, peers: [] }, MACHINE, new Date(0), []);
    expect(xmlFault(reportAsHtml(empty))).toBeUndefined();
    expect(reportAsText(empty)).toContain('Node 24.0.0');
  });

  test('escapes what it prints', () => expect(escapeText('a<b> & "c"\u0000')).toBe('a&lt;b&gt; &amp; &quot;c&quot; '));
});

describe('the reader of pages', () => {
  const CASES = [
    ['<p>a</p>', undefined],
    ['<!DOCTYPE html><a b="c"><d/></a>', undefined],
    ['<p>a', 'p is not closed'],
    ['<p><b></p></b>', '</p> closes b'],
    ['<p>a & b</p>', 'a bare &'],
    ['<p a=b></p>', 'a tag that is none: <p a=b>'],
    ['a < b', 'a tag that is none: < b'],
  ] as const;
  test.each(CASES)('%s', (text, fault) => expect(xmlFault(text)).toBe(fault));
});
