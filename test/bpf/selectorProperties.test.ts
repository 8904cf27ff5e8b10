import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Protocol, type ServiceProtocol } from '../../src/base/terms.ts';
import type { SelectorFacts } from '../../src/bpf/endpoints.ts';
import { type ExtensionName, encodeFrame, type FrameSpec, isTransport, OWN_MAC, type PacketSpec } from './frames.ts';
import { isOurs } from './model.ts';
import { FLAVOURS, selectorOf } from './selectorRun.ts';

// Few values, so that what is drawn apart often meets; one family per run, but for some quotes.
const POOLS = [
  ['192.0.2.1', '10.0.0.1', '10.0.0.2'],
  ['2001:db8::1', 'fd00::1', 'fd00::2'],
] as const;
const PREFIXES = { v4: ['10.0.0.0/31', '10.0.0.0/8', '0.0.0.0/0'], v6: ['fd00::/64', 'fd00::2/127', '::/0'] } as const;
const PORT_RANGES = [
  [[80, 80]],
  [
    [0x5000, 0x5000],
    [40, 53],
  ],
  [[0, 0xffff]],
] as const;
const PORTS = [80, 80, 80, 53, 0, 0x5000];
const SERVICE_PROTOCOLS: readonly ServiceProtocol[] = ['tcp', 'udp', 'sctp'];
const PROTOCOLS = [Protocol.tcp, Protocol.tcp, Protocol.udp, Protocol.sctp, Protocol.ipip, Protocol.ipv6, Protocol.gre, 50];
const ICMP_TYPES = [3, 3, 3, 11, 4, 1, 127, 0, 5, 8, 128];
const EXTENSIONS: readonly ExtensionName[] = ['hopByHop', 'routing', 'destinationOptions'];

function factsOf(pool: readonly string[]): fc.Arbitrary<SelectorFacts> {
  const endpoint = fc.record({
    protocol: fc.constantFrom(...SERVICE_PROTOCOLS),
    address: fc.constantFrom(...pool),
    port: fc.constantFrom(...PORTS),
  });
  const method = fc.constantFrom('masq', 'masq', 'fullnat', 'fullnat', 'tunnel', 'route');
  const family = pool === POOLS[0] ? ('v4' as const) : ('v6' as const);
  const rule = fc.record(
    {
      family: fc.constant(family),
      protocol: fc.constantFrom(...SERVICE_PROTOCOLS),
      target: fc.constantFrom(...pool, ...PREFIXES[family]),
      targetPorts: fc.constantFrom(...PORT_RANGES),
    },
    { requiredKeys: ['family'] },
  );
  return fc.record({
    services: fc.array(endpoint, { minLength: 1, maxLength: 4 }),
    destinations: fc.array(
      fc.tuple(endpoint, method).map(([of, by]) => ({ ...of, method: by })),
      { minLength: 1, maxLength: 5 },
    ),
    classified: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(rule, { maxLength: 2 })),
    localRanges: fc.uniqueArray(
      fc.record({ address: fc.constantFrom(...pool), ports: fc.constantFrom([53, 80] as const, [0x5000, 0xffff] as const) }),
      { maxLength: 2, selector: ({ address }) => address },
    ),
    localAddresses: fc.subarray([...pool]),
  });
}

function packetOf(pool: readonly string[], depth: number): fc.Arbitrary<PacketSpec> {
  const [own, other] = pool === POOLS[0] ? [Protocol.icmp, Protocol.icmpv6] : [Protocol.icmpv6, Protocol.icmp];
  const base = fc.record({
    source: fc.constantFrom(...pool),
    destination: fc.constantFrom(...pool),
    optionWords: fc.constantFrom(0, 0, 1, 10),
    extensions: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, fc.array(fc.constantFrom(...EXTENSIONS), { maxLength: 7 })),
    extensionExtra: fc.constantFrom(0, 1),
    pieces: fc.constantFrom(
      undefined,
      undefined,
      undefined,
      { offset: 0, more: true },
      { offset: 0, more: false },
      { offset: 9, more: true },
    ),
  });
  const withPorts = fc.record({
    protocol: fc.constantFrom(...PROTOCOLS),
    sourcePort: fc.constantFrom(...PORTS),
    destinationPort: fc.constantFrom(...PORTS),
  });
  const payload: fc.Arbitrary<Pick<PacketSpec, 'protocol'>> =
    depth === 0
      ? withPorts
      : fc.oneof(
          withPorts,
          fc.record({
            protocol: fc.constantFrom(own, own, own, own, other),
            icmpType: fc.constantFrom(...ICMP_TYPES),
            quote: fc.oneof(
              { weight: 8, arbitrary: packetOf(pool, 0) },
              packetOf(pool, depth - 1),
              packetOf(POOLS[0], 0),
              packetOf(POOLS[1], 0),
            ),
          }),
        );
  return fc
    .tuple(base, payload)
    .map(([{ pieces, ...rest }, of]) => ({ ...rest, ...of, ...(pieces === undefined ? {} : { fragment: pieces }) }));
}

