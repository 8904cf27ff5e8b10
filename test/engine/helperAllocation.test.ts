/** The helpers allocate nothing: dialogues of FTP and calls of SIP go through the engine, and the heap stays as it is. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Burst } from '../../src/memory/burst.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig } from '../support/directorRig.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.168.100.1';
const SERVER = '10.0.1.1';
const CLIENT = '10.1.0.1';
const WARM_ROUNDS = 5000;
const ROUNDS = 15_000;
/** A single object per frame would be 1.4 MB and more. */
const SLACK_BYTES = 1 << 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const fromClient = () =>
  frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC }).ipv4({ source: CLIENT, target: VIP });
const fromServer = () =>
  frame().ethernet({ source: '02:00:00:00:01:01', target: DIRECTOR_SERVER_MAC }).ipv4({ source: SERVER, target: CLIENT });

function rigWithBoth(): DirectorRig {
  const rig = new DirectorRig({ connections: 64 });
  rig.service('tcp', VIP, 21, [{ address: SERVER, port: 21, method: 'masq' }]);
  rig.service('udp', VIP, 5060, [{ address: SERVER, port: 5060, method: 'masq' }]);
  const persistence = { persistenceSeconds: 60, persistencePrefix: 0, persistenceEngine: 'sip' };
  const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: true, ...persistence };
  rig.apply({ kind: 'editService', service: { protocol: 'udp', address: VIP, port: 5060 }, settings });
  rig.send('client', fromClient().tcp({ source: 4001, target: 21, flags: 'SYN', seq: 1000 }).build());
  rig.send('server', fromServer().tcp({ source: 21, target: 4001, flags: 'SYN ACK', seq: 5000, ack: 1001 }).build());
  rig.send('client', fromClient().tcp({ source: 4001, target: 21, seq: 1001, ack: 5001 }).build());
  return rig;
}

test('commands, replies that change their length, acknowledgements, Call-IDs and calls of a server', () => {
  const rig = rigWithBoth();
  const { director } = rig;
  const message = 'INVITE sip:bob SIP/2.0\r\nVia: pc33\r\nCall-ID: a84b4c@pc33\r\n\r\n';
  const toServer = { source: 4001, target: 21, flags: 'ACK PSH' };
  const blocks = Uint8Array.from([1, 1, 5, 10, 0, 0, 20, 0, 0, 0, 20, 9]);
  const frames = [
    [
      0,
      fromClient()
        .tcp({ ...toServer, seq: 1001, ack: 5001 })
        .payload('PASV\r\n'),
    ],
    [1, fromServer().tcp({ source: 21, target: 4001, seq: 5001, ack: 1007 }).payload('227 x (10,0,1,1,200,10).\r\n')],
    [
      0,
      fromClient()
        .tcp({ ...toServer, seq: 1007, ack: 5031, options: blocks })
        .payload('EPRT |1|10.1.0.1|40961|\r\nEP'),
    ],
    [0, fromClient().udp({ source: 5060, target: 5060 }).payload(message)],
    [1, fromServer().udp({ source: 5060, target: 5070 }).payload(message)],
    [0, fromClient().udp({ source: 5060, target: 5060 }).payload('nothing')],
  ] as const;
  const bytes = frames.map(([, of]) => of.build());
  const at = director.state.arena.reserve(frames.length * 512) + 128;
  const burst = new Burst();
  const run = (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      burst.count = 0;
      for (let k = 0; k < frames.length; k++) {
        director.state.arena.bytes.set(bytes[k]!, at + k * 512);
        burst.push(at + k * 512, bytes[k]!.length);
      }
      director.setTime();
      for (let k = 0; k < frames.length; k++) director.handle(burst, k, frames[k]![0]);
      director.expire();
    }
  };
  run(WARM_ROUNDS);
  collect();
  const before = process.memoryUsage().heapUsed;
  run(ROUNDS);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(SLACK_BYTES);
  const each = WARM_ROUNDS + ROUNDS;
  expect(rig.counters()).toMatchObject({ ftpRepliesRewritten: each, openedFromServer: each, noCallId: each });
});
