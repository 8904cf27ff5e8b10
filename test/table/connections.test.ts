import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Family, NONE } from '../../src/base/terms.ts';
import { ConnectionFlag } from '../../src/table/connectionFlags.ts';
import { CONN, hashKey, MAX_PROBES, search, writeRequest } from '../../src/table/connectionRows.ts';
import { ConnectionTable } from '../../src/table/connections.ts';
import { connectionOf, directionOf, type FlowKey, NodeDirection } from '../../src/table/flowKey.ts';
import { flowKey } from '../support/miniDirector.ts';

const REQUEST = flowKey('tcp', '10.1.0.1:40000', '192.0.2.1:80');
const SERVER = 0x0a000102;

/** Inserts `key`; replies come from 10.0.1.2:8080. */
function insert(table: ConnectionTable, key: FlowKey, { flags = 0, now = 0, timeout = 600 } = {}): number {
  return table.insert(key, 0, 0, 0, SERVER, 8080, 1, 2, flags, now, timeout);
}

function expireAll(table: ConnectionTable, nowTick: number): number[] {
  const expired: number[] = [];
  for (let conn = table.expire(nowTick); conn !== NONE; conn = table.expire(nowTick)) {
    expired.push(conn);
    table.remove(conn);
  }
  return expired;
}

describe('one lookup finds a connection', () => {
  test.each([
    ['its request', REQUEST, NodeDirection.request],
    ['its reply', flowKey('tcp', '10.0.1.2:8080', '10.1.0.1:40000'), NodeDirection.reply],
  ])('by %s', (_name, key, direction) => {
    const table = new ConnectionTable(16, 1);
    const conn = insert(table, REQUEST);
    const node = table.find(key);
    expect([connectionOf(node), directionOf(node)]).toEqual([conn, direction]);
  });

  test.each([
    ['another protocol', flowKey('udp', '10.1.0.1:40000', '192.0.2.1:80')],
    ['another client', flowKey('tcp', '10.1.0.2:40000', '192.0.2.1:80')],
    ['another client port', flowKey('tcp', '10.1.0.1:40001', '192.0.2.1:80')],
    ['another virtual address', flowKey('tcp', '10.1.0.1:40000', '192.0.2.2:80')],
    ['another virtual port', flowKey('tcp', '10.1.0.1:40000', '192.0.2.1:81')],
    ['the opposite way', flowKey('tcp', '192.0.2.1:80', '10.1.0.1:40000')],
    ['the same words as IPv6', flowKey('tcp', '[::a01:1]:40000', '[::c000:201]:80')],
  ])('not by %s', (_name, key) => {
    const table = new ConnectionTable(16, 1);
    insert(table, REQUEST);
    expect(table.find(key)).toBe(NONE);
  });

  test('by the packets that an ICMP error quotes, which go the opposite way', () => {
    const table = new ConnectionTable(16, 1);
    const conn = insert(table, REQUEST);
    const toServer = flowKey('tcp', '10.1.0.1:40000', '10.0.1.2:8080');
    expect(table.findReversed(flowKey('tcp', '192.0.2.1:80', '10.1.0.1:40000'))).toBe(conn * 2 + NodeDirection.request);
    expect(table.findReversed(toServer)).toBe(conn * 2 + NodeDirection.reply);
    expect(table.findReversed(REQUEST)).toBe(NONE);
  });

  test('the newest of equals', () => {
    const table = new ConnectionTable(16, 1);
    const [older, newer] = [insert(table, REQUEST), insert(table, REQUEST)];
    expect(connectionOf(table.find(REQUEST))).toBe(newer);
    table.remove(newer);
    expect(connectionOf(table.find(REQUEST))).toBe(older);
  });
});