function frameOf(pool: readonly string[]): fc.Arbitrary<FrameSpec> {
  const mac = fc.constantFrom(OWN_MAC, OWN_MAC, OWN_MAC, OWN_MAC, OWN_MAC, OWN_MAC, new Uint8Array(6).fill(255));
  return fc.record({ packet: packetOf(pool, 2), destinationMac: mac });
}

/** Tables, and frames that often concern them. */
const scenes = fc
  .constantFrom(...POOLS)
  .chain((pool) => fc.record({ tables: factsOf(pool), frames: fc.array(frameOf(pool), { minLength: 20, maxLength: 20 }) }));

describe('the selector', () => {
  test('agrees with a slow and obvious model on every frame and table', () => {
    const seen = { ours: 0, host: 0, errors: 0, pieces: 0 };
    fc.assert(
      fc.property(scenes, ({ tables, frames }) => {
        const selectors = FLAVOURS.map((flavour) => selectorOf(flavour, tables));
        for (const spec of frames) {
          const wanted = isOurs(spec, tables) ? 'ours' : 'host';
          seen[wanted]++;
          if (wanted === 'ours' && !isTransport(spec.packet.protocol)) seen.errors++;
          if (wanted === 'ours' && (spec.packet.fragment?.offset ?? 0) > 0) seen.pieces++;
          const bytes = encodeFrame(spec);
          expect(selectors.map((select) => select(bytes))).toEqual(FLAVOURS.map(() => wanted));
        }
      }),
      { numRuns: 200 },
    );
    // The draw would prove nothing if it never drew the interesting ones.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5);
  });

  test('leaves a truncated frame to the host, or judges it as the whole', () => {
    fc.assert(
      fc.property(scenes, fc.nat(120), ({ tables, frames }, bytes) => {
        const select = selectorOf('xdp', tables);
        for (const whole of frames.map(encodeFrame)) expect(['host', select(whole)]).toContain(select(whole.subarray(0, bytes)));
      }),
      { numRuns: 50 },
    );
  });

  test('ends on every string of bytes, alike in all flavours', () => {
    const tables: SelectorFacts = {
      services: [{ protocol: 'tcp', address: '0.0.0.0', port: 0 }],
      destinations: [{ protocol: 'tcp', address: '::', port: 0, method: 'masq' }],
      localAddresses: [],
    };
    const selectors = FLAVOURS.map((flavour) => selectorOf(flavour, tables, { mac: undefined }));
    const noise = fc
      .tuple(fc.constantFrom([8, 0], [0x86, 0xdd], [8, 6]), fc.uint8Array({ maxLength: 200 }))
      .map(([type, rest]) => Uint8Array.from([...new Uint8Array(12), ...type, ...rest]));
    fc.assert(
      fc.property(fc.oneof(noise, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const [first, ...others] = selectors.map((select) => select(bytes));
        for (const other of others) expect(other).toBe(first);
      }),
      { numRuns: 1000 },
    );
  });

  test('ends on frames with single bytes spoilt, alike in all flavours', () => {
    const spoiling = fc.array(fc.tuple(fc.integer({ min: 12, max: 100 }), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(scenes, spoiling, ({ tables, frames }, spoilt) => {
        const selectors = FLAVOURS.map((flavour) => selectorOf(flavour, tables));
        for (const bytes of frames.map(encodeFrame)) {
          for (const [at, value] of spoilt) if (at < bytes.length) bytes[at] = value;
          const [first, ...others] = selectors.map((select) => select(bytes));
          for (const other of others) expect(other).toBe(first);
        }
      }),
      { numRuns: 50 },
    );
  });
});
