/** What the filter of a packet socket decided holds for the program behind the tap; without a note, that one decides by itself. */
import { expect, test } from 'vitest';
import { Protocol } from '../../src/base/terms.ts';
import type { SelectorFacts } from '../../src/bpf/endpoints.ts';
import { encodeFrame, type PacketSpec } from './frames.ts';
import { selectorOf } from './selectorRun.ts';

const FACTS: SelectorFacts = {
  services: [{ protocol: 'tcp', address: '192.0.2.1', port: 80 }],
  destinations: [],
  localAddresses: [],
};
const OURS = encodeFrame({ packet: tcpTo(80) });
const HOSTS = encodeFrame({ packet: tcpTo(81) });
const EMPTY = new Uint8Array(0);
const SENT_BY_HOST = { packetType: 4 };

function tcpTo(destinationPort: number): PacketSpec {
  const addresses = { source: '198.51.100.7', destination: '192.0.2.1' };
  return { protocol: Protocol.tcp, ...addresses, sourcePort: 4000, destinationPort };
}

function pair(around: { packetType?: number } = {}) {
  const note = new Uint8Array(4);
  return {
    filter: selectorOf('socket', FACTS, { ...around, note }),
    behindTap: selectorOf('ingress', FACTS, { note }),
  };
}

test.each([
  ['ours', OURS],
  ['host', HOSTS],
] as const)('of a frame that was %s, the program behind the tap reads nothing and says the same', (whose, frame) => {
  const { filter, behindTap } = pair();
  expect(filter(frame)).toBe(whose);
  expect(behindTap(EMPTY)).toBe(whose);
});

test('a note counts once', () => {
  const { filter, behindTap } = pair();
  filter(HOSTS);
  expect([behindTap(OURS), behindTap(OURS)]).toEqual(['host', 'ours']);
  filter(OURS);
  expect([behindTap(HOSTS), behindTap(HOSTS)]).toEqual(['ours', 'host']);
});

test('a frame that did not meet the filter is looked at', () => {
  const { behindTap } = pair();
  expect([behindTap(OURS), behindTap(HOSTS), behindTap(EMPTY)]).toEqual(['ours', 'host', 'host']);
});

test('each frame has a note of its own', () => {
  const { filter, behindTap } = pair();
  for (const [whose, frame] of [
    ['ours', OURS],
    ['host', HOSTS],
    ['ours', OURS],
  ] as const) {
    filter(frame);
    expect(behindTap(frame)).toBe(whose);
  }
});

test('what the host sends leaves no note', () => {
  const { filter, behindTap } = pair(SENT_BY_HOST);
  expect(filter(OURS)).toBe('host');
  expect(behindTap(OURS)).toBe('ours');
});
