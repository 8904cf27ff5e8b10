import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Protocol } from '../../src/base/terms.ts';
import { filterEntries } from '../../src/bpf/endpoints.ts';
import { fanoutProgram } from '../../src/bpf/fanout.ts';
import { encodePacket, type PacketSpec } from './frames.ts';
import { run } from './interpreter.ts';
import { endpointMaps } from './selectorRun.ts';

const ENDPOINTS_FD = 3;
const PREFIXES_FD = 4;
const PROGRAM = fanoutProgram({ endpoints: ENDPOINTS_FD, prefixes: PREFIXES_FD });
const VIP = '192.0.2.1';
const SERVER = '10.0.0.1';
/** FTP and HTTP at one virtual address and one real server. */
const MAPS = new Map(
  endpointMaps(
    ENDPOINTS_FD,
    PREFIXES_FD,
    filterEntries({
      services: [
        { protocol: 'tcp', address: VIP, port: 21, byAddress: true },
        { protocol: 'tcp', address: VIP, port: 0, byAddress: true },
        { protocol: 'tcp', address: VIP, port: 80 },
      ],
      destinations: [
        { protocol: 'tcp', address: SERVER, port: 0, method: 'masq', byAddress: true },
        { protocol: 'tcp', address: SERVER, port: 80, method: 'masq' },
      ],
      localAddresses: [VIP],
    }),
  ),
);
const CLIENT = '198.51.100.7';

function hashOf(packet: Omit<PacketSpec, 'protocol'>): number {
  return run(PROGRAM, { frame: encodePacket({ protocol: Protocol.tcp, ...packet }), context: new Map(), maps: MAPS }).result;
}
const request = (sourcePort: number, destinationPort: number) =>
  hashOf({ source: CLIENT, destination: VIP, sourcePort, destinationPort });
const reply = (sourcePort: number, destinationPort: number) =>
  hashOf({ source: SERVER, destination: CLIENT, sourcePort, destinationPort });
const ports = fc.integer({ min: 1024, max: 65_535 });

test('all that a client of FTP and its real server send, on whatever ports, goes to one worker', () => {
  const control = request(40_000, 21);
  fc.assert(
    fc.property(ports, ports, (mine, theirs) => {
      expect([request(mine, 21), request(mine, theirs), request(mine, 20)]).toEqual([control, control, control]);
      expect([reply(21, mine), reply(theirs, mine), reply(20, mine)]).toEqual([control, control, control]);
    }),
    { numRuns: 30 },
  );
});

test('another service of the same address still goes by address and port', () => {
  expect(reply(80, 40_000)).toBe(request(40_000, 80));
  expect(request(40_000, 80)).not.toBe(request(40_001, 80));
});
