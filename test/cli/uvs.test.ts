/** The command as a process: few of them, for each costs the start of Node. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const UVS = new URL('../../src/cli/uvs.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'uvs-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function uvs(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [UVS, ...args], { encoding: 'utf8', timeout: 10_000 });
  return { status, stdout, stderr };
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe('uvs', () => {
  test('lists its commands', () => {
    const { status, stdout, stderr } = uvs('--help');
    expect([status, stderr]).toEqual([0, '']);
    for (const command of ['run', 'check', 'status', 'schedulers', 'io', 'lab', 'demo'])
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  test('exits with 2 when the command line is wrong', () => {
    expect(uvs('chek', 'x.yaml')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'no command "chek" [USAGE]\n  Did you mean uvs check?\n',
    });
  });

  test('run needs a configuration', () => {
    const { status, stderr } = uvs('run', '--io', 'xdp');
    expect([status, stderr]).toEqual([
      2,
      'uvs run: --config is missing [USAGE]\n  Write `uvs run --config FILE`; examples/ has some. Or `uvs run --interface NAME`, and add services with uvsadm.\n',
    ]);
  });

  test('check tells every fault and exits with 1', () => {
    const path = file('bad.yaml', 'services:\n  - address: tcp 10.0.0.1:80\n    scheduler: wrrr\n    wieght: 1\n');
    expect(uvs('check', path)).toEqual({
      status: 1,
      stdout: '',
      stderr: `${path}:3:16: no scheduler named "wrrr" [SCHEDULER_UNKNOWN]\n  Did you mean wrr? List schedulers with \`uvs schedulers\`.\n${path}:4:5: a service has no key "wieght" [CONFIG_UNKNOWN_KEY]\n  It may have: address, protocol, port, fwmark, family, scheduler, schedulerFlags, onePacket, persistence, persistenceEngine, method, tunnel, realServers.\n2 faults\n`,
    });
  });

  test('check --json gives the faults to programs', () => {
    const path = file('bad.json', '{"services": 5}');
    const { status, stdout } = uvs('check', '--json', path);
    expect([status, JSON.parse(stdout)]).toEqual([
      1,
      {
        faults: [
          {
            code: 'CONFIG_INVALID',
            message: 'services must be a list of services, not 5',
            hint: 'Begin each with "- ".',
            file: path,
            line: 1,
            column: 14,
          },
        ],
      },
    ]);
  });

  test('status without a director exits with 1', () => {
    const path = join(folder, 'none.sock');
    const { status, stderr } = uvs('status', '--socket', path);
    expect([status, stderr.split('\n')[0]]).toEqual([1, `no director on ${path} [DIRECTOR_UNREACHABLE]`]);
  });
});
