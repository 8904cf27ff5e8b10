/** What the micro suite measures beside tables: codecs, checksums, the connection hash. Each case works on 64 frames or values. */
import { Family, Protocol } from '../src/base/terms.ts';
import { FrameArena } from '../src/memory/frameArena.ts';
import * as checksum from '../src/packet/checksum.ts';
import { Flow, FlowFault, parseFlow } from '../src/packet/flow.ts';
import * as ipv4 from '../src/packet/ipv4.ts';
import * as ipv6 from '../src/packet/ipv6.ts';
import { hashKey } from '../src/table/connectionRows.ts';

export interface MicroCase {
  /** As a label. */
  readonly what: string;
  /** Operations that one call does. */
  readonly operations: number;
  readonly run: () => void;
  /** Arguments of bench/c/micro.c that do the same; empty when it has no such kernel. */
  readonly inC: readonly string[];
}

const FRAMES = 64;
const SLOT_BYTES = 2048;
/** As the engine's frames lie: headroom, and the IP header aligned to four bytes. */
const FRAME_AT = 258;
const ETHERNET_BYTES = 14;
const V4_FRAME_BYTES = 60;
const V6_FRAME_BYTES = 74;
const VIRTUAL_ADDRESS = 0x0a000001;
const VIRTUAL_PORT = 80;
const SEED = 0x5eed;
const IDENTITY = (Protocol.tcp << 8) | Family.v4;

/** Where results go, so that no compiler may leave computing out. */
let sink = 0;

export function microCases(): readonly MicroCase[] {
  const v4 = frames(writeV4, V4_FRAME_BYTES);
  const v6 = frames(writeV6, V6_FRAME_BYTES);
  const sums = [20, 64, 1480].map((bytes) => ({
    what: `sum of ${bytes} bytes`,
    operations: FRAMES,
    run: () => sumAll(v4.view, bytes),
    inC: ['--what', 'sum', '--bytes', `${bytes}`],
  }));
  return [
    { what: 'parse IPv4 TCP', operations: FRAMES, run: () => parseAll(v4, V4_FRAME_BYTES), inC: ['--what', 'parse'] },
    { what: 'parse IPv6 TCP', operations: FRAMES, run: () => parseAll(v6, V6_FRAME_BYTES), inC: [] },
    ...sums,
    { what: 'checksum mended', operations: FRAMES, run: mendAll, inC: ['--what', 'incremental'] },
    { what: 'hash IPv4', operations: FRAMES, run: () => hashAll(IDENTITY, Family.v4), inC: ['--what', 'hash'] },
    { what: 'hash IPv6', operations: FRAMES, run: () => hashAll((Protocol.tcp << 8) | Family.v6, Family.v6), inC: [] },
  ];
}

function frames(write: (v: DataView, at: number, i: number) => void, bytes: number): FrameArena {
  const arena = new FrameArena(new ArrayBuffer(FRAMES * SLOT_BYTES));
  for (let i = 0; i < FRAMES; i++) write(arena.view, i * SLOT_BYTES + FRAME_AT, i);
  if (parseFlow(arena.view, FRAME_AT, bytes, new Flow()) !== FlowFault.none) throw new Error('the frames of the bench are wrong');
  return arena;
}

function writeV4(v: DataView, at: number, i: number): void {
  v.setUint16(at + 12, 0x0800);
  const l3 = at + ETHERNET_BYTES;
  ipv4.writeHeader(v, l3, V4_FRAME_BYTES - ETHERNET_BYTES, 0, 1, 0x4000, 64, Protocol.tcp, 0xac100000 + i, VIRTUAL_ADDRESS);
  writeTcp(v, l3 + 20, i);
}

function writeV6(v: DataView, at: number, i: number): void {
  v.setUint16(at + 12, 0x86dd);
  const l3 = at + ETHERNET_BYTES;
  const payload = V6_FRAME_BYTES - ETHERNET_BYTES - 40;
  ipv6.writeHeader(v, l3, payload, 0, Protocol.tcp, 64, 0x20010db8, 0, 0, i, 0x20010db8, 1, 0, VIRTUAL_ADDRESS);
  writeTcp(v, l3 + 40, i);
}

/** An ACK; its checksum is 0, which nobody here looks at. */
function writeTcp(v: DataView, l4: number, i: number): void {
  v.setUint16(l4, 1024 + i);
  v.setUint16(l4 + 2, VIRTUAL_PORT);
  v.setUint16(l4 + 12, 0x5010);
}

const flow = new Flow();

function parseAll({ view }: FrameArena, bytes: number): void {
  for (let i = 0; i < FRAMES; i++) {
    parseFlow(view, i * SLOT_BYTES + FRAME_AT, bytes, flow);
    sink = (sink + flow.source3 + flow.targetPort) | 0;
  }
}

function sumAll(view: DataView, bytes: number): void {
  for (let i = 0; i < FRAMES; i++) sink = (sink + checksum.sum(view, i * SLOT_BYTES + FRAME_AT + ETHERNET_BYTES, bytes, 0)) | 0;
}

function mendAll(): void {
  let field = sink & 0xffff;
  for (let i = 0; i < FRAMES; i++) {
    field = checksum.apply(field, checksum.difference32(VIRTUAL_ADDRESS, i) + checksum.difference16(VIRTUAL_PORT, i));
  }
  sink = field;
}

function hashAll(identity: number, family: number): void {
  const key = flow;
  key.family = family;
  key.targetPort = VIRTUAL_PORT;
  for (let i = 0; i < FRAMES; i++) {
    key.source3 = i;
    key.sourcePort = i;
    sink = (sink + hashKey(SEED, identity, key, false)) | 0;
  }
}
