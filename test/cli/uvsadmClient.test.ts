/** The program `uvsadm` as a process, against a socket that plays the director. Few of them, for each costs the start of Node. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CommandOutput } from '../../src/api/commandStream.ts';
import type { DirectorApi, UvsadmCall } from '../../src/api/routes.ts';
import { type StatusServer, startStatusServer } from '../../src/api/statusServer.ts';
import { versionLine } from '../../src/uvsadm/helpText.ts';

const SCRIPTS = new URL('../../scripts/', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'uvs-client-'));
const socket = join(folder, 'uvs.sock');
const link = join(folder, 'ipvsadm');
let server: StatusServer;
let calls: UvsadmCall[];
let command: (call: UvsadmCall, output: CommandOutput) => Promise<number>;

beforeAll(async () => {
  symlinkSync(join(SCRIPTS, 'uvsadm.sh'), link);
  const refuse = () => Promise.reject(new Error('not asked'));
  const director: DirectorApi = {
    status: refuse,
    settings: () => ({}),
    changeSettings: refuse,
    zeroStatistics: refuse,
    uvsadm: (call, output) => {
      calls.push(call);
      return command(call, output);
    },
  };
  server = await startStatusServer(socket, director);
});

beforeEach(() => {
  calls = [];
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function start(program: string, args: readonly string[], input = '', at = socket) {
  const child = spawn(program, args, { env: { ...process.env, UVS_SOCKET: at }, timeout: 10_000 });
  child.stdin.on('error', () => {}).end(input);
  return child;
}

async function run(program: string, args: readonly string[], input = '', at = socket) {
  const child = start(program, args, input, at);
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.err += text;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...texts };
}

describe('uvsadm', () => {
  test('sends what was typed under the name that it was called by, and gives back what comes', async () => {
    command = async (_call, output) => {
      await output.out('größe\n');
      await output.err('bad\n');
      return 255;
    };
    expect(await run(link, ['-a', '-t', 'a b', ''])).toEqual({ code: 255, out: 'größe\n', err: 'bad\n' });
    expect(calls).toEqual([{ program: 'ipvsadm', args: ['-a', '-t', 'a b', ''], input: '' }]);
  });

  test('sends its input when it restores', async () => {
    command = async () => 0;
    const args = ['--socket', socket, '-R'];
    expect(await run(join(SCRIPTS, 'uvsadm.sh'), args, '-A -t 10.0.0.1:80\n', '/nowhere')).toEqual({ code: 0, out: '', err: '' });
    expect(calls).toEqual([{ program: 'uvsadm', args: ['-R'], input: '-A -t 10.0.0.1:80\n' }]);
  });

  test('without a director says so, as ipvsadm without its module', async () => {
    const at = join(folder, 'none.sock');
    const [listing, version] = await Promise.all([run(link, ['-ln'], '', at), run(link, ['-v'], '', at)]);
    expect(listing).toEqual({
      code: 2,
      out: '',
      err: `Can't initialize ipvs: Protocol not available\nNo director answers on ${at}: is \`uvs run\` running?\n`,
    });
    expect(version).toEqual({ code: 0, out: versionLine('ipvsadm'), err: '' });
  });

  test('ends quietly when nobody reads any longer, and the command with it', async () => {
    const ended = Promise.withResolvers<void>();
    command = async (_call, output) => {
      try {
        for (;;) await output.out('line\n'.repeat(1000));
      } finally {
        ended.resolve();
      }
    };
    expect(await run('/bin/sh', ['-c', `"${link}" -lnc | head -n 1`])).toEqual({ code: 0, out: 'line\n', err: '' });
    await ended.promise;
  });

  test.each(['220 hello\r\n', 'HTTP/1.1 200 OK\r\n\r\n<html>\n'])(
    'does not take just anything for a director: %j',
    async (greeting) => {
      const at = join(folder, 'other.sock');
      const other = createServer((peer) => peer.end(greeting));
      await new Promise<void>((resolve) => {
        other.listen(at, resolve);
      });
      expect(await run(link, ['-ln'], '', at)).toEqual({
        code: 255,
        out: '',
        err: `ipvsadm: what listens on ${at} is no director\n`,
      });
      other.close();
    },
  );

  test('--watch lists again and again until Ctrl-C', async () => {
    const third = Promise.withResolvers<void>();
    command = async (_call, output) => {
      await output.out('table\n');
      if (calls.length === 3) third.resolve();
      return 0;
    };
    const child = start(link, ['-ln', '--watch', '0.001']);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    await third.promise;
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(out).toMatch(/^(?:table\n){2,}$/);
  });
});

describe('the wrappers', () => {
  test('save and restore by uvsadm', async () => {
    command = async ({ args }, output) => {
      if (args[0] === '-S') await output.out('-A -t 10.0.0.1:80 -s rr\n');
      return 0;
    };
    const saved = await run(join(SCRIPTS, 'uvsadmSave.sh'), ['-n']);
    expect(saved).toEqual({ code: 0, out: '-A -t 10.0.0.1:80 -s rr\n', err: '' });
    expect((await run(join(SCRIPTS, 'uvsadmRestore.sh'), [], `# mine\n${saved.out}`)).code).toBe(0);
    expect(calls.map(({ args, input }) => [...args, input])).toEqual([
      ['-S', '-n', ''],
      ['-C', ''],
      ['-R', saved.out],
    ]);
  });

  test.each([
    ['uvsadmSave.sh', ['-x']],
    ['uvsadmSave.sh', ['-n', '-n']],
    ['uvsadmRestore.sh', ['-n']],
  ])('%s %j says how it is used, and does nothing', async (script, args) => {
    const { code, out, err } = await run(join(SCRIPTS, script), args);
    expect([code, out, err.split(' ')[0], calls]).toEqual([1, '', 'Usage:', []]);
  });
});
