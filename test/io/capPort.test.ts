import { describe, expect, test } from 'vitest';
import { formatError, UvsError } from '../../src/base/errors.ts';
import { ChecksumState } from '../../src/base/terms.ts';
import { type CapModule, type CapSurroundings, openCapPort } from '../../src/io/capPort.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort, type PortRig } from './portConformance.ts';
import { ethernetFrames } from './testFrames.ts';

const frames = ethernetFrames();

/** Stands in for the package: what libpcap would do, without a kernel. */
class FakeLibpcap implements CapSurroundings {
  readonly isMainThread = true;
  readonly sent: Uint8Array[] = [];
  readonly calls: string[] = [];
  linkType = 'ETHERNET';
  fault: string | undefined;
  #inbox: Uint8Array = new Uint8Array(0);
  #listener: (bytes: number, isTruncated: boolean) => void = () => {};

  load = async (): Promise<CapModule> => {
    const fake = this;
    class Cap {
      open(device: string, filter: string, _bufferBytes: number, buffer: Uint8Array): string {
        if (fake.fault !== undefined) throw new Error(fake.fault);
        fake.calls.push(`open ${device} ${filter}`);
        fake.#inbox = buffer;
        return fake.linkType;
      }
      on(_event: 'packet', listener: (bytes: number, isTruncated: boolean) => void): void {
        fake.#listener = listener;
      }
      send(buffer: Uint8Array, bytes: number): void {
        if (fake.fault !== undefined) throw new Error(fake.fault);
        fake.sent.push(Uint8Array.from(buffer.subarray(0, bytes)));
      }
      close(): void {
        fake.calls.push('close');
      }
    }
    return { default: { Cap } };
  };

  deliver(frame: Uint8Array): void {
    this.#inbox.set(frame.subarray(0, this.#inbox.length));
    this.#listener(Math.min(frame.length, this.#inbox.length), frame.length > this.#inbox.length);
  }
}

function arenaOf(): FrameArena {
  return new FrameArena(new ArrayBuffer(2 << 20));
}

async function fakeRig(): Promise<PortRig> {
  const libpcap = new FakeLibpcap();
  const arena = arenaOf();
  const port = await openCapPort(arena, { interfaceName: 'none0', frames: 128 }, libpcap);
  return {
    port,
    arena,
    sendToPort: (frame) => libpcap.deliver(frame),
    takeFromPort: () => libpcap.sent.shift(),
    close: () => port.close(),
  };
}

describePort('cap, with a libpcap of its own', fakeRig, { capacity: 128 });

describe('openCapPort', () => {
  test('says how to get the package when it is absent', async () => {
    const load = () => Promise.reject(new Error("Cannot find package 'cap'"));
    const text = await textOf(openCapPort(arenaOf(), { interfaceName: 'none0' }, { isMainThread: true, load }));
    expect(text).toBe(
      'the npm package "cap" (libpcap) cannot be loaded [TOOL_MISSING]\n' +
        '  `npm run setup -- --with-cap` installs it, and the Debian package libpcap-dev that it is compiled against.',
    );
  });

  test('refuses to work outside the main thread, without loading the package', async () => {
    const load = () => expect.fail('loaded');
    const text = await textOf(openCapPort(arenaOf(), { interfaceName: 'none0' }, { isMainThread: false, load }));
    expect(text).toMatch(/^the npm package "cap" works in the main thread only \[PORT_OPEN_FAILED\]/);
  });

  test('says what libpcap refuses', async () => {
    const libpcap = new FakeLibpcap();
    libpcap.fault = 'socket: Operation not permitted';
    const text = await textOf(openCapPort(arenaOf(), { interfaceName: 'none0' }, libpcap));
    expect(text).toBe(
      'libpcap does not open none0: socket: Operation not permitted [PORT_OPEN_FAILED]\n' +
        '  libpcap needs root or CAP_NET_RAW, an interface that is up, and a filter that it can compile.',
    );
  });

  test('refuses an interface that is not Ethernet, and closes it', async () => {
    const libpcap = new FakeLibpcap();
    libpcap.linkType = 'RAW';
    const text = await textOf(openCapPort(arenaOf(), { interfaceName: 'none0' }, libpcap));
    expect(text).toMatch(/^none0 is no Ethernet interface: its link type is RAW \[INTERFACE_UNSUITABLE\]/);
    expect(libpcap.calls.at(-1)).toBe('close');
  });

  test('asks only for frames that come in', async () => {
    const libpcap = new FakeLibpcap();
    await openCapPort(arenaOf(), { interfaceName: 'none0', mac: '02:00:00:00:00:07' }, libpcap);
    await openCapPort(arenaOf(), { interfaceName: 'none1', mac: '02:00:00:00:00:07', filter: 'tcp or udp' }, libpcap);
    const incoming =
      process.platform === 'linux' ? '(ether dst 02:00:00:00:00:07 or inbound)' : 'not ether src 02:00:00:00:00:07';
    expect(libpcap.calls).toEqual([`open none0 ${incoming}`, `open none1 ${incoming} and (tcp or udp)`]);
  });

  test('does not claim that checksums are complete', async () => {
    const libpcap = new FakeLibpcap();
    const port = await openCapPort(arenaOf(), { interfaceName: 'none0' }, libpcap);
    libpcap.deliver(frames.build(1, 60));
    const burst = new Burst();
    port.receive(burst);
    expect(burst.checksum[0]).toBe(ChecksumState.unknown);
  });

  test('counts frames that are too long and frames that libpcap does not send', async () => {
    const libpcap = new FakeLibpcap();
    const port = await openCapPort(arenaOf(), { interfaceName: 'none0' }, libpcap);
    libpcap.deliver(frames.build(1, 1519));
    libpcap.deliver(frames.build(2, 70_000));
    libpcap.deliver(frames.build(3, 60));
    const burst = new Burst();
    expect(port.receive(burst)).toBe(1);
    libpcap.fault = 'send: No such device or address';
    burst.output.fill(0);
    port.transmit(burst, 0);
    expect(port.counters).toMatchObject({ received: 1, frameTooLong: 2, transmitted: 0, transmitFailed: 1 });
  });

  test('ignores what arrives after it was closed', async () => {
    const libpcap = new FakeLibpcap();
    const port = await openCapPort(arenaOf(), { interfaceName: 'none0' }, libpcap);
    port.close();
    libpcap.deliver(frames.build(1, 60));
    expect(port.receive(new Burst())).toBe(0);
    expect(libpcap.calls.at(-1)).toBe('close');
  });
});

async function textOf(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    if (error instanceof UvsError) return formatError(error);
    throw error;
  }
  throw new Error('nothing was thrown');
}
