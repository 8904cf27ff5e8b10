/** The shortest XDP program for the tests of XdpPort: every frame to the socket of its receive queue, else to the host. */

import { native } from '../../src/io/native.ts';
import type { XdpMode } from '../../src/io/selector.ts';
import type { XdpPort } from '../../src/io/xdpPort.ts';

const BPF_PSEUDO_MAP_FD = 1;
const HELPER_REDIRECT_MAP = 51;
const XDP_PASS = 2;
const RX_QUEUE_AT = 16;

/** Takes every frame of the port's interface until `detach` is called. */
export function redirectEverything(port: XdpPort, mode: XdpMode = 'native'): { detach(): void } {
  return redirectQueues([port], mode);
}

/** The same for an interface with a port for each of its queues. */
export function redirectQueues(ports: readonly XdpPort[], mode: XdpMode = 'native'): { detach(): void } {
  const calls = native();
  const map = calls.mapCreate({ type: 'xskmap', keyBytes: 4, valueBytes: 4, entries: 4, name: 'uvsio_sockets' });
  for (const port of ports) calls.mapUpdateFd(map, port.queue, port.fileDescriptor);
  const program = calls.programLoad({ type: 'xdp', name: 'uvsio_all', instructions: instructions(map) });
  const link = calls.linkXdp(program, ports[0]!.interface.index, mode);
  return { detach: () => [link, program, map].forEach((fd) => void calls.closeFd(fd)) };
}

/** Instructions of the BPF machine (RFC 9669): code, registers (source in the high half), offset, immediate. */
function instructions(map: number): Uint8Array {
  const rows: readonly (readonly [code: number, registers: number, offset: number, immediate: number])[] = [
    [0x61, 0x12, RX_QUEUE_AT, 0], //            r2 = context.rx_queue_index
    [0x18, (BPF_PSEUDO_MAP_FD << 4) | 1, 0, map], // r1 = the map, in two instructions
    [0x00, 0, 0, 0],
    [0xb7, 3, 0, XDP_PASS], //                  r3 = what to do when the queue has no socket
    [0x85, 0, 0, HELPER_REDIRECT_MAP],
    [0x95, 0, 0, 0], //                         return r0
  ];
  const v = new DataView(new ArrayBuffer(rows.length * 8));
  for (const [i, [code, registers, offset, immediate]] of rows.entries()) {
    v.setUint8(8 * i, code);
    v.setUint8(8 * i + 1, registers);
    v.setInt16(8 * i + 2, offset, true);
    v.setInt32(8 * i + 4, immediate, true);
  }
  return new Uint8Array(v.buffer);
}
