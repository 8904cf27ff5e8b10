import { expect, test } from 'vitest';
import { Traffic } from '../../src/table/traffic.ts';

test('a packet counts for its service, its destination and the total', () => {
  const traffic = new Traffic(2, 3);
  traffic.addConnection(1, 2);
  traffic.addIn(1, 2, 60);
  traffic.addIn(1, 0, 40);
  traffic.addOut(1, 2, 1500);
  const none = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };
  expect(traffic.ofService(0)).toEqual(none);
  expect(traffic.ofService(1)).toEqual({ connections: 1, inPackets: 2, outPackets: 1, inBytes: 100, outBytes: 1500 });
  expect(traffic.ofDestination(2)).toEqual({ connections: 1, inPackets: 1, outPackets: 1, inBytes: 60, outBytes: 1500 });
  expect(traffic.ofDestination(0)).toEqual({ ...none, inPackets: 1, inBytes: 40 });
  expect(traffic.total()).toEqual(traffic.ofService(1));
});

test('clearing a row leaves its neighbours and the total', () => {
  const traffic = new Traffic(2, 2);
  traffic.addIn(0, 0, 10);
  traffic.addIn(1, 1, 20);
  traffic.clearService(0);
  traffic.clearDestination(1);
  expect([traffic.ofService(0).inBytes, traffic.ofService(1).inBytes]).toEqual([0, 20]);
  expect([traffic.ofDestination(0).inBytes, traffic.ofDestination(1).inBytes]).toEqual([10, 0]);
  expect(traffic.total().inBytes).toBe(30);
});

test('bytes are exact beyond 32 bits', () => {
  const traffic = new Traffic(1, 1);
  for (let i = 0; i < 3; i++) traffic.addIn(0, 0, 0xffff_ffff);
  expect(traffic.total().inBytes).toBe(3 * 0xffff_ffff);
});
