import { native } from '../../src/io/native.ts';
import { TunPort } from '../../src/io/tunPort.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort, type PortRig } from '../io/portConformance.ts';
import { udpFrames } from '../io/testFrames.ts';
import { describeAsRoot, oneMillisecond, RawLink } from './ioLinks.ts';

const MAC_ADDRESSES_BYTES = 12;

/** What stands in front of each IPv4 packet that a TUN port delivers. */
function zeroEthernetHeader(): Uint8Array {
  const header = new Uint8Array(14);
  header[MAC_ADDRESSES_BYTES] = 8;
  return header;
}

function tunRig(tap: boolean, receiveOffloads: boolean): PortRig {
  const arena = new FrameArena(native().arena(24 << 20));
  const port = new TunPort(arena, { name: 'uvsiot%d', tap, receiveOffloads });
  const outside = new RawLink(port.facts.name, tap ? {} : { linkHeader: zeroEthernetHeader() });
  return {
    port,
    arena,
    sendToPort: (bytes) => outside.send(bytes),
    takeFromPort: () => outside.take(),
    wait: oneMillisecond,
    close: () => {
      port.close();
      outside.close();
    },
  };
}

describeAsRoot('TUN and TAP port', () => {
  const frames = udpFrames({ source: [192, 0, 2, 1], destination: [192, 0, 2, 2], port: 9 });
  // What a device queue of 500 frames loses shows in the counters of the device, not of the port.
  describePort('tun', () => tunRig(false, false), { frames, countsMissed: false });
  describePort('tun with offloads', () => tunRig(false, true), { frames, countsMissed: false });
  describePort('tap', () => tunRig(true, false), { countsMissed: false });
});
