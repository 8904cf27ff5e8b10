/**
 * The FTP helper as the two ends see it: what the client gets, and what the real server sees acknowledged. Dialogues with the kernel's own
 * answers are in helperRecordings.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChecksumState } from '../../src/base/terms.ts';
import { SegmentKind } from '../../src/memory/burst.ts';
import * as tcp from '../../src/packet/tcp.ts';
import {
  CLIENT_MAC,
  DIRECTOR_CLIENT_MAC,
  DIRECTOR_SERVER_MAC,
  DirectorRig,
  type RigOptions,
  type Side,
} from '../support/directorRig.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { fragmentFrame } from '../support/fragmentFrame.ts';
import { frame } from '../support/frame.ts';
import { joinBytes, viewOf } from '../support/wireBytes.ts';

const VIP = '192.168.100.100';
const SERVER = '10.0.1.1';
const CLIENT = '10.1.0.1';
const TCP_AT = 34;
const REPLY_227 = '227 Entering Passive Mode (10,0,1,1,200,10).\r\n';
const SEEN_227 = '227 Entering Passive Mode (192,168,100,100,200,10).\r\n';
const GROWTH = SEEN_227.length - REPLY_227.length;

interface Segment {
  readonly side: Side;
  readonly frame: Uint8Array;
  readonly seq: number;
  readonly ack: number;
  readonly text: string;
}

function segmentOf({ side, frame: bytes }: { side: Side; frame: Uint8Array }): Segment {
  const v = viewOf(bytes);
  const end = 14 + v.getUint16(16);
  const text = Buffer.from(bytes.subarray(TCP_AT + tcp.headerBytes(v, TCP_AT), end)).toString();
  return { side, frame: bytes, seq: tcp.sequence(v, TCP_AT), ack: tcp.acknowledgement(v, TCP_AT), text };
}

/** A control connection through a director, opened already. Sequence numbers of both ends begin at 1000 and 5000. */
class Dialogue {
  readonly rig: DirectorRig;
  readonly port: number;
  clientSeq = 1001;
  serverSeq = 5001;

  constructor(rig: DirectorRig, port = 40_001) {
    this.rig = rig;
    this.port = port;
    this.client('', { flags: 'SYN', seq: 1000 });
    this.server('', { flags: 'SYN ACK', seq: 5000 });
    this.client('', {});
  }

  static open(options: RigOptions = {}): Dialogue {
    const rig = new DirectorRig({ connections: 256, ...options });
    rig.service('tcp', VIP, 21, [{ address: SERVER, port: 21, method: 'masq' }]);
    return new Dialogue(rig);
  }

  clientFrame(
    text: string,
    { flags = 'ACK PSH', seq = this.clientSeq, ack = 5001, options = new Uint8Array(0) as Uint8Array } = {},
  ) {
    const link = { source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC };
    const ip = frame().ethernet(link).ipv4({ source: CLIENT, target: VIP });
    return ip.tcp({ source: this.port, target: 21, flags, seq, ack, options }).payload(text);
  }

  serverFrame(text: string, { flags = 'ACK PSH', seq = this.serverSeq } = {}) {
    const link = { source: '02:00:00:00:01:01', target: DIRECTOR_SERVER_MAC };
    const ip = frame().ethernet(link).ipv4({ source: SERVER, target: CLIENT, dontFragment: true });
    return ip.tcp({ source: 21, target: this.port, flags, seq, ack: this.clientSeq }).payload(text);
  }

  /** What came out, the first frame of it. */
  client(text: string, fields: Parameters<Dialogue['clientFrame']>[1] = {}): Segment | undefined {
    const [out] = this.rig.send('client', this.clientFrame(text, fields).build());
    if (fields.seq === undefined) this.clientSeq += text.length;
    return out && segmentOf(out);
  }

  server(text: string, fields: Parameters<Dialogue['serverFrame']>[1] = {}): Segment | undefined {
    const [out] = this.rig.send('server', this.serverFrame(text, fields).build());
    if (fields.seq === undefined) this.serverSeq += text.length;
    return out && segmentOf(out);
  }