test.each([Family.v4, Family.v6])('family %i: connections whose hashes are equal are told apart', (family) => {
  const seed = 1;
  const identity = (6 << 8) | family;
  const keyOf = (n: number) => ({
    ...REQUEST,
    family,
    source0: n >> 8,
    source3: n * 77,
    sourcePort: n & 0xffff,
    targetPort: n >> 16,
  });
  const seen = new Map<number, FlowKey>();
  // By the birthday paradox about ten of 300 000 keys share a 32-bit hash with another.
  for (let n = 0; n < 300_000; n++) {
    const key = keyOf(n);
    const twin = seen.get(hashKey(seed, identity, key, false));
    seen.set(hashKey(seed, identity, key, false), key);
    if (twin === undefined) continue;
    const table = new ConnectionTable(16, seed);
    const conn = insert(table, twin);
    expect([table.find(twin), table.find(key)]).toEqual([conn * 2, NONE]);
    return;
  }
  expect.unreachable('no two hashes are equal');
});

test('IPv6 connections that differ in a high word only are told apart, equal hashes or not', () => {
  const rows = new Int32Array(64);
  const key = flowKey('tcp', '[2001:db8::1]:1025', '[2001:db8::2]:80');
  writeRequest(rows, 0, key);
  const identity = (6 << 8) | Family.v6;
  rows[CONN.replyPortAndIdentity] = identity;
  rows[CONN.requestHash] = 5;
  const heads = new Int32Array(2).fill(0);
  rows[CONN.nextRequest] = NONE;
  const others = ['source0', 'source1', 'source2', 'target0', 'target1', 'target2'] as const;
  expect(search(rows, heads, new Int32Array(4), 5, identity, key, false)).toBe(0);
  const found = others.map((word) => search(rows, heads, new Int32Array(4), 5, identity, { ...key, [word]: 9 }, false));
  expect(found).toEqual(others.map(() => NONE));
});

test('a full table refuses, and takes again after a removal', () => {
  const table = new ConnectionTable(2, 1);
  const first = insert(table, REQUEST);
  insert(table, flowKey('tcp', '10.1.0.1:2', '192.0.2.1:80'));
  expect(insert(table, flowKey('tcp', '10.1.0.1:3', '192.0.2.1:80'))).toBe(NONE);
  table.remove(first);
  expect(insert(table, flowKey('tcp', '10.1.0.1:3', '192.0.2.1:80'))).toBe(first);
  expect(table.count).toBe(2);
});

test('a lookup gives up after MAX_PROBES nodes, and says so', () => {
  for (let port = 1; port < 5000; port++) {
    const table = new ConnectionTable(MAX_PROBES + 1, 1);
    const buried = flowKey('tcp', `10.9.9.9:${port}`, '192.0.2.1:80');
    insert(table, buried);
    // Equal addresses share a chain. Sooner or later it is the one of `buried`, who is its oldest.
    for (let i = 0; i < MAX_PROBES; i++) insert(table, REQUEST);
    if (table.find(buried) !== NONE) continue;
    expect(table.probesExhausted).toBe(1);
    table.remove(connectionOf(table.find(REQUEST)));
    expect(table.find(buried)).not.toBe(NONE);
    return;
  }
  expect.unreachable('no two chains have met');
});

test('everything that is written is read back', () => {
  const table = new ConnectionTable(4, 1);
  const key = flowKey('udp', '[2001:db8::1]:65535', '[2001:db8::80]:443');
  const conn = table.insert(key, 0x20010db8, 1, 2, -3, 65534, 7, 9, ConnectionFlag.noOutput, 100, 50);
  table.setState(conn, 10);
  table.setFlags(conn, ConnectionFlag.noOutput | ConnectionFlag.synced | 3);
  table.setClientMac(conn, 0xfeff, -1, 3);
  table.setFirewallMark(conn, -5);
  table.setDestination(conn, 11);
  table.addPacketIn(conn);
  const words = (read: (i: number) => number) => [0, 1, 2, 3].map(read);
  expect(words((i) => table.clientWord(conn, i))).toEqual([0x20010db8, 0, 0, 1]);
  expect(words((i) => table.virtualWord(conn, i))).toEqual([0x20010db8, 0, 0, 0x80]);
  expect(words((i) => table.replySourceWord(conn, i))).toEqual([0x20010db8, 1, 2, -3]);
  expect([table.clientPort(conn), table.virtualPort(conn), table.replyPort(conn)]).toEqual([65535, 443, 65534]);
  expect([table.family(conn), table.protocol(conn), table.service(conn)]).toEqual([Family.v6, 17, 7]);
  expect([table.destination(conn), table.firewallMark(conn), table.packetsIn(conn)]).toEqual([11, -5, 1]);
  expect([table.state(conn), table.flags(conn)]).toEqual([10, ConnectionFlag.noOutput | ConnectionFlag.synced | 3]);
  expect([table.clientMacHigh(conn), table.clientMacLow(conn), table.clientSide(conn)]).toEqual([0xfeff, -1, 3]);
  expect(table.expiresAtTick(conn)).toBe(150);
});

