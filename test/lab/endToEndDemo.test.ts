import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { labFolder } from '../../src/lab/labPlan.ts';
import { listNamespaces } from '../../src/lab/namespaces.ts';
import { mustSkip } from './endToEndRig.ts';

/** Starts the command. @returns its process and its lines as they come */
function start(...args: readonly string[]) {
  const child = spawn(process.execPath, ['src/cli/uvs.ts', 'demo', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const left = () => ({
    namespaces: listNamespaces().filter((name) => name.startsWith(`uvs-demo${child.pid}-`)),
    files: existsSync(labFolder(`demo${child.pid}`)),
  });
  return { child, ended, lines, left };
}

async function until(lines: AsyncIterator<string>, wanted: RegExp): Promise<string> {
  for (;;) {
    const next = await lines.next();
    if (next.done === true) throw new Error(`no line like ${wanted}`);
    if (wanted.test(next.value)) return next.value;
  }
}

const NOTHING = { namespaces: [], files: false };

describe.skipIf(mustSkip())('uvs demo', () => {
  test.each([
    ['dr', '--udp'],
    ['nat', '--ipv6'],
    ['tun', '--ipv6'],
  ])('%s %s: --json prints one object, exits 0 and leaves nothing', async (method, option) => {
    const { ended, lines, left } = start('--json', '--method', method, option, '--requests', '4');
    const { value } = await lines.next();
    expect(JSON.parse(value ?? '')).toMatchObject({ method, requests: 4, failed: 0, perRealServer: { rs1: 2, rs2: 2 } });
    expect((await lines.next()).done).toBe(true);
    expect(await ended).toBe(0);
    expect(left()).toEqual(NOTHING);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s in the live view ends it with 0 and leaves nothing', async (signal) => {
    const { child, ended, lines, left } = start('--requests', '2');
    await until(lines, /^Ten requests a second/);
    expect(left().namespaces).toHaveLength(5);
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(left()).toEqual(NOTHING);
  });

  test('a signal while it is being built leaves nothing', async () => {
    const { child, ended, lines, left } = start();
    await until(lines, /namespaces:/);
    child.kill('SIGTERM');
    expect(await ended).toBe(130);
    expect(left()).toEqual(NOTHING);
  });

  test('a reader that goes away ends it, and leaves nothing', async () => {
    const { child, ended, lines, left } = start();
    await until(lines, /namespaces:/);
    child.stdout.destroy();
    expect(await ended).toBe(130);
    expect(left()).toEqual(NOTHING);
  });

  test('what one that was killed left behind, the next one removes', async () => {
    const killed = start('--requests', '2');
    await until(killed.lines, /^Ten requests a second/);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(killed.left().namespaces).toHaveLength(5);
    const next = start('--json', '--requests', '1');
    expect(await next.ended).toBe(0);
    expect(killed.left()).toEqual(NOTHING);
  });
});
