/** The hashes and tables of dh, sh and mh: vectors of specs/ipvs.md sections 4.9 to 4.11. */
import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { Family } from '../../src/base/terms.ts';
import { hash32 } from '../../src/scheduler/addressHash.ts';
import type { DestinationList, Scheduler } from '../../src/scheduler/contract.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import { sipHash13 } from '../../src/scheduler/sipHash.ts';
import { TestDestinations } from '../support/testDestinations.ts';
import { optionsWith, requestOf } from './life.ts';

const v4 = (text: string): number => address(text).words[3];
const BEGIN_KEY = 2654435761 | 0;

test.each([
  ['10.0.0.2', 0, 137],
  ['192.168.1.1', 0, 136],
  ['1.2.3.4', 0, 52],
  ['10.0.0.2', 40000, 45],
  ['192.168.1.1', 40000, 44],
  ['1.2.3.4', 40000, 216],
])('%s with port %i falls into bucket %i of 256', (text, port, bucket) => {
  expect(hash32(v4(text) + port, 8)).toBe(bucket);
});

test.each([
  ['10.0.0.2', 0, 1104141843, 1884],
  ['192.168.1.1', 0, 3555833043, 2456],
  ['1.2.3.4', 0, 1146279591, 2197],
  ['10.0.0.2', 40000, undefined, 273],
  ['192.168.1.1', 40000, undefined, 3629],
  ['1.2.3.4', 40000, undefined, 1770],
])('%s with port %i has SipHash %o, entry %i of 4093', (text, port, hash, entry) => {
  const actual = sipHash13((v4(text) + port) | 0, BEGIN_KEY, 0) >>> 0;
  expect(actual).toBe(hash ?? actual);
  expect(actual % 4093).toBe(entry);
});

/** A service of 10.0.0.11 to .13 (or others), port 80, added in this order. */
function serviceOf(name: string, servers: readonly (readonly [text: string, weight: number])[]) {
  const list = new NamedDestinations(servers.map(([text]) => text));
  const scheduler = findScheduler(name)!.create(list, optionsWith());
  for (const [, weight] of servers) scheduler.added(list.add(weight));
  const pick = (client: string, port = 1024) => {
    const [client0, client1, client2, client3] = address(client).words;
    const d = scheduler.pick(Object.assign(requestOf(1), { client0, client1, client2, client3, clientPort: port }));
    return list.text(d);
  };
  return { list, scheduler, pick };
}

class NamedDestinations extends TestDestinations {
  readonly #texts: readonly string[];

  constructor(texts: readonly string[]) {
    super();
    this.#texts = texts;
  }

  text(d: number): string {
    return this.#texts[this.get(d).name - 1]!;
  }

  override family(): number {
    return Family.v4;
  }

  override addressWord(d: number, i: number): number {
    return address(this.text(d)).words[i]!;
  }
}

describe('mh', () => {
  test('picks by a table that the weights share', () => {
    const equal = serviceOf('mh', [
      ['10.0.0.11', 1],
      ['10.0.0.12', 1],
      ['10.0.0.13', 1],
    ]);
    expect(['10.0.0.2', '192.168.1.1', '1.2.3.4'].map((client) => equal.pick(client))).toEqual([
      '10.0.0.13',
      '10.0.0.11',
      '10.0.0.12',
    ]);
  });

  test('keeps the share of a destination that is quiesced, and picks none for it', () => {
    const { list, scheduler, pick } = serviceOf('mh', [
      ['10.0.0.11', 1],
      ['10.0.0.12', 1],
      ['10.0.0.13', 1],
    ]);
    list.set(0, { weight: 0 });
    scheduler.edited(0);
    expect(['10.0.0.2', '1.2.3.4'].map((client) => pick(client))).toEqual(['10.0.0.13', '10.0.0.12']);
    expect(scheduler.pick(Object.assign(requestOf(1), { client3: v4('192.168.1.1') }))).toBe(-1);
  });

  test('leaves its table as it was when there are more destinations than entries', () => {
    const list = new TestDestinations();
    const scheduler = findScheduler('mh')!.create(linked(list, 4094), optionsWith());
    expect(scheduler.pick(requestOf(1))).toBe(-1);
  });
});

/** So many destinations, without the walks of TestDestinations. */
function linked(list: TestDestinations, count: number): DestinationList {
  list.add(1);
  return Object.assign(Object.create(list) as TestDestinations, {
    first: () => 0,
    next: (d: number) => (d + 1 < count ? d + 1 : -1),
    weight: () => 1,
    lastWeight: () => 1,
    overloaded: () => false,
    family: () => Family.v4,
    addressWord: (d: number, i: number) => (i === 3 ? d : 0),
    port: () => 80,
  });
}

describe('sh', () => {
  test('deals its buckets out in runs as long as the weights', () => {
    const list = new TestDestinations();
    const scheduler = findScheduler('sh')!.create(list, optionsWith());
    for (const weight of [3, 2, 1]) scheduler.added(list.add(weight));
    expect(sharesOf(scheduler, (bucket) => ({ client3: addressInBucket(bucket) }))).toEqual([127, 86, 43]);
  });
});

describe('dh', () => {
  test('deals its buckets out one by one, whatever the weights, and looks at the address asked for alone', () => {
    const list = new TestDestinations();
    const scheduler = findScheduler('dh')!.create(list, optionsWith());
    for (const weight of [3, 2, 1]) scheduler.added(list.add(weight));
    expect(sharesOf(scheduler, (bucket) => ({ target3: addressInBucket(bucket) }))).toEqual([85, 85, 86]);
    expect(sharesOf(scheduler, (bucket) => ({ client3: bucket }))).toEqual([256, 0, 0]);
  });

  test('looks at the client for an ICMP error, which went to the address that the quoted reply went to', () => {
    const list = new TestDestinations();
    const scheduler = findScheduler('dh')!.create(list, optionsWith());
    for (const weight of [1, 1, 1]) scheduler.added(list.add(weight));
    const quoting = (bucket: number) => ({ quotesReply: true, client3: addressInBucket(bucket) });
    expect(sharesOf(scheduler, quoting)).toEqual([85, 85, 86]);
  });
});

/** The first number that hash32 puts there. */
function addressInBucket(bucket: number): number {
  for (let n = 1; ; n++) if (hash32(n, 8) === bucket) return n;
}

/** How often each of three destinations is picked for one request per bucket. */
function sharesOf(scheduler: Scheduler, fields: (bucket: number) => object): number[] {
  const picks = Array.from({ length: 256 }, (_, bucket) => scheduler.pick(Object.assign(requestOf(0), fields(bucket))));
  return [0, 1, 2].map((d) => picks.filter((picked) => picked === d).length);
}
