/** The demonstration: requests through the virtual address, how they were shared, then a live view until somebody ends it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientResult } from './clientRequests.ts';
import type { DemoOptions, DemoStage } from './demoStage.ts';
import {
  type DemoSummary,
  isFailure,
  liveLine,
  liveLines,
  requestHeading,
  requestLine,
  seenLines,
  summarize,
  summaryLines,
} from './demoText.ts';

/** Where a demonstration prints. */
export interface DemoScreen {
  readonly isTerminal: boolean;
  line(text: string): void;
  /** Replaces what the last call of `redraw` showed. */
  redraw(lines: readonly string[]): void;
}

const STEADY_INTERVAL_MS = 100;
const REDRAW_MS = 1000;
/** Between two lines where there is no terminal. */
const LINE_MS = 5000;
/** Lines of the table of requests, beside the last one. */
const MAX_REQUEST_LINES = 40;

/** Sends the requests and prints a line for each. Ends early when `signal` is aborted. */
export async function runRequests(
  stage: DemoStage,
  options: DemoOptions,
  screen: DemoScreen,
  signal: AbortSignal,
): Promise<DemoSummary> {
  const results: ClientResult[] = [];
  const start = performance.now();
  screen.line(requestHeading(stage.plan));
  for await (const result of stage.send(options.requests)) {
    results.push(result);
    if (results.length <= MAX_REQUEST_LINES || isFailure(result)) screen.line(requestLine(stage.plan, result));
    else if (results.length === MAX_REQUEST_LINES + 1) screen.line('    ...');
    if (signal.aborted) break;
  }
  const summary = summarize(stage.plan, options, stage.io, results, (performance.now() - start) / 1000);
  screen.line('');
  for (const line of seenLines(results)) screen.line(line);
  for (const line of summaryLines(stage.plan, summary)) screen.line(line);
  return summary;
}

/** Ten requests a second, and what the director says of them, until `signal` is aborted. */
export async function runLive(stage: DemoStage, options: DemoOptions, screen: DemoScreen, signal: AbortSignal): Promise<void> {
  screen.line('');
  screen.line(stage.hint);
  screen.line('Ten requests a second from now on; Ctrl-C ends it and cleans up.');
  screen.line('');
  const counts = { sent: 0, failed: 0 };
  const sending = (async () => {
    for await (const result of stage.sendSteadily(STEADY_INTERVAL_MS, signal)) {
      counts.sent++;
      if (isFailure(result)) counts.failed++;
    }
  })();
  const watching = watch(stage, options, screen, signal, () => `${counts.sent} requests, ${counts.failed} not answered`);
  await Promise.all([sending, watching]);
}

async function watch(
  stage: DemoStage,
  options: DemoOptions,
  screen: DemoScreen,
  signal: AbortSignal,
  tally: () => string,
): Promise<void> {
  let before = await stage.status();
  let at = performance.now();
  while (!signal.aborted) {
    await delay(screen.isTerminal ? REDRAW_MS : LINE_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const after = await stage.status();
    const pair = { before, after, seconds: (performance.now() - at) / 1000 };
    if (screen.isTerminal) screen.redraw([...liveLines(stage.plan, options, pair), tally()]);
    else screen.line(`${liveLine(stage.plan, options, pair)}   ${tally()}`);
    before = after;
    at = performance.now();
  }
}
