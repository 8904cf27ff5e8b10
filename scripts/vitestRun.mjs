// One run of vitest, and its result as numbers: read from its JSON report, not from what it prints.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { capture, runForeground } from './processes.mjs';
import { inProject, NODE, PROJECT } from './project.mjs';

/** The sum of no runs. */
export const NOTHING = { passed: 0, failed: 0, skipped: 0 };

export function addResults(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** `3 passed, 0 failed, 1 skipped`. */
export function resultLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Counts the tests of vitest's JSON report. A file that does not load, or an error outside tests, is one failure. */
export function countReport(report, exitCode) {
  const result = { ...NOTHING, skippedNames: [] };
  for (const file of report.testResults) {
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) result.failed += 1;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') result.passed += 1;
      else if (test.status === 'failed') result.failed += 1;
      else {
        result.skipped += 1;
        result.skippedNames.push(`${relative(PROJECT, file.name)}: ${test.fullName}`);
      }
    }
  }
  if (exitCode !== 0 && result.failed === 0) result.failed = 1;
  return result;
}

/**
 * @param config file of test/, for instance `vitest.unit.ts`
 * @param live true to show what vitest prints as it runs, false to return it
 * @returns passed, failed, skipped, the names of the skipped tests, and the output that was not shown
 */
export async function runVitest(config, { live, reporter, timeoutMs }) {
  const folder = mkdtempSync(join(tmpdir(), 'uvs-vitest-'));
  const reportFile = join(folder, 'report.json');
  const args = [inProject('node_modules', 'vitest', 'vitest.mjs'), 'run', '--config', join('test', config)];
  args.push('--passWithNoTests', `--reporter=${reporter}`, '--reporter=json', `--outputFile.json=${reportFile}`);
  // Its output is captured, or this is a build machine; vitest knows neither.
  const colour =
    process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
  const options = { cwd: PROJECT, env: { ...process.env, ...colour }, timeout: timeoutMs };
  try {
    const { code, output } = live
      ? { code: await runForeground(NODE, args, { ...options, stdio: ['ignore', 'inherit', 'inherit'] }), output: '' }
      : await capture(NODE, args, options);
    return { ...countReport(readReport(reportFile), code), output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** vitest that crashes, or is stopped, writes no report. */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { testResults: [] };
  }
}
