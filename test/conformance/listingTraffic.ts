/** The traffic of a recorded listing (schema listing-1): steps as packets, and what came of them in words. */
import { describePacket } from './describe.ts';
import { isOut } from './estimatorPhase.ts';
import type { Ledger } from './ledger.ts';
import { applySettings } from './playScheduler.ts';
import { isObject, type ListingRecording } from './recording.ts';
import type { Rig } from './rig.ts';
import { flagBits } from './segments.ts';
import { fromHex, TcpBit, tcpSegment, udpPacket, wireEndpoint } from './wire.ts';

export interface TrafficStep {
  readonly name: string;
  readonly step: readonly unknown[];
  readonly outputs: readonly unknown[] | null;
  /** IP bytes; 0 for what is no packet. */
  readonly packetBytes: number;
}

const SEQ = 1000;
/** Of a SYN: a maximum segment size of 1460 bytes. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 0xb4);
/** The source port of a GUE packet is not the same twice. */
const TUNNEL_PORT = /(UDP (?:10\.0\.1\.254|\[2001:db8:1::fe\])):\d+>/;

/**
 * The steps one by one. Of many like ones the recording has the first, the last and how many were between; of which of the two kinds
 * they were, the packets counted in the end tell.
 */
export function trafficSteps({ traffic, listings_6s_later: later }: ListingRecording, ledger: Ledger): TrafficStep[] {
  const steps: TrafficStep[] = [];
  for (const [i, [step, outputs]] of traffic.entries()) {
    const omitted = typeof step === 'string' ? /^\.\.\. (\d+) more of the same kind \.\.\.$/.exec(step) : null;
    if (omitted !== null) {
      const [before, after] = [traffic[i - 1], traffic[i + 1]];
      const counted = countedPackets(later['ipvsadm -Ln --stats --exact']);
      const [ins, outs] = [counted.ins - packets(traffic, true), counted.outs - packets(traffic, false)];
      const fits = ins >= 0 && outs >= 0 && ins + outs <= Number(omitted[1]) && ins + outs >= Number(omitted[1]) - 1;
      if (!fits) ledger.fail(`traffic ${i}`, `${omitted[1]} packets`, `${ins} in and ${outs} out by the counters`);
      const like = (of: typeof before, count: number): TrafficStep[] =>
        fits && of !== undefined ? new Array<TrafficStep>(count).fill(stepOf(i, of[0], of[1])) : [];
      steps.push(...like(before, ins), ...like(after, outs));
    } else steps.push(stepOf(i, step, outputs));
  }
  return steps;
}

/** Sends a step's packet, or waits, and compares what came of it. */
export function playStep({ name, step, outputs }: TrafficStep, rig: Rig, ledger: Ledger): void {
  const [kind, first] = step;
  if (kind === 'sleep' && typeof first === 'number') {
    rig.wait(first);
    return;
  }
  if (kind === 'sysctl' && isObject(first)) {
    applySettings(rig, first, ledger);
    return;
  }
  const packet = packetOf(step);
  if (packet === undefined || outputs === null) {
    ledger.fail(name, 'a known step', JSON.stringify(step));
    return;
  }
  const got = isOut({ step }) ? rig.send('server', packet, Number(first)) : rig.send('client', packet);
  const lines = got.map(({ where, packet: bytes }) => `${where} ${describePacket(bytes)}`);
  const masked = (line: unknown): string => String(line).replace(TUNNEL_PORT, '$1:*>');
  ledger.check(name, outputs.map(masked), lines.map(masked));
}

/** @returns undefined for what is no packet, or not understood */
function packetOf([kind, ...fields]: readonly unknown[]): Uint8Array | undefined {
  if (kind === 'c' && (fields.length === 3 || fields.length === 4)) return segment(fields);
  if (kind === 'r' && (fields.length === 4 || fields.length === 5)) return segment(fields.slice(1));
  if (kind === 'u' && (fields.length === 2 || fields.length === 3)) return datagram(fields, 'hello');
  if (kind === 'ru' && (fields.length === 3 || fields.length === 4)) return datagram(fields.slice(1), 'world');
  if (kind === 'chex' && fields.length === 1) return fromHex(String(fields[0]));
  if (kind === 'rhex' && fields.length === 2) return fromHex(String(fields[1]));
  return undefined;
}

function datagram(fields: readonly unknown[], text: string): Uint8Array {
  const [from, to, data = text] = fields.map(String);
  return udpPacket(wireEndpoint(from!), wireEndpoint(to!), Buffer.from(data));
}

function segment([letters, from, to, options = {}]: readonly unknown[]): Uint8Array | undefined {
  if (!isObject(options) || Object.keys(options).some((name) => !['data', 'seq', 'ack'].includes(name))) return undefined;
  const { data = '', seq = SEQ, ack = 0 } = options;
  const flags = flagBits(String(letters));
  return tcpSegment(wireEndpoint(String(from)), wireEndpoint(String(to)), {
    ...{ flags, seq: Number(seq), ack: Number(ack), data: Buffer.from(String(data)) },
    ...(flags === TcpBit.syn ? { options: SYN_OPTIONS } : {}),
  });
}

function stepOf(i: number, step: unknown, outputs: readonly unknown[] | null): TrafficStep {
  const fields = Array.isArray(step) ? (step as readonly unknown[]) : [step];
  return { name: `traffic ${i}`, step: fields, outputs, packetBytes: packetOf(fields)?.length ?? 0 };
}

function packets(traffic: ListingRecording['traffic'], isIn: boolean): number {
  return traffic.filter(
    ([step, outputs], i) => stepOf(i, step, outputs).packetBytes > 0 && isOut(stepOf(i, step, outputs)) !== isIn,
  ).length;
}

/** Sums over the services of a listing of statistics. */
function countedPackets(listing: unknown): { ins: number; outs: number } {
  const lines = Array.isArray(listing) ? String(listing[1]).split('\n').slice(3) : [];
  const numbers = lines
    .filter((line) => line !== '' && !line.startsWith('  ->'))
    .map((line) => line.trim().split(/ +/).slice(-5));
  const sum = (column: number): number => numbers.reduce((total, row) => total + Number(row[column]), 0);
  return { ins: sum(1), outs: sum(2) };
}
