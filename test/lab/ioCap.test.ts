import { describe } from 'vitest';
import { openCapPort } from '../../src/io/capPort.ts';
import { native } from '../../src/io/native.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort, type PortRig } from '../io/portConformance.ts';
import { ethernetFrames } from '../io/testFrames.ts';
import { describeAsRoot, ip, makeWire, oneMillisecond, RawLink } from './ioLinks.ts';

const MAC = '02:00:00:00:00:55';
const PACKAGE: string = 'cap';
const isInstalled = await import(PACKAGE).then(
  () => true,
  () => false,
);
if (!isInstalled) process.stderr.write('left out, needs `npm run setup -- --with-cap`: cap port\n');

async function capRig(): Promise<PortRig> {
  const wire = makeWire('c');
  ip('link', 'set', wire.near, 'address', MAC);
  const arena = new FrameArena(native().arena(24 << 20));
  const port = await openCapPort(arena, { interfaceName: wire.near, frames: 256 });
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

describe.skipIf(!isInstalled)('with libpcap', () => {
  describeAsRoot('cap port', () => {
    // The package does not tell what the kernel lost.
    describePort('cap', capRig, { frames: ethernetFrames([2, 0, 0, 0, 0, 0x55]), countsMissed: false });
  });
});