  /** What reaches the other side when somebody opens a data connection. */
  data(side: 'client' | 'server', from: number, to: number): string {
    const link = side === 'client' ? [CLIENT_MAC, DIRECTOR_CLIENT_MAC] : ['02:00:00:00:01:01', DIRECTOR_SERVER_MAC];
    const ip = side === 'client' ? { source: CLIENT, target: VIP } : { source: SERVER, target: CLIENT };
    const syn = frame().ethernet({ source: link[0]!, target: link[1]! }).ipv4(ip);
    const [out] = this.rig.send(side, syn.tcp({ source: from, target: to, flags: 'SYN', seq: 1 }).build());
    if (out === undefined) return 'nothing';
    const v = viewOf(out.frame);
    const address = (at: number) => out.frame.subarray(at, at + 4).join('.');
    const ports = [tcp.sourcePort(v, TCP_AT), tcp.targetPort(v, TCP_AT)];
    return `${out.side}: ${address(26)}:${ports[0]} > ${address(30)}:${ports[1]}`;
  }
}

describe('passive', () => {
  test('the client gets the virtual address, and the connection that it opens reaches the real server', () => {
    const dialogue = Dialogue.open();
    dialogue.client('PASV\r\n');
    const reply = dialogue.server(REPLY_227)!;
    expectFrame(reply.frame).hasSource(VIP).checksumsAreRight();
    expect(reply.text).toBe(SEEN_227);
    expect(dialogue.data('client', 40_002, 51_210)).toBe('server: 10.1.0.1:40002 > 10.0.1.1:51210');
    expect(dialogue.data('server', 51_210, 40_002)).toBe('client: 192.168.100.100:51210 > 10.1.0.1:40002');
    expect(dialogue.data('client', 40_003, 51_210)).toMatch(/^host/);
  });

  test('what comes behind is shifted, what comes again is what it was, and acknowledgements are shifted back', () => {
    const dialogue = Dialogue.open();
    const banner = dialogue.serverSeq;
    dialogue.server('220 hi\r\n');
    dialogue.client('PASV\r\n');
    const first = dialogue.serverSeq;
    dialogue.server(REPLY_227);
    const second = dialogue.serverSeq;
    expect(dialogue.server('150 here\r\n')).toMatchObject({ seq: second + GROWTH, text: '150 here\r\n' });
    expect(dialogue.server(REPLY_227, { seq: first })).toMatchObject({ seq: first, text: SEEN_227 });
    expect(dialogue.server(`220 hi\r\n${REPLY_227}150 here\r\n`, { seq: banner })).toMatchObject({
      seq: banner,
      text: `220 hi\r\n${SEEN_227}150 here\r\n`,
    });
    expect(dialogue.client('', { ack: first })?.ack).toBe(first);
    expect(dialogue.client('', { ack: second + GROWTH })?.ack).toBe(second);
    expect(dialogue.client('', { ack: second + GROWTH + 10 })?.ack).toBe(second + 10);
  });

  test.each([
    ['on an even offset', [1, 1, 5, 10]],
    ['on an odd offset', [1, 5, 10]],
  ] as const)('selective acknowledgements %s are shifted, too', (_name, head) => {
    const dialogue = Dialogue.open();
    dialogue.client('PASV\r\n');
    dialogue.server(REPLY_227);
    const behind = dialogue.serverSeq;
    const edge = joinBytes(Uint8Array.from(head), Buffer.from([behind + GROWTH, behind + GROWTH + 6].map(hex32).join(''), 'hex'));
    const options = joinBytes(edge, new Uint8Array((4 - (edge.length & 3)) & 3));
    const out = dialogue.client('', { ack: 5001, options })!;
    const v = viewOf(out.frame);
    const at = TCP_AT + 20 + head.length;
    expect([v.getInt32(at), v.getInt32(at + 4)]).toEqual([behind, behind + 6]);
    expectFrame(out.frame).checksumsAreRight();
  });

  test('a SYN of somebody else changes nothing, a connection that the real server begins anew is not shifted', () => {
    const dialogue = Dialogue.open();
    dialogue.client('PASV\r\n');
    dialogue.server(REPLY_227);
    dialogue.client('', { flags: 'SYN', seq: 77 });
    expect(dialogue.server('150 here\r\n')?.seq).toBe(dialogue.serverSeq - 10 + GROWTH);
    dialogue.server('', { flags: 'SYN ACK', seq: 9000 });
    expect(dialogue.server('220 hi\r\n', { seq: 9001 })?.seq).toBe(9001);
  });

  test('a segment that begins or ends within the replaced text is dropped and counted', () => {
    const dialogue = Dialogue.open();
    dialogue.client('PASV\r\n');
    const first = dialogue.serverSeq;
    dialogue.server(REPLY_227);
    expect(dialogue.server(REPLY_227.slice(0, 30), { seq: first })).toBe(undefined);
    expect(dialogue.server(REPLY_227.slice(30), { seq: first + 30 })).toBe(undefined);
    expect(dialogue.rig.counters()['ftpSegmentCut']).toBe(2);
  });

  test.each([
    ['nobody asked', 'NOOP\r\n', REPLY_227, undefined],
    ['it names a third host', 'PASV\r\n', '227 x (10,0,1,9,200,10)\r\n', 1],
    ['its checksum is wrong', 'PASV\r\n', REPLY_227, undefined],
  ] as const)('a reply goes unchanged when %s', (name, command, reply, refused) => {
    const dialogue = Dialogue.open();
    dialogue.client(command);
    const bytes = dialogue.serverFrame(reply).build();
    if (name === 'its checksum is wrong') bytes[TCP_AT + tcp.CHECKSUM_AT]! ^= 1;
    expect(segmentOf(dialogue.rig.send('server', bytes)[0]!).text).toBe(reply);
    expect(dialogue.rig.counters()['ftpAddressRefused']).toBe(refused);
    expect(dialogue.rig.counters()['ftpConnectionsExpected']).toBe(undefined);
  });

  test('a real server that names the virtual address itself is understood', () => {
    const dialogue = Dialogue.open();
    dialogue.client('PASV\r\n');
    expect(dialogue.server(SEEN_227)?.text).toBe(SEEN_227);
    expect(dialogue.data('client', 40_002, 51_210)).toBe('server: 10.1.0.1:40002 > 10.0.1.1:51210');
  });
});

