/** Commands of uvsadm over the director's socket: streamed, at the pace of the reader. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CommandOutput, ReaderGone } from '../../src/api/commandStream.ts';
import type { DirectorApi, UvsadmCall } from '../../src/api/routes.ts';
import { type StatusServer, startStatusServer } from '../../src/api/statusServer.ts';

let folder: string;
let path: string;
let server: StatusServer;
let command: (call: UvsadmCall, output: CommandOutput) => Promise<number>;

const refuse = () => Promise.reject(new Error('not asked'));
const director: DirectorApi = {
  status: refuse,
  settings: () => ({}),
  changeSettings: refuse,
  zeroStatistics: refuse,
  uvsadm: (call, output) => command(call, output),
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uvs-stream-'));
  path = join(folder, 'uvs.sock');
  server = await startStatusServer(path, director);
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** The code and the lines of the answer. */
function ask(body: string): Promise<[number | undefined, unknown[]]> {
  return new Promise((resolve, reject) => {
    const question = request({ socketPath: path, method: 'POST', path: '/v1/uvsadm' }, async (response) => {
      const parts = await response.setEncoding('utf8').toArray();
      const lines = parts.join('').split('\n').slice(0, -1);
      resolve([response.statusCode, lines.map((line) => JSON.parse(line))]);
    });
    question.once('error', reject);
    question.end(body);
  });
}

const CALL = { program: 'ipvsadm', args: ['-L', '-n'] };

describe('a command', () => {
  test('is given what was typed, and its words come back in order', async () => {
    command = async (call, output) => {
      await output.out('one\n');
      await output.out(`${JSON.stringify(call)}\n`);
      await output.err('bad\n');
      await output.out('two\n');
      return 2;
    };
    expect(await ask(JSON.stringify({ ...CALL, input: '-A' }))).toEqual([
      200,
      [{ out: `one\n${JSON.stringify({ ...CALL, input: '-A' })}\n` }, { err: 'bad\n' }, { out: 'two\n' }, { exit: 2 }],
    ]);
  });

  test('that says nothing has an exit code', async () => {
    command = async () => 0;
    expect(await ask(JSON.stringify(CALL))).toEqual([200, [{ exit: 0 }]]);
  });

  test('that breaks says why, and is refused', async () => {
    command = async (_call, output) => {
      await output.out('head\n');
      throw new Error('the worker is gone');
    };
    expect(await ask(JSON.stringify(CALL))).toEqual([
      200,
      [{ out: 'head\n' }, { err: 'ipvsadm: the worker is gone\n' }, { exit: 255 }],
    ]);
  });

  test.each([
    ['{', 'the body is not JSON'],
    ['{}', 'program: Invalid input: expected string, received undefined'],
    ['{"program": "ipvsadm", "args": "-L"}', 'args: Invalid input: expected array, received string'],
    ['{"program": "ipvsadm", "args": [], "more": 1}', 'the body: Unrecognized key: "more"'],
  ])('that makes no sense is not carried out: %s', async (body, error) => {
    command = refuse;
    expect(await ask(body)).toEqual([400, [{ error }]]);
  });

  test('may restore more than any other question may hold', async () => {
    command = async ({ input }) => Math.min(input.length, 255);
    expect(await ask(JSON.stringify({ ...CALL, input: '-A -t 10.0.0.1:80\n'.repeat(10_000) }))).toEqual([200, [{ exit: 255 }]]);
  });
});

describe('a reader', () => {
  /** Asks, and reads nothing yet. */
  function open(): Socket {
    const body = JSON.stringify(CALL);
    const socket = connect(path);
    socket.pause();
    socket.write(`POST /v1/uvsadm HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    return socket;
  }

  test('that is slow holds up the command', async () => {
    let written = 0;
    const stalled = Promise.withResolvers<void>();
    command = async (_call, output) => {
      for (; written < 200; written++) {
        const room = output.out('x'.repeat(50_000));
        if ((await Promise.race([room.then(() => 'room'), turns(20)])) !== 'room') stalled.resolve();
        await room;
      }
      return 0;
    };
    const socket = open();
    await stalled.promise;
    expect(written).toBeLessThan(100);
    let bytes = 0;
    for await (const part of socket) bytes += (part as Buffer).length;
    expect(written).toBe(200);
    expect(bytes).toBeGreaterThan(200 * 50_000);
  });

  test('that goes away ends it', async () => {
    const ended = Promise.withResolvers<unknown>();
    command = async (_call, output) => {
      try {
        for (;;) await output.out('x'.repeat(50_000));
      } catch (error) {
        ended.resolve(error);
        throw error;
      }
    };
    const socket = open();
    await new Promise((resolve) => socket.once('readable', resolve));
    socket.destroy();
    expect(await ended.promise).toBeInstanceOf(ReaderGone);
  });
});

/** So many turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
