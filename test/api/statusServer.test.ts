import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DirectorApi } from '../../src/api/routes.ts';
import { changeSettings, fetchSettings, fetchStatus, zeroStatistics } from '../../src/api/statusClient.ts';
import { ensureSocketIsFree, type StatusServer, startStatusServer } from '../../src/api/statusServer.ts';
import { UvsError } from '../../src/base/errors.ts';
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

/** A director that remembers what it was asked to do. */
function director(changes: Partial<DirectorApi> = {}): DirectorApi & { readonly done: unknown[] } {
  const done: unknown[] = [];
  return {
    done,
    status,
    settings: () => ({ sloppy_tcp: 0, sync_threshold: [3, 50] }),
    changeSettings: async (values) => done.push(values),
    zeroStatistics: async (service) => void done.push(service),
    uvsadm: async () => 0,
    ...changes,
  };
}

/** The code and the body of one request. */
function ask(method: string, target: string, body = ''): Promise<[number | undefined, unknown]> {
  return new Promise((resolve, reject) => {
    const question = request({ socketPath: path, method, path: target }, async (response) => {
      const parts = await response.setEncoding('utf8').toArray();
      resolve([response.statusCode, JSON.parse(parts.join(''))]);
    });
    question.once('error', reject);
    question.end(body);
  });
}

describe('the status socket', () => {
  test('gives the client what the director says of itself', async () => {
    server = await startStatusServer(path, director());
    expect(await fetchStatus(path, 5)).toEqual(await status(5));
  });

  test('is for its owner alone', async () => {
    server = await startStatusServer(path, director());
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('lists no connections unless it is asked to', async () => {
    server = await startStatusServer(path, director());
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
    ['PUT', '/v1/settings', 405],
    ['GET', '/v1/statistics/zero', 405],
  ])('%s %s is answered with %i', async (method, target, code) => {
    server = await startStatusServer(path, director());
    expect((await ask(method, target))[0]).toBe(code);
  });

  test.each([
    ['PATCH', '/v1/settings', '{', 400, 'the body is not JSON'],
    ['PATCH', '/v1/settings', '{"sloppy_tcp": "on"}', 400, 'sloppy_tcp: Invalid input'],
    ['PATCH', '/v1/settings', '[]', 400, 'the body: Invalid input: expected record, received array'],
    ['POST', '/v1/statistics/zero', '{"service": {"port": 80}}', 400, 'service: Invalid input'],
    ['POST', '/v1/statistics/zero', '{"services": []}', 400, 'the body: Unrecognized key: "services"'],
    ['POST', '/v1/statistics/zero', ' '.repeat(70_000), 413, 'the body is longer than 65536 bytes'],
  ])('%s %s of a body that makes no sense is answered with %4$i', async (method, target, body, code, error) => {
    const asked = director();
    server = await startStatusServer(path, asked);
    expect(await ask(method, target, body)).toEqual([code, { error }]);
    expect(asked.done).toEqual([]);
  });

  test('shows and changes settings', async () => {
    const asked = director();
    server = await startStatusServer(path, asked);
    expect(await fetchSettings(path)).toEqual({ sloppy_tcp: 0, sync_threshold: [3, 50] });
    expect(await changeSettings(path, { sync_threshold: [3, 10] })).toEqual(asked.settings());
    expect(asked.done).toEqual([{ sync_threshold: [3, 10] }]);
  });

  test('gives a refusal with its code and its hint', async () => {
    const refuse = () => Promise.reject(new UvsError('SETTING_INVALID', 'drop_entry cannot be 9', { hint: 'Range: 0 to 3.' }));
    server = await startStatusServer(path, director({ changeSettings: refuse }));
    await expect(changeSettings(path, { drop_entry: 9 })).rejects.toMatchObject({
      code: 'SETTING_INVALID',
      message: 'drop_entry cannot be 9',
      hint: 'Range: 0 to 3.',
    });
  });

  test('sets counters to zero, of one service or of all', async () => {
    const asked = director();
    const services = [{ protocol: 'tcp', address: '10.0.0.1', port: 80 } as const, { firewallMark: 7, family: 'v6' } as const];
    server = await startStatusServer(path, asked);
    for (const service of [...services, undefined]) await zeroStatistics(path, service);
    expect(asked.done).toEqual([...services, undefined]);
  });

  test('says why the director has no answer, and lives on', async () => {
    server = await startStatusServer(path, director({ status: () => Promise.reject(new Error('the worker is gone')) }));
    await expect(fetchStatus(path, 0)).rejects.toMatchObject({
      code: 'DIRECTOR_UNREACHABLE',
      message: expect.stringContaining('the worker is gone'),
    });
    expect((await ask('GET', '/v1/status'))[0]).toBe(503);
  });

  test('is removed in the end', async () => {
    server = await startStatusServer(path, director());
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test('of a living director is not taken away', async () => {
    server = await startStatusServer(path, director());
    await expect(startStatusServer(path, director())).rejects.toMatchObject({ code: 'SOCKET_IN_USE' });
    await expect(ensureSocketIsFree(path)).rejects.toMatchObject({ code: 'SOCKET_IN_USE' });
    expect(await fetchStatus(path, 0)).toEqual(await status(0));
  });

  test('of a dead one is replaced', async () => {
    await leaveStaleSocket(join(folder, 'old.sock'));
    path = join(folder, 'old.sock');
    await ensureSocketIsFree(path);
    server = await startStatusServer(path, director());
    expect((await fetchStatus(path, 0)).pid).toBe(7);
  });

  test('never replaces a file that is no socket', async () => {
    path = join(folder, 'precious');
    writeFileSync(path, 'text');
    await expect(startStatusServer(path, director())).rejects.toMatchObject({ code: 'KERNEL_REFUSED' });
    expect(existsSync(path)).toBe(true);
  });

  test('needs a path that fits the kernel', async () => {
    await expect(startStatusServer(join(folder, 'x'.repeat(120)), director())).rejects.toMatchObject({ code: 'KERNEL_REFUSED' });
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