describe('templates and one-packet connections', () => {
  test('a template is found as one only', () => {
    const table = new ConnectionTable(4, 1);
    const key = { ...REQUEST, sourcePort: 0 };
    const template = insert(table, key, { flags: ConnectionFlag.template });
    expect(table.find(key)).toBe(NONE);
    expect(table.findTemplate(key)).toBe(template);
    expect(table.protocol(template)).toBe(REQUEST.protocol);
    table.remove(template);
    expect(table.findTemplate(key)).toBe(NONE);
  });

  test('a one-packet connection is not found at all', () => {
    const table = new ConnectionTable(4, 1);
    const conn = insert(table, REQUEST, { flags: ConnectionFlag.onePacket });
    expect(table.find(REQUEST)).toBe(NONE);
    table.remove(conn);
    expect(table.count).toBe(0);
  });

  test('a controller counts what hangs on it, and cannot go before it', () => {
    const table = new ConnectionTable(4, 1);
    const template = insert(table, { ...REQUEST, sourcePort: 0 }, { flags: ConnectionFlag.template });
    const conn = insert(table, REQUEST);
    table.setController(conn, template);
    expect([table.controller(conn), table.controlledCount(template)]).toEqual([template, 1]);
    expect(() => table.remove(template)).toThrow('outlives');
    table.remove(conn);
    expect(table.controlledCount(template)).toBe(0);
    table.remove(template);
  });
});

describe('time', () => {
  test('a connection expires when its time is over', () => {
    const table = new ConnectionTable(4, 1);
    const conn = insert(table, REQUEST, { now: 100, timeout: 30 });
    expect(expireAll(table, 129)).toEqual([]);
    expect(expireAll(table, 130)).toEqual([conn]);
  });

  test('touching puts it off', () => {
    const table = new ConnectionTable(4, 1);
    const conn = insert(table, REQUEST, { timeout: 30 });
    table.touch(conn, 9000, 20);
    expect(expireAll(table, 9019)).toEqual([]);
    expect(expireAll(table, 9020)).toEqual([conn]);
  });

  test('touching brings it forward', () => {
    const table = new ConnectionTable(4, 1);
    const conn = insert(table, REQUEST, { timeout: 3000 });
    table.touch(conn, 50, 100);
    expect(expireAll(table, 149)).toEqual([]);
    expect(expireAll(table, 150)).toEqual([conn]);
  });

  test('one that is over and left alone comes again', () => {
    const table = new ConnectionTable(4, 1);
    const conn = insert(table, REQUEST, { timeout: 30 });
    expect(table.expire(30)).toBe(conn);
    expect(table.expire(30)).toBe(NONE);
    expect(table.expire(31)).toBe(conn);
  });
});

test('listings see every connection once', () => {
  const table = new ConnectionTable(8, 1);
  const conns = [1, 2, 3, 4].map((port) => insert(table, { ...REQUEST, sourcePort: port }));
  table.remove(conns[1]!);
  const seen: number[] = [];
  for (let conn = table.first(); conn !== NONE; conn = table.next(conn)) seen.push(conn);
  expect(seen.sort()).toEqual([conns[0], conns[2], conns[3]].sort());
  expect(conns.map((conn) => table.inUse(conn))).toEqual([true, false, true, true]);
});

