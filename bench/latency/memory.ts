/** Collections and allocation of a director's worker under load: its own account, before and after. */
import { MASQ_ADDRESS } from '../lab/addresses.ts';
import type { Member } from '../lab/cast.ts';
import { place } from '../lab/placement.ts';
import type { Recorder } from '../lab/recorder.ts';
import { measureDelays } from './delays.ts';

const RATE_PPS = 100_000;
const HALVES = 2;

/** Two halves: what the first one allocates may be tables of the compiler, what the second one does is growth. */
export async function measureMemory(tool: string, member: Member, seconds: number, recorder: Recorder): Promise<void> {
  const { stage, description } = member;
  await place(stage, 'split');
  const heaps = [await workerOf(member)];
  let received = 0;
  for (let half = 0; half < HALVES; half++) {
    received += (await measureDelays(tool, stage, MASQ_ADDRESS, RATE_PPS, seconds / HALVES)).received;
    heaps.push(await workerOf(member));
  }
  const [before, middle, after] = heaps as [Account, Account, Account];
  const labels = { io: description.io, wait: description.wait, ratePps: RATE_PPS, seconds };
  const note = `${after.count - before.count} collections for ${received} frames; longest since the start of the director ${after.longestMs.toFixed(1)} ms`;
  // Which of them was the longest is not told: when there were any, the longest since the start is the bound.
  const longest = after.count === before.count ? 0 : after.longestMs;
  const name = description.name;
  recorder.add({ name, labels: { measure: 'longest collection', ...labels }, unit: 'ms', value: longest, note });
  const growth = after.count > middle.count ? 0 : (after.heapBytes - middle.heapBytes) / 1000;
  recorder.add({ name, labels: { measure: 'growth of the heap, second half', ...labels }, unit: 'KB', value: growth });
}

interface Account {
  readonly count: number;
  readonly longestMs: number;
  readonly heapBytes: number;
}

async function workerOf({ peer }: Member): Promise<Account> {
  const worker = (await peer.status?.())?.workers?.[0];
  if (worker?.collections === undefined || worker.heapBytes === undefined) throw new Error('the director does not tell');
  return { ...worker.collections, heapBytes: worker.heapBytes };
}
