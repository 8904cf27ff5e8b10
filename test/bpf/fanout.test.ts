import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Protocol } from '../../src/base/terms.ts';
import { filterEntries } from '../../src/bpf/endpoints.ts';
import { fanoutListing, fanoutProgram } from '../../src/bpf/fanout.ts';
import { encodePacket, type PacketSpec } from './frames.ts';
import { run } from './interpreter.ts';
import { endpointMaps } from './selectorRun.ts';

const ENDPOINTS_FD = 3;
const PREFIXES_FD = 4;
const PROGRAM = fanoutProgram({ endpoints: ENDPOINTS_FD, prefixes: PREFIXES_FD });

interface Net {
  readonly vip: string;
  readonly server: string;
  client(number: number): string;
  readonly icmp: number;
  readonly unreachable: number;
}
const NETS: Record<'v4' | 'v6', Net> = {
  v4: { vip: '192.0.2.1', server: '10.0.0.1', client: (n) => `198.51.${n >> 8}.${n & 255}`, icmp: Protocol.icmp, unreachable: 3 },
  v6: {
    vip: '2001:db8::1',
    server: 'fd00::1',
    client: (n) => `2001:db8:9::${n.toString(16)}`,
    icmp: Protocol.icmpv6,
    unreachable: 1,
  },
};
const FACTS = Object.values(NETS).flatMap(({ vip, server }) =>
  (['tcp', 'udp'] as const).map((protocol) => ({ vip, server, protocol })),
);
const ENTRIES = filterEntries({
  services: FACTS.map(({ vip, protocol }) => ({ protocol, address: vip, port: 80 })),
  destinations: FACTS.map(({ server, protocol }) => ({ protocol, address: server, port: 8080, method: 'masq' as const })),
  localAddresses: Object.values(NETS).map(({ vip }) => vip),
});
const MAPS = new Map(endpointMaps(ENDPOINTS_FD, PREFIXES_FD, ENTRIES));

/** What the kernel takes modulo the number of workers. */
function hashOf(packet: PacketSpec): number {
  return run(PROGRAM, { frame: encodePacket(packet), context: new Map(), maps: MAPS }).result;
}

interface Talk {
  readonly net: Net;
  readonly protocol: number;
  readonly number: number;
  readonly port: number;
}

function request({ net, protocol, number, port }: Talk): PacketSpec {
  return { source: net.client(number), destination: net.vip, protocol, sourcePort: port, destinationPort: 80 };
}
function reply({ net, protocol, number, port }: Talk): PacketSpec {
  return { source: net.server, destination: net.client(number), protocol, sourcePort: 8080, destinationPort: port };
}
function forwarded(talk: Talk): PacketSpec {
  return { ...request(talk), destination: talk.net.server, destinationPort: 8080 };
}
function error({ net }: Talk, source: string, destination: string, quote: PacketSpec): PacketSpec {
  return { source, destination, protocol: net.icmp, icmpType: net.unreachable, quote };
}

const TALKS = fc.record({
  net: fc.constantFrom(...Object.values(NETS)),
  protocol: fc.constantFrom(Protocol.tcp, Protocol.udp),
  number: fc.integer({ min: 1, max: 60_000 }),
  port: fc.integer({ min: 1024, max: 65_535 }),
});

/** Everything of a family goes to services by mark, and the real servers take any port. */
const MARKED = new Map(
  endpointMaps(
    ENDPOINTS_FD,
    PREFIXES_FD,
    filterEntries({
      services: [],
      destinations: FACTS.map(({ server, protocol }) => ({ protocol, address: server, port: 0, method: 'masq' as const })),
      classified: [{ family: 'v4' }, { family: 'v6', target: '2001:db8::/32' }],
      localAddresses: Object.values(NETS).map(({ vip }) => vip),
    }),
  ),
);

const LOCAL = { v4: '10.0.0.200', v6: 'fd00::200' } as const;
/** The same real servers by fullnat, masq on another port. */
const FULLNAT = new Map(
  endpointMaps(
    ENDPOINTS_FD,
    PREFIXES_FD,
    filterEntries({
      services: FACTS.map(({ vip, protocol }) => ({ protocol, address: vip, port: 80 })),
      destinations: FACTS.flatMap(({ server, protocol }) => [
        { protocol, address: server, port: 8080, method: 'fullnat' as const },
        { protocol, address: server, port: 8081, method: 'masq' as const },
      ]),
      localRanges: Object.values(LOCAL).map((address) => ({ address, ports: [5000, 60_000] as const })),
      localAddresses: Object.values(LOCAL),
    }),
  ),
);

