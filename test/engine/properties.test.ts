/** What holds for every frame, whatever is in it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Burst } from '../../src/memory/burst.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DirectorRig } from '../support/directorRig.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.168.100.1';
const RIP = '10.0.1.2';

function rig(): DirectorRig {
  const made = new DirectorRig();
  made.service('tcp', VIP, 80, [{ address: RIP, port: 8000, method: 'masq' }]);
  made.service('udp', VIP, 53, [{ address: RIP, port: 53, method: 'tunnel' }]);
  made.service('udp', VIP, 54, [{ address: RIP, port: 54, method: 'route' }]);
  return made;
}

/** The ends of frames, as the counters tell them. */
function ends({ director }: DirectorRig): number {
  const { counters } = director.state;
  const named = (names: readonly string[]) => names.reduce((sum, name) => sum + counters.get(name as 'punted'), 0);
  return named(['punted', 'transmitted', ...DROPS]);
}

const DROPS = [
  'truncatedEthernet',
  'malformedIpv4',
  'badIpv4Checksum',
  'malformedIpv6',
  'truncatedIp',
  'truncatedTransport',
  'tooManyExtensionHeaders',
  'malformedFragment',
  'noDestination',
  'ttlExceeded',
  'packetTooBig',
  'fragmentsHeld',
  'fragmentTableFull',
  'icmpQuoteTooShort',
  'icmpBadChecksum',
  'fragmentsJoined',
  'fragmentDuplicate',
  'fragmentConflict',
  'fragmentTooLong',
  'connectionTableFull',
  'neighbourUnresolved',
];

test('no bytes make a director throw or write outside the frame and its headroom, and each frame has one end', () => {
  const made = rig();
  const { arena } = made.director.state;
  const room = arena.reserve(4096);
  const at = room + 2048;
  const burst = new Burst();
  const seed = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC }).ipv4({ source: '10.1.2.5', target: VIP });
  const real = seed.tcp({ source: 4000, target: 80, flags: 'SYN' }).payload(40).build();
  const flips = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { maxLength: 6 });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(flips, fc.nat(real.length)).map(([changes, length]) => {
      const changed = Uint8Array.from(real);
      for (const [i, value] of changes) changed[i] = value;
      return changed.subarray(0, length);
    }),
  );
  let frames = 0;
  fc.assert(
    fc.property(bytes, (content) => {
      arena.bytes.fill(0xa5, room, room + 4096);
      arena.bytes.set(content, at);
      burst.count = 0;
      burst.push(at, content.length);
      made.director.handle(burst, 0, 0);
      frames++;
      expect(arena.bytes.subarray(room, at - 96).every((byte) => byte === 0xa5)).toBe(true);
      expect(arena.bytes.subarray(at + content.length, room + 4096).every((byte) => byte === 0xa5)).toBe(true);
      expect(ends(made)).toBe(frames);
    }),
    { numRuns: 2000 },
  );
});

test('what masq does to a request, masq of the reply undoes: an echo comes back with its own addresses exchanged', () => {
  const made = rig();
  const port = fc.integer({ min: 1, max: 65_535 }).filter((p) => p !== 20);
  fc.assert(
    fc.property(port, fc.uint8Array({ maxLength: 300 }), (source, payload) => {
      const request = frame()
        .ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC })
        .ipv4({ source: '10.1.2.5', target: VIP });
      const [sent] = made.send('client', request.tcp({ source, target: 80, flags: 'SYN' }).payload(payload).build());
      const echo = swapEnds(sent!.frame);
      const [back] = made.send('server', echo);
      const plain = frame()
        .ethernet({ source: DIRECTOR_CLIENT_MAC, target: CLIENT_MAC })
        .ipv4({ source: VIP, target: '10.1.2.5', ttl: 62 });
      expect(back!.frame).toEqual(plain.tcp({ source: 80, target: source, flags: 'SYN' }).payload(payload).build());
    }),
  );
});

/** The frame as its receiver would send it back: MAC addresses, addresses and ports exchanged; checksums stay right. */
function swapEnds(bytes: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  const exchange = (a: number, b: number, length: number) => {
    out.set(bytes.subarray(a, a + length), b);
    out.set(bytes.subarray(b, b + length), a);
  };
  exchange(0, 6, 6);
  exchange(26, 30, 4);
  exchange(34, 36, 2);
  return out;
}
