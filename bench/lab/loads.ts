/** The loads: each is bounded, runs in a stage whose director is awake, and says what came through and what the director's core did. */
import { setTimeout as delay } from 'node:timers/promises';
import * as plan from './addresses.ts';
import { type CpuTime, cpuTimeBetween, readCpuTime } from './cpuTime.ts';
import { startTool } from './nativeTools.ts';
import { type Load, type Method, type RunningPeer, serviceAddress, sinkAddress } from './peers.ts';
import { CLIENT_INTERFACE, receivedFrames, runIn, SERVER_INTERFACE, type Stage } from './stage.ts';

/** Flows of the generator. */
export const FLOWS = 10_000;
const TCP_SYN = '0x02';
const TCP_SYN_ACK = '0x12';
const TCP_ACK = '0x10';
/** Slow enough for a director that has just started. */
const PRIMING_RATE_PPS = 25_000;
/** A director that can count its connections is asked after each round whether it has all of them. */
const PRIMING_ROUNDS = { least: 2, most: 6 };
/** In-flight frames have arrived. */
const DRAIN_MS = 30;
/** From the first frame of an overload until rings are full and the run counts. */
const SETTLE_MS = 200;

/** A stage with its director and with a process inside the real server's namespace. */
export interface LoadedStage {
  readonly stage: Stage;
  readonly peer: RunningPeer;
  readonly serverPid: number;
  readonly generator: string;
}

export interface FrameRun {
  readonly offeredPps: number;
  readonly forwardedPps: number;
  /** 0 to 1. */
  readonly loss: number;
  readonly cpu: CpuTime;
  readonly forwarded: number;
  readonly seconds: number;
}

/**
 * Every flow becomes an established connection: SYN, SYN+ACK from the real server, ACK; each more than once. Rejects when the
 * director does not know them all in the end: frames of an unknown connection would be measured, too, and cost more.
 */
export async function primeFlows(loaded: LoadedStage, method: Method): Promise<void> {
  const { connectionCount } = loaded.peer;
  const wanted = ((await connectionCount?.()) ?? 0) + FLOWS;
  let known = 0;
  for (let round = 1; round <= PRIMING_ROUNDS.most; round++) {
    await once(loaded, 'out', sinkAddress(method), TCP_SYN);
    if (method === 'masq') await once(loaded, 'back', plan.SINK, TCP_SYN_ACK);
    await once(loaded, 'out', sinkAddress(method), TCP_ACK);
    known = (await connectionCount?.()) ?? wanted;
    if (round >= PRIMING_ROUNDS.least && known >= wanted) return;
  }
  throw new Error(`${wanted - known} of ${FLOWS} flows did not become connections`);
}

/** Below overload: everything that was sent is counted after it has arrived. */
export async function runOffered(loaded: LoadedStage, method: Method, ratePps: number, seconds: number): Promise<FrameRun> {
  const before = sample(loaded);
  const result = await startGenerator(loaded, method, ratePps, seconds).result;
  await delay(DRAIN_MS);
  const after = sample(loaded);
  const forwarded = after.frames - before.frames;
  const { sent, nanoseconds } = parseSent(result);
  return {
    offeredPps: (sent / nanoseconds) * 1e9,
    forwardedPps: (forwarded / nanoseconds) * 1e9,
    loss: Math.max(0, 1 - forwarded / sent),
    cpu: cpuTimeBetween(before.cpu, after.cpu),
    forwarded,
    seconds: nanoseconds / 1e9,
  };
}

/** As many as the generator can: counted between two moments in the middle, so that what lies in rings does not matter. */
export async function runOverload(loaded: LoadedStage, method: Method, seconds: number): Promise<FrameRun> {
  const running = startGenerator(loaded, method, 0, seconds + SETTLE_MS / 1000 + 0.1);
  await running.sending;
  await delay(SETTLE_MS);
  const from = sample(loaded);
  await delay(seconds * 1000);
  const to = sample(loaded);
  const { sent, nanoseconds } = parseSent(await running.result);
  const elapsed = (to.atMs - from.atMs) / 1000;
  const forwarded = to.frames - from.frames;
  const offeredPps = (sent / nanoseconds) * 1e9;
  return {
    offeredPps,
    forwardedPps: forwarded / elapsed,
    loss: Math.max(0, 1 - forwarded / elapsed / offeredPps),
    cpu: cpuTimeBetween(from.cpu, to.cpu),
    forwarded,
    seconds: elapsed,
  };
}

export interface Throughput {
  /** Requests per second, or Gbit/s. */
  readonly value: number;
  /** Requests, or gigabytes. */
  readonly amount: number;
  readonly cpu: CpuTime;
}

