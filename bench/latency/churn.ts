/** What the control side of a director does while its data plane is measured: answers for its status, and reads its configuration again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningPeer } from '../lab/peers.ts';

const STATUS_EVERY_MS = 10;
const RELOAD_EVERY_MS = 100;

/** Does both until `work` is done. @returns what `work` returns */
export async function underChurn<Result>({ status, pids }: RunningPeer, work: () => Promise<Result>): Promise<Result> {
  let goesOn = true;
  const asking = (async () => {
    while (goesOn) {
      await status?.();
      await delay(STATUS_EVERY_MS);
    }
  })();
  const reload = setInterval(() => process.kill(pids[0]!, 'SIGHUP'), RELOAD_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(reload);
    goesOn = false;
    await asking.catch(() => {});
  }
}
