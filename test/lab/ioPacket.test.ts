import { expect, test } from 'vitest';
import { native } from '../../src/io/native.ts';
import { PacketPort } from '../../src/io/packetPort.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort, type PortRig } from '../io/portConformance.ts';
import { ethernetFrames } from '../io/testFrames.ts';
import { describeAsRoot, makeWire, oneMillisecond, RawLink } from './ioLinks.ts';

function packetRig(superFrames: boolean, slots = 256): PortRig {
  const wire = makeWire('p');
  const arena = new FrameArena(native().arena(24 << 20));
  const port = new PacketPort(arena, { interface: wire.near, superFrames, slots });
  const outside = new RawLink(wire.far);
  return {
    port,
    arena,
    sendToPort: (bytes) => outside.send(bytes),
    takeFromPort: () => outside.take(),
    wait: oneMillisecond,
    close: () => {
      port.close();
      outside.close();
      wire.remove();
    },
  };
}

describeAsRoot('AF_PACKET port', () => {
  describePort('packet, with super-frames', () => packetRig(true));
  describePort('packet, without super-frames', () => packetRig(false));

  test('a ring with fewer slots than a burst delivers each frame once, and counts those it has no slot for', async () => {
    const rig = packetRig(false, 32);
    const frames = ethernetFrames();
    for (let i = 0; i < 40; i++) rig.sendToPort(frames.build(i, 60));
    await oneMillisecond();
    const burst = new Burst();
    rig.port.receive(burst);
    const numbers = Array.from(burst.at.subarray(0, burst.count), (at) =>
      frames.sequenceOf(rig.arena.bytes.subarray(at, at + 60)),
    );
    expect(numbers).toEqual(Array.from({ length: 32 }, (_, i) => i));
    expect(rig.port.receive(new Burst())).toBe(0);
    rig.port.release(burst);
    expect(rig.port.counters).toMatchObject({ received: 32, receiveMissed: 8 });
    await rig.close();
  });
});
