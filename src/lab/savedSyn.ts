/** The SYN that opened a connection, which the kernel keeps for a listener that asks: how a real server of the labs knows its clients. */
import type { Server, Socket } from 'node:net';
import { native } from '../io/native.ts';
import { clientOfSyn } from './clientOfSyn.ts';

/** The listening socket keeps the SYN of every connection from now on. Linux, with the native helper. */
export function keepSyns(server: Server): void {
  native().saveSyn(descriptorOf(server));
}

/** `10.77.0.1:40000`; undefined when nobody has told. The kernel gives a SYN out once. */
export function clientOf(socket: Socket): string | undefined {
  return clientOfSyn(new Uint8Array(native().savedSyn(descriptorOf(socket))));
}

/** Node has no name for it: the handle of a TCP socket has it on every Unix. */
function descriptorOf(socket: Server | Socket): number {
  return (socket as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1;
}
