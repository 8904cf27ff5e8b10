/** A call through a service with the persistence engine sip: RFC 3261 section 24.2, shortened. What the kernel does is in helperRecordings. */
import { describe, expect, test } from 'vitest';
import type { ServiceKey, ServiceSettings } from '../../src/table/actions.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig } from '../support/directorRig.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.0.2.10';
const SERVERS = ['10.0.1.1', '10.0.1.2', '10.0.1.3'];
const CALLER = '10.1.0.1';
const CALLEE = '10.1.0.2';
const SERVICE: ServiceKey = { protocol: 'udp', address: VIP, port: 5060 };
const SETTINGS: ServiceSettings = {
  ...{ scheduler: 'rr', schedulerFlags: [], onePacket: true },
  ...{ persistenceSeconds: 60, persistencePrefix: 0, persistenceEngine: 'sip' },
};

function message(start: string, callId: string, name = 'Call-ID'): string {
  const lines = [start, 'Via: SIP/2.0/UDP pc33.example.com', 'From: Alice <sip:alice@example.com>;tag=1', `${name}: ${callId}`];
  return [...lines, 'CSeq: 1 INVITE', 'Content-Length: 0', '', ''].join('\r\n');
}
const INVITE = 'INVITE sip:bob@example.com SIP/2.0';
const BYE = 'BYE sip:bob@example.com SIP/2.0';
const OK = 'SIP/2.0 200 OK';

function rigWith(settings: Partial<ServiceSettings> = {}, connections = 1024): DirectorRig {
  const rig = new DirectorRig({ connections });
  rig.apply({ kind: 'addService', service: SERVICE, settings: { ...SETTINGS, ...settings } });
  for (const address of SERVERS) {
    const destination = { address, port: 5060 };
    const values = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
    rig.apply({ kind: 'addDestination', service: SERVICE, destination, settings: values });
    rig.reach(address);
  }
  return rig;
}

/** The real server that a message of a client reaches, or what became of it. */
function ask(rig: DirectorRig, client: string, port: number, text: string): string {
  const request = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC }).ipv4({ source: client, target: VIP });
  const [out] = rig.send('client', request.udp({ source: port, target: 5060 }).payload(text).build());
  if (out === undefined) return 'nobody';
  expectFrame(out.frame).checksumsAreRight();
  return `10.0.1.${out.frame[5]}`;
}

/** A message of a real server to a client: what comes out. */
function call(rig: DirectorRig, server: string, client: string, port: number, text: string) {
  const source = `02:00:00:00:01:0${server.at(-1)}`;
  const request = frame().ethernet({ source, target: DIRECTOR_SERVER_MAC }).ipv4({ source: server, target: client });
  return rig.send('server', request.udp({ source: 5060, target: port }).payload(text).build())[0];
}

describe('a call', () => {
  test('stays on one real server, whoever speaks and from whatever port', () => {
    const rig = rigWith();
    const first = ask(rig, CALLER, 5060, message(INVITE, 'c1@pc33'));
    expect(ask(rig, CALLER, 5060, message(INVITE, 'c2@pc33'))).not.toBe(first);
    for (const [client, port, start] of [
      [CALLER, 5061, INVITE],
      [CALLER, 6000, BYE],
      [CALLEE, 5060, OK],
    ] as const) {
      expect(ask(rig, client, port, message(start, 'c1@pc33'))).toBe(first);
    }
    expect(ask(rig, CALLEE, 5060, message(OK, 'c1@pc33', 'i'))).toBe(first);
  });

  test('is told apart from that of another client where the whole address counts', () => {
    const rig = rigWith({ persistencePrefix: 32 });
    const servers = [CALLER, CALLEE].map((client) => ask(rig, client, 5060, message(INVITE, 'c1@pc33')));
    expect(new Set(servers).size).toBe(2);
    expect(ask(rig, CALLER, 5061, message(BYE, 'c1@pc33'))).toBe(servers[0]);
  });

  test('is forgotten when its template has run out', () => {
    const rig = rigWith();
    const first = ask(rig, CALLER, 5060, message(INVITE, 'c1@pc33'));
    expect(rig.director.state.tables.callIds.count).toBe(1);
    rig.clock.advance(61_000);
    rig.breath.breathe();
    expect(rig.director.state.tables.callIds.count).toBe(0);
    expect(ask(rig, CALLER, 5060, message(INVITE, 'c1@pc33'))).not.toBe(first);
  });
});

test('a message without a Call-ID is dropped and counted, and so is one when all room for them is taken', () => {
  const rig = rigWith({}, 8);
  expect(ask(rig, CALLER, 5060, 'OPTIONS sip:bob SIP/2.0\r\n\r\n')).toBe('nobody');
  // As many names as connections: one-packet connections take a row in passing.
  const answers = Array.from({ length: 9 }, (_, i) => ask(rig, CALLER, 5060, message(INVITE, `full${i}@x`)));
  expect(answers.filter((answer) => answer === 'nobody')).toHaveLength(2);
  const { noCallId = 0, connectionTableFull = 0, callIdTableFull = 0 } = rig.counters();
  expect([noCallId, connectionTableFull + callIdTableFull]).toEqual([1, 2]);
});

describe('a real server that calls first', () => {
  test('reaches the client from the virtual address, and the answer comes back to it', () => {
    const rig = rigWith();
    ask(rig, CALLEE, 5060, message(INVITE, 'other@pc34'));
    const out = call(rig, '10.0.1.3', CALLER, 5070, message(INVITE, 'out@rs3'));
    expect(out?.side).toBe('client');
    expectFrame(out!.frame).isForMac(CLIENT_MAC).hasSource(VIP).hasTarget(CALLER).hasPorts(5060, 5070).checksumsAreRight();
    expect(ask(rig, CALLER, 5070, message(OK, 'out@rs3'))).toBe('10.0.1.3');
    expect(rig.counters()['openedFromServer']).toBe(1);
  });

  test.each([
    ['before any client was seen', message(INVITE, 'out@rs3'), 'clientWayUnknown'],
    ['without a Call-ID', 'OPTIONS sip:bob SIP/2.0\r\n\r\n', undefined],
  ] as const)('%s is left to the host', (name, text, counted) => {
    const rig = rigWith();
    if (name === 'without a Call-ID') ask(rig, CALLEE, 5060, message(INVITE, 'other@pc34'));
    expect(call(rig, '10.0.1.3', CALLER, 5070, text)?.side).toBe('host');
    expect(rig.counters()['clientWayUnknown']).toBe(counted === undefined ? undefined : 1);
  });
});

test('an engine of another name is refused, and one that is taken away leaves plain persistence', () => {
  const rig = rigWith();
  const edit = (persistenceEngine: string) => () =>
    rig.apply({ kind: 'editService', service: SERVICE, settings: { ...SETTINGS, persistenceEngine } });
  expect(edit('h323')).toThrow('no persistence engine named "h323"');
  edit('')();
  expect(ask(rig, CALLER, 5060, 'no SIP at all')).not.toBe('nobody');
  expect(rig.director.state.tables.services.haveEngine).toBe(false);
});
