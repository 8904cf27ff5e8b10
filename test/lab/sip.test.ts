/** Calls by SIP through a masq director over real sockets: each stays on one real server, and real servers call clients. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import type { LabPlan } from '../../src/lab/labPlan.ts';
import { startInNamespace } from '../../src/lab/labProcess.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { inNamespace, labName, mustSkip } from './endToEndRig.ts';

const SCRIPT = join(import.meta.dirname, 'sipPeer.py');
const CALLS = ['a84b4c76e66710@pc33', 'f81d4fae-7dec@pc34', '3848276298220188511@pc35', 'x@y'];

describe.skipIf(mustSkip())('SIP through a director with method masq', () => {
  const name = labName('sip');
  const folder = mkdtempSync(join(tmpdir(), 'uvs-sip-'));
  let plan: LabPlan;
  let director: LabDirector;

  beforeAll(async () => {
    plan = planLab(name, 'nat', 3);
    await labUp(plan);
    director = await startDirector(plan, { scheduler: 'rr', io: 'packet', config: sipConfig(plan), warmUp: false });
    for (const { name: server, namespace, address } of plan.realServers) {
      const started = startInNamespace(namespace, ['python3', SCRIPT, 'serve', server, address.v4, address.v6]);
      const first = await started.lines.next();
      if (first.value !== 'ready') throw new Error(`no SIP server: ${started.lastWords()}`);
    }
  });
  afterAll(async () => {
    await director?.stop();
    await labDown(name);
    rmSync(folder, { recursive: true });
  });

  /** One line per message; @returns who answered each, and who called */
  const ask = async (family: 'v4' | 'v6', lines: readonly string[]): Promise<string[]> => {
    const file = join(folder, 'lines');
    writeFileSync(file, `${lines.join('\n')}\n`);
    const command = ['sh', '-c', `exec python3 ${SCRIPT} ask ${plan.virtual[family]} < ${file}`];
    return (await inNamespace(plan.client.namespace, command)).trim().split('\n');
  };

  test.each(['v4', 'v6'] as const)(
    'INVITE, INVITE again and BYE of a call reach one server from any port, %s',
    async (family) => {
      const lines = ['INVITE', 'INVITE', 'BYE'].flatMap((start, round) =>
        CALLS.map((call, i) => `${5060 + ((round * 7 + i) % 5)} ${call} ${start}`),
      );
      const answers = await ask(family, lines);
      const first = answers.slice(0, CALLS.length);
      expect(new Set(first)).toEqual(new Set(['rs1', 'rs2', 'rs3']));
      expect(answers).toEqual([...first, ...first, ...first]);
    },
  );

  test.each(['v4', 'v6'] as const)(
    'a call that a server makes comes from the virtual address, and the answer goes to it, %s',
    async (family) => {
      const [answer = ''] = await ask(family, ['5080 call-me@pc33 OPTIONS 5090']);
      const [server] = answer.split(' ');
      expect(answer).toBe(`${server} ${server} ${server}`);
      const { counters } = await director.status();
      expect(counters['openedFromServer']).toBeGreaterThan(0);
    },
  );
});

/** Each message judged by its own Call-ID, whoever sends it. */
function sipConfig({ virtual, realServers }: LabPlan): string {
  const endpoint = (address: string) => (address.includes(':') ? `[${address}]:5060` : `${address}:5060`);
  const services = (['v4', 'v6'] as const).map((family) => ({
    address: `udp ${endpoint(virtual[family])}`,
    scheduler: 'rr',
    method: 'masq',
    onePacket: true,
    persistence: { timeout: 60, prefix: family === 'v4' ? 0 : 1 },
    persistenceEngine: 'sip',
    realServers: realServers.map(({ address }) => ({ address: address[family] })),
  }));
  return stringify({ services });
}
