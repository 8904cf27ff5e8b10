/**
 * When the kernel's estimator looked at the counters while a recording was made: every two seconds, but from when on nobody wrote down.
 * What `--stats` and `--rate` show depends on it, so the moments that are possible are tried, and one of them must explain all.
 */

import { shownRates } from '../../src/base/shownRates.ts';
import { RateRows } from '../../src/table/trafficRates.ts';
import { TRAFFIC } from '../../src/table/trafficRow.ts';
import type { TrafficStep } from './listingTraffic.ts';
import type { ListingRecording } from './recording.ts';

export interface Phase {
  /** Goes by between the commands and the traffic. */
  readonly waitSeconds: number;
  /** Goes by with each step of the traffic. */
  readonly stepSeconds: number;
  /** Before these steps the estimator looks, as often as they are named. */
  readonly looks: readonly number[];
}

export const PERIOD_SECONDS = 2;
const PHASE_SECONDS = 0.2;
/** Guest time of a step of traffic. */
const STEP_SECONDS = 0.02;
/** Since the estimator looked last, just before it looks again. */
const BEFORE_SECONDS = 1.9;
/** Fewer looks are in a sleep. */
const MOST_LOOKS = 6;
/** Steps between two looks, at least. */
const LEAST_DISTANCE = 20;
const OUT_KINDS = ['r', 'ru', 'rhex'];

/** First those that differ by the sleeps of a recording, then those that part its packets. */
export function* possiblePhases(recording: ListingRecording, traffic: readonly TrafficStep[]): Generator<Phase> {
  if (traffic.length !== recording.traffic.length) {
    yield* phasesByNumbers(recording, traffic);
    return;
  }
  const count = traffic.length === 0 ? 1 : Math.round(PERIOD_SECONDS / PHASE_SECONDS);
  for (let i = 0; i < count; i++) yield { waitSeconds: i * PHASE_SECONDS, stepSeconds: STEP_SECONDS, looks: [] };
  for (let step = traffic.length - 1; step > 0; step--) {
    const passed = (step * STEP_SECONDS) % PERIOD_SECONDS;
    const waitSeconds = (BEFORE_SECONDS - passed + PERIOD_SECONDS) % PERIOD_SECONDS;
    yield { waitSeconds, stepSeconds: STEP_SECONDS, looks: [step] };
  }
}

/**
 * Of a recording that tells only some of its many steps, and not how long it slept between packets in and packets out: the looks
 * that the recorded numbers of its first service allow. Among the packets in they are equally far apart, some more came until the
 * packets out began, and the last was where the recorded totals show it.
 */
function* phasesByNumbers({ listings }: ListingRecording, traffic: readonly TrafficStep[]): Generator<Phase> {
  const totals = numbersOf(listings['ipvsadm -Ln --stats --exact']);
  const rates = numbersOf(listings['ipvsadm -Ln --rate --exact']);
  const counts = countsAfterEach(traffic);
  const last = counts.findIndex((count) => count.join() === totals.join());
  const turn = traffic.some(isOut) ? traffic.findIndex(isOut) : traffic.length;
  for (const before of looksUntil(Math.min(last, turn), last < turn ? 1 : MOST_LOOKS)) {
    const looks = [...before, last];
    if (ratesAt(looks, counts).join() === rates.join()) yield { waitSeconds: BEFORE_SECONDS, stepSeconds: 0, looks };
  }
}

/** @param most looks at the end, less one */
function* looksUntil(end: number, most: number): Generator<readonly number[]> {
  for (let first = 0; first <= end; first++) {
    for (let distance = LEAST_DISTANCE; distance <= Math.max(LEAST_DISTANCE, end - first + 1); distance++) {
      const looks: number[] = [];
      for (let at = first; at <= end; at += distance) looks.push(at);
      for (let more = 0; more < most; more++) yield [...looks, ...new Array<number>(more).fill(end)];
    }
  }
}

/** Whether it comes from a real server. */
export function isOut({ step: [kind] }: Pick<TrafficStep, 'step'>): boolean {
  return OUT_KINDS.includes(String(kind));
}

/** What has been counted before each step, and after the last. */
function countsAfterEach(traffic: readonly TrafficStep[]): number[][] {
  const counts: number[][] = [[0, 0, 0, 0, 0]];
  for (const each of traffic) {
    const { step, packetBytes } = each;
    const [connections, ins, outs, inBytes, outBytes] = counts.at(-1)! as [number, number, number, number, number];
    const begins = step[0] === 'c' && step[1] === 'S' ? 1 : 0;
    const packets = packetBytes === 0 ? 0 : 1;
    counts.push(
      isOut(each)
        ? [connections, ins, outs + packets, inBytes, outBytes + packetBytes]
        : [connections + begins, ins + packets, outs, inBytes + packetBytes, outBytes],
    );
  }
  return counts;
}

/** Rates as they are shown after looks before these steps. */
function ratesAt(looks: readonly number[], counts: readonly number[][]): number[] {
  const totals = new Float64Array(TRAFFIC.words);
  const rows = new RateRows(totals);
  rows.restart(0);
  for (const look of looks) {
    const [connections, ins, outs, inBytes, outBytes] = counts[look]!;
    totals[TRAFFIC.connections] = connections!;
    totals[TRAFFIC.inPackets] = ins!;
    totals[TRAFFIC.outPackets] = outs!;
    totals[TRAFFIC.inBytes] = inBytes!;
    totals[TRAFFIC.outBytes] = outBytes!;
    rows.sample();
  }
  const { connections, inPackets, outPackets, inBytes, outBytes } = shownRates(rows.of(0));
  return [connections, inPackets, outPackets, inBytes, outBytes];
}

/** The five columns of the first service of a listing. */
function numbersOf(listing: unknown): number[] {
  const line = Array.isArray(listing) ? String(listing[1]).split('\n')[3] : undefined;
  return (line ?? '').trim().split(/ +/).slice(-5).map(Number);
}
