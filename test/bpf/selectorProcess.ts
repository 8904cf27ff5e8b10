/**
 * A process inside a network namespace, for test/lab/selector.test.ts. Opens an interface, by way of the selector or (io "plain")
 * without, sends what it is told to, and says what arrives: on the port as `port`, at the host's UDP sockets as `host`. Only what
 * carries a word marked `uvs:word;` counts. Commands and answers are lines of JSON; it ends with its standard input.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { filterEntries, fromHex, type SelectorFacts } from '../../src/bpf/endpoints.ts';
import { interfaceFacts } from '../../src/io/interfaceFacts.ts';
import { native, type XdpSocket } from '../../src/io/native.ts';
import { PacketPort } from '../../src/io/packetPort.ts';
import { KernelSelector } from '../../src/io/selector.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';

export interface ProcessOptions {
  readonly interface: string;
  readonly io: 'plain' | 'packet' | 'xdp';
  /** UDP ports to listen on, both families. */
  readonly listen: readonly number[];
}

export type Command = { readonly send: readonly string[] } | { readonly facts: SelectorFacts } | { readonly attachAgain: true };

export type Answer =
  | { readonly ready: string }
  | { readonly port: string }
  | { readonly host: string }
  | { readonly updated: number }
  | { readonly refused: string };

const POLL_MS = 2;
const UMEM_FRAMES = 64;
const CHUNK_BYTES = 2048;

const options = JSON.parse(process.argv[2] ?? '{}') as ProcessOptions;
const arena = new FrameArena(native().arena(64 << 20));
const { index, mac } = interfaceFacts(options.interface);
const selector = new KernelSelector(native(), { capacity: 64 });

for (const port of options.listen) {
  const socket = createSocket('udp6'); // and IPv4 with it
  socket.on('message', (message) => sayMarked('host', message));
  socket.bind(port);
  await once(socket, 'listening');
}
const ready = options.io === 'xdp' ? openXdp() : openPacket();
createInterface({ input: process.stdin }).on('line', (line) => {
  obey(JSON.parse(line) as Command);
});
process.stdin.on('end', () => process.exit(0));
say({ ready });

function obey(command: Command): void {
  if ('send' in command) send(command.send.map(fromHex));
  else if ('facts' in command) say({ updated: selector.update(filterEntries(command.facts)) });
  else {
    try {
      new KernelSelector(native(), { capacity: 1 }).attachXdp(index, mac);
    } catch (error) {
      say({ refused: `${(error as { code?: string }).code} ${error}` });
    }
  }
}

function openPacket(): string {
  const isPlain = options.io === 'plain';
  const port = new PacketPort(arena, { interface: options.interface, dropUntilFiltered: !isPlain });
  if (!isPlain) selector.attachPacket(index, mac, port.fileDescriptor);
  const burst = new Burst();
  setInterval(() => {
    port.receive(burst);
    for (let i = 0; i < burst.count; i++) sayMarked('port', arena.bytes.subarray(burst.at[i]!, burst.at[i]! + burst.bytes[i]!));
    port.release(burst);
  }, POLL_MS);
  return options.io;
}

/** As little of AF_XDP as shows where frames go: a fill ring that is filled once, a receive ring that is read. */
function openXdp(): string {
  const page = native().pageBytes;
  const umemBytes = UMEM_FRAMES * CHUNK_BYTES;
  const umemAt = arena.reserve(umemBytes, page);
  const place = () => arena.reserve(4 * page, page);
  const socket = native().xdpOpen(arena.buffer, {
    interfaceIndex: index,
    queue: 0,
    bindFlags: 2, // XDP_COPY
    sharedFd: -1,
    umemAt,
    umemBytes,
    chunkBytes: CHUNK_BYTES,
    headroomBytes: 0,
    sendBufferBytes: 1 << 16,
    kickFrames: 32,
    ringBytes: 4 * page,
    receiveAt: place(),
    receiveEntries: UMEM_FRAMES,
    transmitAt: place(),
    transmitEntries: UMEM_FRAMES,
    fillAt: place(),
    fillEntries: UMEM_FRAMES,
    completionAt: place(),
    completionEntries: UMEM_FRAMES,
  });
  const { words, view } = arena;
  for (let i = 0; i < UMEM_FRAMES; i++) view.setBigUint64(socket.fill.entriesAt + 8 * i, BigInt(i * CHUNK_BYTES), true);
  Atomics.store(words, socket.fill.producerAt >> 2, UMEM_FRAMES);
  selector.registerSocket(index, 0, socket.fd);
  const { mode } = selector.attachXdp(index, mac);
  setInterval(() => readXdp(socket, umemAt), POLL_MS);
  return mode;
}

function readXdp({ receive }: XdpSocket, umemAt: number): void {
  const { words, view, bytes } = arena;
  const produced = Atomics.load(words, receive.producerAt >> 2);
  let consumed = words[receive.consumerAt >> 2]!;
  for (; consumed !== produced; consumed++) {
    const descriptorAt = receive.entriesAt + 16 * (consumed & (receive.entries - 1));
    const at = umemAt + Number(view.getBigUint64(descriptorAt, true));
    sayMarked('port', bytes.subarray(at, at + view.getUint32(descriptorAt + 8, true)));
  }
  Atomics.store(words, receive.consumerAt >> 2, consumed);
}

function send(frames: readonly Uint8Array[]): void {
  const port = new PacketPort(arena, { interface: options.interface, slots: 16, dropUntilFiltered: true });
  const burst = new Burst();
  for (const frame of frames) {
    const at = arena.reserve(frame.length + 128) + 64;
    arena.bytes.set(frame, at);
    burst.output[burst.push(at, frame.length)] = 0;
  }
  port.transmit(burst, 0);
  port.close();
}

function sayMarked(where: 'port' | 'host', bytes: Uint8Array): void {
  const word = /uvs:([^;]*);/.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))?.[1];
  if (word !== undefined) say(where === 'port' ? { port: word } : { host: word });
}

function say(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
