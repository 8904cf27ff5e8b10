import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fetchStatus } from '../../src/api/statusClient.ts';
import { ensureSocketIsFree, type StatusServer, startStatusServer } from '../../src/api/statusServer.ts';
import type { DirectorStatus } from '../../src/control/directorStatus.ts';
import { FakeDataPlane } from '../control/fakeDataPlane.ts';

let folder: string;
let path: string;
let server: StatusServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uvs-api-'));
  path = join(folder, 'run', 'uvs.sock');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function status(connections: number): Promise<DirectorStatus> {
  const dataPlane = await new FakeDataPlane().status(connections);
  return { version: '0.1.0', pid: 7, configFile: 'web.yaml', uptimeSeconds: 3, dataPlane };
}

/** The code and the body of one request. */
function ask(method: string, target: string): Promise<[number | undefined, unknown]> {
  return new Promise((resolve, reject) => {
    const question = request({ socketPath: path, method, path: target }, async (response) => {
      const parts = await response.setEncoding('utf8').toArray();
      resolve([response.statusCode, JSON.parse(parts.join(''))]);
    });
    question.once('error', reject);
    question.end();
  });
}

describe('the status socket', () => {
  test('gives the client what the director says of itself', async () => {
    server = await startStatusServer(path, status);
    expect(await fetchStatus(path, 5)).toEqual(await status(5));
  });

  test('is for its owner alone', async () => {
    server = await startStatusServer(path, status);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('lists no connections unless it is asked to', async () => {
    server = await startStatusServer(path, status);
    const [, body] = await ask('GET', '/v1/status');
    expect((body as DirectorStatus).dataPlane.connections.count).toBe(0);
  });

  test.each([
    ['GET', '/v1/nothing', 404],
    ['POST', '/v1/status', 405],
    ['GET', '/v1/status?connections=-1', 400],
    ['GET', '/v1/status?connections=many', 400],
    ['GET', '/v1/status?connections=100001', 400],
    ['GET', '//[', 400],
  ])('%s %s is answered with %i', async (method, target, code) => {
    server = await startStatusServer(path, status);
    expect((await ask(method, target))[0]).toBe(code);
  });

  test('says why the director has no answer, and lives on', async () => {
    server = await startStatusServer(path, () => Promise.reject(new Error('the worker is gone')));
    await expect(fetchStatus(path, 0)).rejects.toMatchObject({
      code: 'DIRECTOR_UNREACHABLE',
      message: expect.stringContaining('the worker is gone'),
    });
    expect((await ask('GET', '/v1/status'))[0]).toBe(503);
  });

  test('is removed in the end', async () => {
    server = await startStatusServer(path, status);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test('of a living director is not taken away', async () => {
    server = await startStatusServer(path, status);
    await expect(startStatusServer(path, status)).rejects.toMatchObject({ code: 'SOCKET_IN_USE' });
    await expect(ensureSocketIsFree(path)).rejects.toMatchObject({ code: 'SOCKET_IN_USE' });
    expect(await fetchStatus(path, 0)).toEqual(await status(0));
  });

  test('of a dead one is replaced', async () => {
    await leaveStaleSocket(join(folder, 'old.sock'));
    path = join(folder, 'old.sock');
    await ensureSocketIsFree(path);
    server = await startStatusServer(path, status);
    expect((await fetchStatus(path, 0)).pid).toBe(7);
  });

  test('never replaces a file that is no socket', async () => {
    path = join(folder, 'precious');
    writeFileSync(path, 'text');
    await expect(startStatusServer(path, status)).rejects.toMatchObject({ code: 'KERNEL_REFUSED' });
    expect(existsSync(path)).toBe(true);
  });

  test('needs a path that fits the kernel', async () => {
    await expect(startStatusServer(join(folder, 'x'.repeat(120)), status)).rejects.toMatchObject({ code: 'KERNEL_REFUSED' });
  });
});

describe('the client', () => {
  test('says that there is no director', async () => {
    await expect(fetchStatus(path, 0)).rejects.toMatchObject({ code: 'DIRECTOR_UNREACHABLE', message: `no director on ${path}` });
  });

  test('does not take just anything for a director', async () => {
    path = join(folder, 'other.sock');
    const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'));
    await new Promise<void>((resolve) => {
      other.listen(path, resolve);
    });
    await expect(fetchStatus(path, 0)).rejects.toMatchObject({ message: `what listens on ${path} is no director` });
    other.close();
  });
});

/** A socket file that nobody listens on: renamed away before its server closes and removes it. */
async function leaveStaleSocket(stale: string): Promise<void> {
  const dead = createServer();
  const born = join(folder, 'born.sock');
  await new Promise<void>((resolve) => {
    dead.listen(born, resolve);
  });
  renameSync(born, stale);
  await new Promise((resolve) => {
    dead.close(resolve);
  });
}
