/**
 * The bench as people start it, in its shortest form: two peers, each load once. It says nothing about speed; it shows that the harness
 * works, that its result has the promised shape, and that it leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listNamespaces } from '../../src/lab/namespaces.ts';
import { mustSkip } from './endToEndRig.ts';

const BENCH = join(import.meta.dirname, '..', '..', 'bench', 'runBench.ts');
const PEERS = 'nft jhash,uvs packet adaptive';
const LIMIT_MS = 90_000;
/** What the loads of a quick run need. */
const TOOLS = ['nft', 'nginx', 'wrk', 'iperf3', 'ethtool', 'cc', 'taskset'];

interface Result {
  readonly format: number;
  readonly machine: { readonly kernel: string; readonly node: string };
  readonly options: { readonly suites: readonly string[]; readonly quick: boolean };
  readonly suites: readonly { readonly suite: string; readonly state: string }[];
  readonly figures: readonly {
    readonly name: string;
    readonly labels: Record<string, unknown>;
    readonly value: number;
    readonly unit: string;
    readonly runs: readonly number[];
  }[];
  readonly targets: readonly { readonly id: string; readonly value: number | null; readonly met: boolean }[];
}

/** Also says why. */
function cannotRun(): boolean {
  if (mustSkip()) return true;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const missing = TOOLS.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  if (cpus().length < 2) missing.push('a second processor core');
  if (missing.length > 0) console.warn(`bench lab is not tested: it needs ${missing.join(', ')}`);
  return missing.length > 0;
}

describe.skipIf(cannotRun())('a quick run of the bench lab', () => {
  const folder = mkdtempSync(join(tmpdir(), 'uvs-bench-test-'));
  const file = join(folder, 'result.json');
  let code: number | null = null;
  let said = '';
  let pid = 0;
  let result: Result;

  beforeAll(async () => {
    const args = [BENCH, 'lab', '--quick', '--peers', PEERS, '--json', file];
    const bench = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS - 5000 });
    pid = bench.pid ?? 0;
    for (const stream of [bench.stdout, bench.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    code = await new Promise((resolve) => bench.on('close', resolve));
    result = JSON.parse(readFileSync(file, 'utf8')) as Result;
  }, LIMIT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('ends well', () => {
    expect(code, said).toBe(0);
    expect(result.suites).toMatchObject([{ suite: 'lab', state: 'done' }]);
  });

  test('names the machine and the options', () => {
    expect(result).toMatchObject({
      format: 1,
      options: { suites: ['lab'], quick: true },
      machine: { node: process.versions.node },
    });
  });

  test.each([
    ['overload', 'Mpps'],
    ['capacity', 'Mpps'],
    ['connections', 'connections/s'],
    ['up', 'Gbit/s'],
  ])('measures both peers under the load %s, and how they compare', (load, unit) => {
    const of = (name: string) => result.figures.filter((each) => each.name === name && each.labels['load'] === load);
    for (const name of ['nft jhash DNAT', 'uvs packet adaptive']) {
      const figures = of(name).filter((each) => each.unit === unit);
      expect(figures.length, said).toBeGreaterThan(0);
      for (const { value, runs } of figures) {
        expect(value).toBeGreaterThan(0);
        expect(runs).toContain(value);
      }
    }
    expect(of('uvs packet adaptive').some((each) => each.unit === 'x nft jhash DNAT')).toBe(true);
  });

  test('has every line of the promises that the lab owes, with a verdict', () => {
    const ids = result.targets.map(({ id }) => id);
    expect(ids).toEqual(['2a', '2b', '2c', '2d', '3a', '3b', '4a', '4b', '4c', '6a', '6b', '6c']);
    for (const { id, met } of result.targets)
      expect(said).toMatch(new RegExp(`^${id} .*: ${met ? 'met' : '(missed|not measured)'}$`, 'm'));
  });

  test('leaves no namespace behind', () => {
    expect(listNamespaces().filter((name) => name.startsWith(`uvsbench-${pid}-`))).toEqual([]);
  });
});