describe('any sequence of insert, find, touch, expire and remove agrees with a list', () => {
  interface Entry {
    readonly conn: number;
    readonly key: FlowKey;
    readonly request: string;
    readonly reply: string;
    expiresAt: number;
  }
  const text = (k: FlowKey) =>
    k.family === Family.v6
      ? `6/${k.protocol} ${k.source0},${k.source1},${k.source2},${k.source3}:${k.sourcePort} ${k.target0},${k.target1},${k.target2},${k.target3}:${k.targetPort}`
      : `4/${k.protocol} ${k.source3}:${k.sourcePort} ${k.target3}:${k.targetPort}`;
  const reversed = (k: FlowKey): FlowKey => ({
    family: k.family,
    protocol: k.protocol,
    ...{ source0: k.target0, source1: k.target1, source2: k.target2, source3: k.target3, sourcePort: k.targetPort },
    ...{ target0: k.source0, target1: k.source1, target2: k.source2, target3: k.source3, targetPort: k.sourcePort },
  });
  // Few values, so that tuples meet; high words are noise that an IPv4 lookup must not read.
  const word = fc.constantFrom(0, 1, -1);
  const port = fc.constantFrom(1, 80, 65535);
  const key: fc.Arbitrary<FlowKey> = fc.record({
    family: fc.constantFrom(Family.v4, Family.v6),
    protocol: fc.constantFrom(6, 17),
    ...{ source0: word, source1: word, source2: word, source3: word, sourcePort: port },
    ...{ target0: word, target1: word, target2: word, target3: word, targetPort: port },
  });
  const step = fc.record({
    kind: fc.constantFrom('insert', 'insert', 'find', 'touch', 'pass', 'remove'),
    key,
    other: key,
    pick: fc.nat(),
    ticks: fc.oneof(fc.nat(50), fc.nat(12_000)),
  });

  test('at any time, in both families, in both directions', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 0x7fff_f000, -100),
        fc.integer(),
        fc.array(step, { maxLength: 60, size: 'max' }),
        (start, seed, steps) => {
          const table = new ConnectionTable(12, seed);
          let entries: Entry[] = [];
          let now = 0;
          const tick = () => (start + now) | 0;
          const expected = (k: FlowKey) => {
            const wanted = text(k);
            const found = entries.findLast((entry) => entry.request === wanted || entry.reply === wanted);
            return found === undefined ? NONE : found.conn * 2 + (found.reply === wanted ? 1 : 0);
          };
          for (const s of steps) {
            const entry = entries[s.pick % Math.max(entries.length, 1)];
            if (s.kind === 'insert') {
              const o = s.other;
              const conn = table.insert(
                s.key,
                o.source0,
                o.source1,
                o.source2,
                o.source3,
                o.sourcePort,
                0,
                0,
                0,
                tick(),
                s.ticks,
              );
              expect(conn === NONE).toBe(entries.length === 12);
              const reply = {
                ...reversed(s.key),
                source0: o.source0,
                source1: o.source1,
                source2: o.source2,
                source3: o.source3,
              };
              const replyText = text({ ...reply, sourcePort: o.sourcePort });
              if (conn !== NONE)
                entries.push({ conn, key: s.key, request: text(s.key), reply: replyText, expiresAt: now + s.ticks });
            } else if (s.kind === 'touch' && entry !== undefined) {
              table.touch(entry.conn, s.ticks, tick());
              entry.expiresAt = now + s.ticks;
            } else if (s.kind === 'remove' && entry !== undefined) {
              table.remove(entry.conn);
              entries = entries.filter((other) => other !== entry);
            } else if (s.kind === 'pass') {
              now += s.ticks + 1;
              const over = entries.filter(({ expiresAt }) => expiresAt <= now).map(({ conn }) => conn);
              expect(expireAll(table, tick()).sort()).toEqual(over.sort());
              entries = entries.filter(({ expiresAt }) => expiresAt > now);
            }
            for (const { key: known } of entries) expect(table.find(known)).toBe(expected(known));
            expect(table.find(s.key)).toBe(expected(s.key));
            expect(table.findReversed(s.key)).toBe(expected(reversed(s.key)));
            expect(table.count).toBe(entries.length);
          }
          for (const { conn } of entries) expect(table.inUse(conn)).toBe(true);
          expect(table.probesExhausted).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});
