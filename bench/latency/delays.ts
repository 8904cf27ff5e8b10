/** One-way delays through a stage: what the delay tool says, in microseconds. And what the machine alone does to a program. */

import { DELAY_PORT } from '../lab/addresses.ts';
import { startTool } from '../lab/nativeTools.ts';
import type { Stage } from '../lab/stage.ts';

export interface Delays {
  readonly sent: number;
  readonly received: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** When the longest delay ended, ms after the first arrival. */
  readonly maxAtMs: number;
}

/**
 * Sends datagrams from the client to `address` and takes the kernel's time of arrival at the real server. The time counts from the
 * first arrival, for which it waits up to 20 s. Rejects when nothing arrives.
 */
export async function measureDelays(
  tool: string,
  { client, server }: Stage,
  address: string,
  ratePps: number,
  seconds: number,
): Promise<Delays> {
  const folder = '/var/run/netns';
  const ports = [String(DELAY_PORT), String(DELAY_PORT)];
  const command = [tool, `${folder}/${client}`, `${folder}/${server}`, address, ...ports, String(ratePps), String(seconds)];
  const line = await startTool(command, seconds * 1000 + 25_000).result;
  const raw = JSON.parse(line) as Omit<Delays, 'maxAtMs'> & { readonly maxAt: number };
  if (raw.received === 0) throw new Error(`no datagram to ${address} arrived`);
  const us = (nanoseconds: number) => nanoseconds / 1000;
  const { sent, received } = raw;
  return { sent, received, p50: us(raw.p50), p99: us(raw.p99), p999: us(raw.p999), max: us(raw.max), maxAtMs: raw.maxAt / 1e6 };
}

/** How long a program that does nothing but spin on `core` is kept from it within `seconds`, ms: the longest pause. */
export async function measureStall(tool: string, core: number, seconds: number): Promise<number> {
  const line = await startTool([tool, String(core), String(seconds)], seconds * 1000 + 10_000).result;
  return (JSON.parse(line) as { readonly longest: number }).longest / 1e6;
}