test.each([[['PASV', '\r\n']], [['NOOP\r\nP', 'A', 'SV\r', '\nNOOP\r\n']], [['EPSV', '\r\n']]] as const)(
  'a command that comes in pieces, %j, is put together, also when one of them comes again',
  (pieces) => {
    const dialogue = Dialogue.open();
    for (const piece of pieces) {
      const seq = dialogue.clientSeq;
      dialogue.client(piece);
      dialogue.client(piece, { seq });
    }
    dialogue.server(pieces[0] === 'EPSV' ? '229 x (|||51210|)\r\n' : REPLY_227);
    expect(dialogue.data('client', 40_002, 51_210)).toBe('server: 10.1.0.1:40002 > 10.0.1.1:51210');
  },
);

test.each([
  ['a line is too long for one', ['P'.repeat(50), 'A'.repeat(50), 'SV\r\n']],
  ['a piece is missing', ['PA', undefined, 'V\r\n']],
  ['it begins within a line', ['RETR P', 'ASV\r\n']],
] as const)('pieces make no command when %s', (_name, pieces) => {
  const dialogue = Dialogue.open();
  for (const piece of pieces) {
    if (piece === undefined) dialogue.clientSeq++;
    else dialogue.client(piece);
  }
  expect(dialogue.server(REPLY_227)?.text).toBe(REPLY_227);
});