describe('with fullnat', () => {
  const hash = (packet: PacketSpec) => run(PROGRAM, { frame: encodePacket(packet), context: new Map(), maps: FULLNAT }).result;
  const localOf = ({ net }: Talk) => (net === NETS.v4 ? LOCAL.v4 : LOCAL.v6);

  test('a reply, and an error about a request, go by the local port', () => {
    fc.assert(
      fc.property(TALKS, fc.integer({ min: 5000, max: 60_000 }), (talk, port) => {
        const own = { source: localOf(talk), sourcePort: port, destination: talk.net.server, destinationPort: 8080 };
        const back = { source: talk.net.server, sourcePort: 8080, destination: localOf(talk), destinationPort: port };
        const asked: PacketSpec = { protocol: talk.protocol, ...own };
        const about = error(talk, talk.net.server, localOf(talk), asked);
        expect([hash({ protocol: talk.protocol, ...back }), hash(about)]).toEqual([port, port]);
      }),
      { numRuns: 30 },
    );
  });

  test('both directions of a masqueraded connection on the same real server still meet', () => {
    fc.assert(
      fc.property(TALKS, (talk) => {
        expect(hash({ ...reply(talk), sourcePort: 8081 })).toBe(hash(request(talk)));
      }),
      { numRuns: 30 },
    );
  });
});

describe('one worker gets', () => {
  test('both directions of a connection of a service by mark, also where clients are within its targets', () => {
    const hash = (packet: PacketSpec) => run(PROGRAM, { frame: encodePacket(packet), context: new Map(), maps: MARKED }).result;
    fc.assert(
      fc.property(TALKS, (talk) => {
        expect(hash(reply(talk))).toBe(hash(request(talk)));
      }),
    );
  });

  test('both directions of a connection', () => {
    fc.assert(
      fc.property(TALKS, (talk) => {
        expect(hashOf(reply(talk))).toBe(hashOf(request(talk)));
      }),
    );
  });

  test('errors about either direction, whoever sends them', () => {
    fc.assert(
      fc.property(TALKS, (talk) => {
        const { net, number } = talk;
        const aboutRequest = error(talk, net.server, net.client(number), forwarded(talk));
        const answered = {
          ...request(talk),
          source: net.vip,
          destination: net.client(number),
          sourcePort: 80,
          destinationPort: talk.port,
        };
        const aboutReply = error(talk, net.client(number + 1), net.vip, answered);
        expect([hashOf(aboutRequest), hashOf(aboutReply)]).toEqual([hashOf(request(talk)), hashOf(request(talk))]);
      }),
    );
  });

  test('a datagram in pieces, and those that are whole', () => {
    fc.assert(
      fc.property(TALKS, (drawn) => {
        const talk = { ...drawn, protocol: Protocol.udp };
        const pieces = [0, 60].map((offset) => ({ ...request(talk), fragment: { offset, more: offset === 0 } }));
        const back = [0, 60].map((offset) => ({ ...reply(talk), fragment: { offset, more: offset === 0 } }));
        for (const piece of [...pieces, ...back]) expect(hashOf(piece)).toBe(hashOf(request(talk)));
      }),
    );
  });
});

test.each(['v4', 'v6'] as const)('two workers, and five, share clients and ports evenly: IP%s', (family) => {
  for (const workers of [2, 5]) {
    const counts = new Array(workers).fill(0);
    const total = 2000;
    for (let n = 0; n < total; n++) {
      const [number, port] = n % 2 === 0 ? [7, 20_000 + n] : [n, 40_000];
      counts[hashOf(request({ net: NETS[family], protocol: Protocol.tcp, number, port })) % workers]++;
    }
    for (const count of counts) expect(Math.abs(count - total / workers) / (total / workers)).toBeLessThan(0.15);
  }
});

test('the first worker gets what is nobody’s', () => {
  expect(run(PROGRAM, { frame: Uint8Array.of(0, 1, 2, 3), context: new Map(), maps: MAPS }).result).toBe(0);
  expect(hashOf({ source: '192.0.2.9', destination: '192.0.2.1', protocol: Protocol.icmp, icmpType: 8 })).toBe(0);
});

test('any bytes end the program without a read outside', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(0x45, 0x60), (bytes, first) => {
      if (bytes.length > 0) bytes[0] = first;
      run(PROGRAM, { frame: bytes, context: new Map(), maps: MAPS });
    }),
  );
});

test('the listing names the map that it asks', () => {
  expect(fanoutListing({ endpoints: ENDPOINTS_FD, prefixes: PREFIXES_FD }).join('\n')).toContain('map endpoints');
});
