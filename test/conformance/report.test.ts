/** What the runner says, what it plays by default, and what it makes of files that are no recordings. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readDifferences } from './differences.ts';
import { type PlayResult, playSource } from './playRecording.ts';
import { Report, type ReportOptions } from './report.ts';
import { DEFAULT_FOLDER, sourcesBelow } from './sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'uvs-conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

function result(id: string, verdict: PlayResult['verdict']): PlayResult {
  const failures = verdict === 'failed' ? [{ step: 'event 3', expected: 'rs1', got: 'rs2' }] : [];
  return {
    file: `A_sched/${id}.json`,
    schema: 'sched-1',
    id,
    verdict,
    failures,
    steps: [{ step: 'event 3', passed: verdict !== 'failed' }],
    milliseconds: 1,
  };
}

function reportOf(results: readonly PlayResult[], options: Partial<ReportOptions> = {}): { lines: string[]; exitCode: number } {
  const lines: string[] = [];
  const differences = new Map([['p_odd', 'the kernel is wrong here']]);
  const report = new Report({
    json: false,
    verbose: false,
    all: false,
    differences,
    say: (line) => lines.push(line),
    ...options,
  });
  for (const each of results) report.add(each);
  const exitCode = report.end();
  return { lines, exitCode };
}

test('the last line is the sum, and nothing failed is exit code 0', () => {
  const { lines, exitCode } = reportOf([result('p_a', 'passed'), result('p_b', 'passed')]);
  expect(lines).toEqual(['2 passed, 0 failed']);
  expect(exitCode).toBe(0);
});

test('a failure names file, step, what was expected and what came', () => {
  const { lines, exitCode } = reportOf([result('p_a', 'failed')]);
  expect(lines).toEqual(['FAILED A_sched/p_a.json', '  event 3\n    expected rs1\n    got      rs2', '0 passed, 1 failed']);
  expect(exitCode).toBe(1);
});

test('a documented difference is printed and counted apart, and is no failure', () => {
  const { lines, exitCode } = reportOf([result('p_odd', 'failed')]);
  expect(lines).toEqual([
    'documented difference A_sched/p_odd.json: the kernel is wrong here',
    '0 passed, 0 failed, 1 documented differences',
  ]);
  expect(exitCode).toBe(0);
});

test('--verbose has a line per step', () => {
  expect(reportOf([result('p_a', 'passed')], { verbose: true }).lines[0]).toBe('ok     A_sched/p_a.json: event 3');
});

test('--json is one object', () => {
  const { lines } = reportOf([result('p_a', 'failed'), result('p_b', 'passed')], { json: true });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    passed: 1,
    failed: 1,
    files: [{ file: 'A_sched/p_a.json', verdict: 'failed' }, {}],
  });
});

test('the default folder is the project’s own copy, with every recording of the packs', () => {
  const names = sourcesBelow(DEFAULT_FOLDER).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(600);
  expect(names).toContain('A_sched/rr/p_rr_v6_est.json');
  expect(new Set(names).size).toBe(names.length);
});

test('a folder is searched to its depths, index.json apart', () => {
  mkdirSync(join(folder, 'deep/er'), { recursive: true });
  for (const name of ['deep/er/b.json', 'a.json', 'index.json', 'deep/notes.md']) writeFileSync(join(folder, name), '{}');
  expect(sourcesBelow(folder).map(({ name }) => name)).toEqual(['a.json', 'deep/er/b.json']);
});

test('no such folder, and a folder without recordings, is said with a hint', () => {
  mkdirSync(join(folder, 'empty'));
  for (const missing of [join(folder, 'nowhere'), join(folder, 'empty')]) {
    expect(() => sourcesBelow(missing)).toThrow(expect.objectContaining({ code: 'USAGE', hint: expect.stringMatching(/./) }));
  }
});

test.each([
  ['no JSON', '{"schema": ', 'reading'],
  ['an unknown schema', '{"schema": "song-1", "id": "x"}', 'schema'],
  ['no schema', '{"id": "x"}', 'schema'],
  ['a list', '[1]', 'schema'],
])('%s is a failure of that file', async (_what, text, step) => {
  const path = join(folder, 'bad.json');
  writeFileSync(path, text);
  const source = sourcesBelow(folder).find(({ name }) => name === 'bad.json')!;
  const { verdict, failures } = await playSource(source);
  expect(verdict).toBe('failed');
  expect(failures[0]!.step).toBe(step);
});

test('rows of docs/reference/differences.md that begin with ids name recordings', () => {
  const text =
    '| recordings | what differs | why |\n|---|---|---|\n| `p_a`, `p_b` | order | random |\n| none | x | y |\n\n| what | why |\n|---|---|\n| `-A` | z |\n';
  expect([...readDifferences(text)]).toEqual([
    ['p_a', 'order | random'.replace(' | ', ' ; ')],
    ['p_b', 'order ; random'],
  ]);
});