describe('active', () => {
  test.each([20, 33_333])(
    'the real server calls from port %i, and the client sees the port below that of the service',
    (from) => {
      const dialogue = Dialogue.open();
      dialogue.client('EPRT |1|10.1.0.1|40961|\r\n');
      expect(dialogue.data('server', from, 40_961)).toBe('client: 192.168.100.100:20 > 10.1.0.1:40961');
      expect(dialogue.data('client', 40_961, 20)).toBe(`server: 10.1.0.1:40961 > 10.0.1.1:${from}`);
    },
  );

  test('the same port again lets another port of the real server call', () => {
    const dialogue = Dialogue.open();
    for (const from of [33_333, 33_334]) {
      dialogue.client('PORT 10,1,0,1,160,1\r\n');
      expect(dialogue.data('server', from, 40_961)).toBe('client: 192.168.100.100:20 > 10.1.0.1:40961');
    }
    expect(dialogue.rig.counters()['ftpConnectionsExpected']).toBe(1);
  });

  test('a third host is refused and counted', () => {
    const dialogue = Dialogue.open();
    expect(dialogue.client('PORT 10,9,9,9,160,1\r\n')?.text).toBe('PORT 10,9,9,9,160,1\r\n');
    expect(dialogue.rig.counters()).toMatchObject({ ftpAddressRefused: 1 });
    expect(dialogue.data('server', 20, 40_961)).toMatch(/^host/);
  });
});

test('a data connection that nobody opens ends after two minutes, and holds its control connection until then', () => {
  const dialogue = Dialogue.open();
  dialogue.client('PORT 10,1,0,1,160,1\r\n');
  dialogue.client('', { flags: 'RST ACK', ack: 5001 });
  const { tables } = dialogue.rig.director.state;
  const pass = (seconds: number) => {
    for (let i = 0; i < seconds * 10; i++) {
      dialogue.rig.clock.advance(100);
      dialogue.rig.director.setTime();
      dialogue.rig.director.expire();
    }
  };
  pass(119);
  expect([tables.connections.count, tables.expected.count]).toEqual([2, 1]);
  pass(2);
  expect([tables.connections.count, tables.expected.count]).toEqual([1, 0]);
  pass(60);
  expect([tables.connections.count, tables.ftpDialogues.count]).toEqual([0, 0]);
});

test('only the ports that the director was given are listened to', () => {
  const dialogue = Dialogue.open();
  const says = (ports: readonly number[]) => () => dialogue.rig.apply({ kind: 'setFtpPorts', ports });
  expect(says([])).toThrow('1 to 8 ports');
  expect(says([0])).toThrow('port 0');
  says([2121])();
  const other = new Dialogue(dialogue.rig, 40_100);
  other.client('PASV\r\n');
  expect(other.server(REPLY_227)?.text).toBe(REPLY_227);
});

describe('a reply that grows', () => {
  test('keeps its partial checksum right', () => {
    const dialogue = Dialogue.open({ offloads: true });
    dialogue.client('PASV\r\n');
    const { server, client } = dialogue.rig.ports;
    const offload = { checksum: ChecksumState.partial, checksumStart: TCP_AT, checksumOffset: tcp.CHECKSUM_AT };
    server.inject(dialogue.serverFrame(REPLY_227).partialChecksum().build(), offload);
    dialogue.rig.breath.breathe();
    const out = client.takeWithOffload()!;
    expect(out.offload).toMatchObject(offload);
    expectFrame(out.bytes).hasSource(VIP);
    expect(segmentOf({ side: 'client', frame: out.bytes }).text).toBe(SEEN_227);
    expect(viewOf(out.bytes).getUint16(TCP_AT + tcp.CHECKSUM_AT)).toBe(pseudoHeaderSum(out.bytes));
  });

  test('leaves in two segments when it is too long for the MTU', () => {
    const dialogue = Dialogue.open();
    dialogue.client('PASV\r\n');
    const text = `220 ${'x'.repeat(1454 - REPLY_227.length)}\r\n${REPLY_227}`;
    expect(text.length).toBe(1460);
    const out = dialogue.rig.send('server', dialogue.serverFrame(text).build()).map(segmentOf);
    expect(out.map(({ side, seq, text: { length } }) => [side, seq - 5001, length])).toEqual([
      ['client', 0, 1460],
      ['client', 1460, GROWTH],
    ]);
    expect(out.map((part) => part.text).join('')).toBe(text.replace(REPLY_227, SEEN_227));
    for (const part of out) expectFrame(part.frame).checksumsAreRight();
  });

  test('leaves as a super-frame where the way takes those', () => {
    const dialogue = Dialogue.open({ offloads: true });
    dialogue.client('PASV\r\n');
    dialogue.rig.ports.server.inject(dialogue.serverFrame(`220 ${'x'.repeat(1454 - REPLY_227.length)}\r\n${REPLY_227}`).build());
    dialogue.rig.breath.breathe();
    const { bytes, offload } = dialogue.rig.ports.client.takeWithOffload()!;
    expect([bytes.length, offload.segmentKind, offload.segmentBytes]).toEqual([1514 + GROWTH, SegmentKind.tcpv4, 1460]);
    expect(viewOf(bytes).getUint16(TCP_AT + tcp.CHECKSUM_AT)).toBe(pseudoHeaderSum(bytes));
  });

  test('leaves in fragments when it came in fragments', () => {
    const dialogue = Dialogue.open();
    dialogue.client('PASV\r\n');
    const out = dialogue.rig.send('server', ...fragmentFrame(dialogue.serverFrame(REPLY_227).build(), 60));
    const payload = joinBytes(...out.map(({ frame: bytes }) => bytes.subarray(TCP_AT, 14 + viewOf(bytes).getUint16(16))));
    expect(Buffer.from(payload.subarray(20)).toString()).toBe(SEEN_227);
  });
});

