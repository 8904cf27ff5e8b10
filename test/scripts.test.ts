/** What of scripts/ decides: the sum of a test run, the lock file, whether an installation is whole. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Rows {
  readonly packages: Record<string, object>;
}
interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly skippedNames: readonly string[];
}
interface Scripts {
  readonly countReport: (report: object, exitCode: number) => Counts;
  readonly resultLine: (counts: object) => string;
  readonly completeLock: (lock: Rows) => string[];
  readonly nodePackagesMatch: (lock: Rows, installed: Rows, lenient: boolean) => boolean;
}

const SCRIPTS = join(import.meta.dirname, '..', 'scripts');
const load = async (file: string): Promise<Scripts> => (await import(join(SCRIPTS, file))) as Scripts;
const { countReport, resultLine } = await load('vitestRun.mjs');
const { completeLock } = await load('lock.mjs');
const { nodePackagesMatch } = await load('nodePackages.mjs');

describe('the sum of a vitest run', () => {
  const file = (status: string, ...tests: string[]): object => ({
    name: 'a.test.ts',
    status,
    assertionResults: tests.map((state, i) => ({ status: state, fullName: `test ${i}` })),
  });
  const CASES = [
    // name                                          files                                              exit  passed failed skipped
    ['counts each test by its state', [file('failed', 'passed', 'failed', 'skipped', 'todo')], 1, 1, 1, 2],
    ['adds files', [file('passed', 'passed'), file('passed', 'passed', 'pending')], 0, 2, 0, 1],
    ['takes a file that does not load for a failure', [file('failed'), file('passed', 'passed')], 1, 1, 1, 0],
    ['takes an error outside of tests for a failure', [file('passed', 'passed')], 1, 1, 1, 0],
    ['takes a crash without a report for a failure', [], 139, 0, 1, 0],
    ['is zero for no tests', [], 0, 0, 0, 0],
  ] as const;
  test.each(CASES)('%s', (_name, testResults, exitCode, passed, failed, skipped) => {
    expect(countReport({ testResults }, exitCode)).toMatchObject({ passed, failed, skipped });
  });

  test('names what was skipped', () => {
    expect(countReport({ testResults: [file('passed', 'passed', 'skipped')] }, 0).skippedNames[0]).toMatch(
      /a\.test\.ts: test 1$/,
    );
  });

  test('is printed in one line', () => {
    expect(resultLine({ passed: 3, failed: 0, skipped: 1 })).toBe('3 passed, 0 failed, 1 skipped');
  });
});

describe('npm run lock', () => {
  const tool = {
    version: '1.0.0',
    dev: true,
    optionalDependencies: { '@tool/darwin-arm64': '1.0.0', '@tool/linux-x64-musl': '1.0.0' },
  };

  test('writes the rows that a mirror has kept from npm', () => {
    const lock: Rows = {
      packages: { '': {}, 'node_modules/@tool/darwin-arm64': { version: '1.0.0' }, 'node_modules/tool': tool },
    };
    expect(completeLock(lock)).toEqual(['@tool/linux-x64-musl']);
    const row = { version: '1.0.0', cpu: ['x64'], dev: true, libc: ['musl'], optional: true, os: ['linux'] };
    expect(lock.packages['node_modules/@tool/linux-x64-musl']).toEqual(row);
    expect(completeLock(lock)).toEqual([]);
  });

  test('finds rows below the package that asks for them', () => {
    const nested = { ...tool, optionalDependencies: { '@tool/darwin-arm64': '1.0.0' } };
    const lock: Rows = {
      packages: { 'node_modules/a/node_modules/tool': nested, 'node_modules/a/node_modules/@tool/darwin-arm64': {} },
    };
    expect(completeLock(lock)).toEqual([]);
  });

  test('refuses to guess', () => {
    const vague = { version: '1.0.0', optionalDependencies: { fast: '1.0.0' } };
    expect(() => completeLock({ packages: { 'node_modules/tool': vague } })).toThrow('cannot complete fast@1.0.0');
  });
});

describe('an installation', () => {
  const lock: Rows = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/here': { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] },
      'node_modules/there': { version: '1.0.0', optional: true, os: ['plan9'] },
    },
  };
  const a = { version: '1.0.0' };
  const CASES = [
    // name                                                installed                                           lenient  whole
    ['is whole with what this platform needs', { 'node_modules/a': a, 'node_modules/here': a }, false, true],
    ['is not whole without a binary of this platform', { 'node_modules/a': a }, false, false],
    ['is whole without it when the registry does not have it', { 'node_modules/a': a }, true, true],
    ['is not whole without a package', { 'node_modules/here': a }, true, false],
    ['is not whole with another version', { 'node_modules/a': { version: '2.0.0' }, 'node_modules/here': a }, true, false],
    ['may hold more', { 'node_modules/a': a, 'node_modules/here': a, 'node_modules/cap': a }, false, true],
  ] as const;
  test.each(CASES)('%s', (_name, packages, lenient, whole) => {
    expect(nodePackagesMatch(lock, { packages }, lenient)).toBe(whole);
  });
});
