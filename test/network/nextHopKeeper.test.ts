import { beforeEach, describe, expect, test } from 'vitest';
import { NextHopKeeper } from '../../src/network/nextHopKeeper.ts';
import { REFRESH_MS } from '../../src/network/nextHopResolver.ts';
import { FakeNetwork, ManualWaits, route, settle } from './fakeNetwork.ts';

let network: FakeNetwork;
let waits: ManualWaits;
let said: string[];
let keeper: NextHopKeeper;

beforeEach(() => {
  network = new FakeNetwork();
  waits = new ManualWaits();
  said = [];
  keeper = new NextHopKeeper({
    network,
    wait: waits.wait,
    onHop: (address, hop) => said.push(`${address} by ${hop.mac ?? 'nothing'}`),
    onProblem: (address, problem) => said.push(`${address} is ${problem}`),
    onAddressesChanged: () => said.push('addresses'),
    onError: (error) => said.push(String(error)),
  });
});

describe('the keeper of next hops', () => {
  test('resolves a neighbour that the kernel knows', async () => {
    network.routes.set('10.0.0.2', route(2));
    network.neighbours.set('10.0.0.2 2', 'aa');
    keeper.keep(['10.0.0.2']);
    await keeper.settled();
    expect(said).toEqual(['10.0.0.2 by aa']);
  });

  test('probes one that it does not know until it answers', async () => {
    network.routes.set('10.0.0.2', route(2));
    keeper.keep(['10.0.0.2']);
    await waits.advance(1000);
    network.neighbours.set('10.0.0.2 2', 'aa');
    network.emit({ kind: 'neighbour', ifindex: 2, address: '10.0.0.2' });
    await settle();
    expect(said).toEqual(['10.0.0.2 by nothing', '10.0.0.2 by aa']);
    expect(network.probes).toEqual(['10.0.0.2 2', '10.0.0.2 2', '10.0.0.2 2']);
  });

  test('asks for the gateway where there is one, and hears news of it', async () => {
    network.routes.set('192.0.2.9', route(3, { gateway: '10.0.0.254' }));
    network.neighbours.set('10.0.0.254 3', 'aa');
    keeper.keep(['192.0.2.9']);
    await keeper.settled();
    network.neighbours.set('10.0.0.254 3', 'bb');
    network.emit({ kind: 'neighbour', ifindex: 3, address: '10.0.0.254' });
    await settle();
    expect(said).toEqual(['192.0.2.9 by aa', '192.0.2.9 by bb']);
  });

  test('keeps the kernel from forgetting a neighbour', async () => {
    network.routes.set('10.0.0.2', route(2));
    network.neighbours.set('10.0.0.2 2', 'aa');
    keeper.keep(['10.0.0.2']);
    await waits.advance(3 * REFRESH_MS);
    expect(network.probes).toHaveLength(4);
    expect(said).toEqual(['10.0.0.2 by aa']);
  });

  test('looks once after a swarm of route events, at every server and at the local addresses', async () => {
    network.routes.set('10.0.0.2', route(2));
    network.neighbours.set('10.0.0.2 2', 'aa').set('10.0.0.254 3', 'bb');
    keeper.keep(['10.0.0.2']);
    await keeper.settled();
    network.routes.set('10.0.0.2', route(3, { gateway: '10.0.0.254' }));
    for (let i = 0; i < 50; i++) network.emit({ kind: 'route' });
    await waits.advance(100);
    expect(said).toEqual(['10.0.0.2 by aa', 'addresses', '10.0.0.2 by bb']);
  });

  test('says that a server is the director itself, or has no route, and counts both as settled', async () => {
    network.routes.set('10.0.0.1', route(1, { isLocal: true }));
    keeper.keep(['10.0.0.1', '198.51.100.1']);
    await keeper.settled();
    expect(said).toEqual(['10.0.0.1 is local', '10.0.0.1 by nothing', '198.51.100.1 is unroutable']);
  });

  test('forgets the servers that are not wanted any more, and keeps the others as they are', async () => {
    for (const address of ['10.0.0.2', '10.0.0.3']) network.routes.set(address, route(2));
    network.neighbours.set('10.0.0.2 2', 'aa').set('10.0.0.3 2', 'bb');
    keeper.keep(['10.0.0.2', '10.0.0.3']);
    await keeper.settled();
    keeper.keep(['10.0.0.3']);
    await waits.advance(REFRESH_MS);
    expect(said).toEqual(['10.0.0.2 by aa', '10.0.0.3 by bb']);
    expect(network.probes.filter((probe) => probe === '10.0.0.2 2')).toHaveLength(1);
  });

  test('asks again after a question that failed', async () => {
    const answer = network.routeTo.bind(network);
    network.routeTo = async () => {
      throw new Error('no memory');
    };
    keeper.keep(['10.0.0.2']);
    await settle();
    network.routeTo = answer;
    network.routes.set('10.0.0.2', route(2));
    network.neighbours.set('10.0.0.2 2', 'aa');
    await waits.advance(5000);
    expect(said).toEqual(['Error: no memory', '10.0.0.2 by aa']);
  });

  test('leaves nothing behind when it stops', async () => {
    network.routes.set('10.0.0.2', route(2));
    keeper.keep(['10.0.0.2']);
    await settle();
    network.emit({ kind: 'all' });
    keeper.stop();
    expect(waits.pending).toEqual([]);
    expect(network.watcherCount).toBe(0);
  });
});