/** One line each: a reply to PASV from a port, or something else of some length. */
const LINES = fc.array(
  fc.oneof(
    fc.record({ listening: fc.integer({ min: 1024, max: 65_535 }), count: fc.constant(0) }),
    fc.record({ listening: fc.constant(0), count: fc.nat(60) }),
  ),
  { minLength: 1, maxLength: 8 },
);

test('whatever is sent again, and in whatever pieces of whole lines, the client puts one stream together', () => {
  const rig = Dialogue.open().rig;
  let port = 41_000;
  fc.assert(
    fc.property(fc.array(fc.tuple(LINES, fc.nat(7), fc.nat(7)), { minLength: 1, maxLength: 3 }), (rounds) => {
      const dialogue = new Dialogue(rig, port++);
      const sent: string[] = [];
      const wanted: string[] = [];
      const received = new Map<number, number>();
      const take = (out: Segment | undefined) => {
        expectFrame(out!.frame).checksumsAreRight();
        for (const [i, byte] of Buffer.from(out!.text).entries()) {
          const known = received.get(out!.seq + i);
          if (known !== undefined) expect(byte).toBe(known);
          received.set(out!.seq + i, byte);
        }
      };
      for (const [lines, from, to] of rounds) {
        for (const { listening, count } of lines) {
          const end = `${listening >> 8},${listening & 255})\r\n`;
          if (listening > 0) dialogue.client('PASV\r\n', { ack: 5001 });
          sent.push(listening > 0 ? `227 x (10,0,1,1,${end}` : `220 ${'y'.repeat(count)}\r\n`);
          wanted.push(listening > 0 ? `227 x (192,168,100,100,${end}` : sent.at(-1)!);
          take(dialogue.server(sent.at(-1)!));
        }
        // The last few lines once more, in one segment: not older ones, for those have been acknowledged.
        const recent = Math.max(0, sent.length - 3);
        const start = recent + (from % (sent.length - recent));
        const end = Math.min(sent.length, start + 1 + to);
        const seq = 5001 + sent.slice(0, start).join('').length;
        take(dialogue.server(sent.slice(start, end).join(''), { seq }));
      }
      const stream = Buffer.from([...received].sort(([a], [b]) => a - b).map(([, byte]) => byte)).toString();
      expect(stream).toBe(wanted.join(''));
      // Each line acknowledged, as numbered for the client.
      for (let k = Math.max(0, sent.length - 3); k <= sent.length; k++) {
        const ack = 5001 + wanted.slice(0, k).join('').length;
        expect(dialogue.client('', { ack })?.ack).toBe(5001 + sent.slice(0, k).join('').length);
      }
    }),
    { numRuns: 25 },
  );
});

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** What a partial checksum of this IPv4 frame holds. */
function pseudoHeaderSum(bytes: Uint8Array): number {
  const v = viewOf(bytes);
  let sum = 6 + v.getUint16(16) - 20;
  for (let at = 26; at < 34; at += 2) sum += v.getUint16(at);
  return (sum & 0xffff) + (sum >>> 16);
}
