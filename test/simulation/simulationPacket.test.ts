import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';
import { formatPacket, readPacket, type SimulatedPacket, writeFrame } from '../../src/lab/simulationPacket.ts';

const MAC = { high: 0x0277, low: 1 };
const ETHERNET_BYTES = 14;

const word = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const v4 = word.map((last): Address => ({ family: Family.v4, words: [0, 0, 0, last] }));
const v6 = fc.tuple(word, word, word, word).map((words): Address => ({ family: Family.v6, words }));
const ends = fc.oneof(fc.tuple(v4, v4), fc.tuple(v6, v6));
const port = fc.integer({ min: 0, max: 65_535 });

const packets = fc
  .record({
    ends,
    isTcp: fc.boolean(),
    hopLimit: fc.integer({ min: 1, max: 255 }),
    sourcePort: port,
    targetPort: port,
    flags: fc.integer({ min: 0, max: 31 }),
    sequence: word,
    acknowledgement: word,
    payload: fc.uint8Array({ maxLength: 1400 }),
  })
  .map(({ ends: [source, target], isTcp, flags, sequence, acknowledgement, ...rest }): SimulatedPacket => {
    const protocol = isTcp ? Protocol.tcp : Protocol.udp;
    return isTcp
      ? { source, target, protocol, flags, sequence, acknowledgement, ...rest }
      : { source, target, protocol, flags: 0, sequence: 0, acknowledgement: 0, ...rest };
  });

function write(packet: SimulatedPacket): { v: DataView; bytes: number } {
  const v = new DataView(new ArrayBuffer(1600));
  return { v, bytes: writeFrame(v, 0, packet, MAC, MAC) };
}

describe('packets of the simulation', () => {
  test('reading what was written gives the same packet', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        const { v, bytes } = write(packet);
        expect(readPacket(v, ETHERNET_BYTES, bytes - ETHERNET_BYTES)).toEqual(packet);
      }),
      { numRuns: 200 },
    );
  });

  test('a flipped bit behind the IP header is refused, as a host would refuse it', () => {
    fc.assert(
      fc.property(packets, fc.nat(), fc.integer({ min: 0, max: 7 }), (packet, where, bit) => {
        const { v, bytes } = write(packet);
        const l4 = ETHERNET_BYTES + (packet.source.family === Family.v4 ? 20 : 40);
        // The UDP checksum field itself may become 0, which means "none".
        const at = l4 + (where % (bytes - l4));
        fc.pre(packet.protocol === Protocol.tcp || at < l4 + 6 || at >= l4 + 8);
        v.setUint8(at, v.getUint8(at) ^ (1 << bit));
        expect(() => readPacket(v, ETHERNET_BYTES, bytes - ETHERNET_BYTES)).toThrow();
      }),
      { numRuns: 200 },
    );
  });

  test('a trace line names ends, protocol, flags and payload', () => {
    const packet: SimulatedPacket = {
      source: { family: Family.v4, words: [0, 0, 0, 0x0a4d0001] },
      target: { family: Family.v4, words: [0, 0, 0, 0x0a4d0064] },
      hopLimit: 64,
      protocol: Protocol.tcp,
      sourcePort: 40_000,
      targetPort: 80,
      flags: 0x18,
      sequence: 1,
      acknowledgement: 2,
      payload: new Uint8Array(3),
    };
    expect(formatPacket(packet)).toBe('10.77.0.1:40000 > 10.77.0.100:80 tcp PA 3');
    expect(formatPacket({ ...packet, protocol: Protocol.udp })).toBe('10.77.0.1:40000 > 10.77.0.100:80 udp 3');
    expect(formatPacket({ ...packet, protocol: Protocol.ipip })).toBe('10.77.0.1 > 10.77.0.100 protocol 4 3');
  });
});
