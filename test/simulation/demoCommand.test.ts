import { execFile } from 'node:child_process';
import { describe, expect, test } from 'vitest';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as a person runs it; simulated, so it needs no root and no network. */
function demo(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['src/cli/uvs.ts', 'demo', ...args], { timeout: 14_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('uvs demo --sim', () => {
  test('prints exactly one object with --json', async () => {
    const { code, stdout, stderr } = await demo('--sim', '--json', '--method', 'nat', '--requests', '7', '--real-servers', '3');
    const { seconds, ...rest } = JSON.parse(stdout);
    expect(seconds).toBeGreaterThan(0);
    expect(rest).toEqual({
      method: 'nat',
      scheduler: 'rr',
      io: 'memory',
      requests: 7,
      failed: 0,
      perRealServer: { rs1: 2, rs2: 2, rs3: 3 },
    });
    expect([code, stderr]).toEqual([0, '']);
  });

  test('shows a line for each request and how they were shared', async () => {
    const { code, stdout } = await demo('--sim', '--once', '--requests', '4');
    expect(stdout.split('\n').filter((line) => /^ +\d .*●/.test(line))).toHaveLength(4);
    expect(stdout).toContain('4 of 4 requests answered');
    expect(code).toBe(0);
  });

  test.each([
    [['--sim', '--method', 'ftp'], 2, 'USAGE'],
    [['--sim', '--real-servers', '0'], 2, 'USAGE'],
    [['--sim', '--scheduler', 'rrr'], 1, 'SCHEDULER_UNKNOWN'],
    [['--simulate'], 2, 'USAGE'],
  ])('%j is refused with exit code %i and a code to look up', async (args, code, name) => {
    const outcome = await demo(...args);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toContain(`[${name}]`);
  });
});