/** wrk against the real server's nginx: one request per connection, or many. @param seconds a whole number: wrk takes no other */
export async function runRequests(
  { stage, peer }: LoadedStage,
  method: Method,
  kind: Extract<Load, 'connections' | 'keep-alive'>,
  seconds: number,
): Promise<Throughput> {
  const header = kind === 'connections' ? ['-H', 'Connection: close'] : [];
  const url = `http://${serviceAddress(method)}:${plan.HTTP_PORT}/`;
  const before = readCpuTime(peer.pids);
  const text = await runIn(stage.client, ['wrk', '-t1', '-c64', `-d${seconds}s`, '--timeout', '1s', ...header, url]);
  const cpu = cpuTimeBetween(before, readCpuTime(peer.pids));
  const value = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0);
  const amount = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const failed = Number(errors?.[1] ?? 0) + Number(errors?.[3] ?? 0) + Number(errors?.[4] ?? 0);
  if (amount === 0) throw new Error(`no request was answered: ${text.trim().split('\n').at(-1)}`);
  if (failed > amount / 100) throw new Error(`${failed} of ${amount} requests failed`);
  return { value, amount, cpu };
}

/** iperf3, one stream. `up` is from the client to the real server. */
export async function runBulk(
  { stage, peer }: LoadedStage,
  method: Method,
  kind: Extract<Load, 'up' | 'down' | 'udp'>,
  seconds: number,
): Promise<Throughput & { readonly loss: number }> {
  const flags = { up: [], down: ['-R'], udp: ['-u', '-b', '0', '-l', '1400'] }[kind];
  const address = serviceAddress(method);
  const command = [
    'iperf3',
    '-c',
    address,
    '-p',
    String(plan.BULK_PORT),
    '-t',
    String(seconds),
    '-J',
    '--connect-timeout',
    '1000',
  ];
  const before = readCpuTime(peer.pids);
  const text = await runIn(stage.client, [...command, ...flags], seconds * 1000 + 6000);
  const cpu = cpuTimeBetween(before, readCpuTime(peer.pids));
  const end = (JSON.parse(text) as { end: Record<string, Record<string, number> | undefined> }).end;
  const received = end['sum_received'] ?? end['sum'];
  if (received === undefined) throw new Error('iperf3 gave no result');
  const bytes = received['bytes'] ?? 0;
  const lost = (received['lost_packets'] ?? 0) / Math.max(1, received['packets'] ?? 1);
  return { value: (received['bits_per_second'] ?? 0) / 1e9, amount: bytes / 1e9, cpu, loss: kind === 'udp' ? lost : 0 };
}

interface Sample {
  readonly atMs: number;
  readonly frames: number;
  readonly cpu: CpuTime;
}

function sample({ serverPid, peer }: LoadedStage): Sample {
  return {
    frames: receivedFrames(serverPid, SERVER_INTERFACE),
    atMs: performance.now(),
    cpu: readCpuTime(peer.pids),
  };
}

function parseSent(line: string): { sent: number; nanoseconds: number } {
  const match = /^sent (\d+) in (\d+)$/.exec(line);
  if (match === null || Number(match[1]) === 0) throw new Error(`the generator sent nothing: ${line}`);
  return { sent: Number(match[1]), nanoseconds: Math.max(1, Number(match[2])) };
}

function startGenerator(loaded: LoadedStage, method: Method, ratePps: number, seconds: number) {
  const to = sinkAddress(method);
  return startTool(
    generatorCommand(loaded, 'out', to, TCP_ACK, ['live', String(ratePps), String(seconds)]),
    seconds * 1000 + 5000,
  );
}

/** One frame of each flow. */
async function once(loaded: LoadedStage, direction: 'out' | 'back', peer: string, flags: string): Promise<void> {
  await startTool(generatorCommand(loaded, direction, peer, flags, ['raw', String(PRIMING_RATE_PPS), '0']), 10_000).result;
}

/** @param peer the address that is not the flows' */
function generatorCommand(
  { stage, generator }: LoadedStage,
  direction: 'out' | 'back',
  peer: string,
  flags: string,
  load: readonly string[],
): string[] {
  const isOut = direction === 'out';
  const [from, to] = isOut ? [plan.MAC.client, plan.MAC.front] : [plan.MAC.server, plan.MAC.back];
  const place = [
    'ip',
    'netns',
    'exec',
    isOut ? stage.client : stage.server,
    generator,
    isOut ? CLIENT_INTERFACE : SERVER_INTERFACE,
  ];
  return [...place, from, to, direction, peer, String(plan.SINK_PORT), String(FLOWS), flags, ...load];
}
