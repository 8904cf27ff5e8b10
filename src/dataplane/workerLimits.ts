/** How many workers make sense, and what several of them cannot do. */
import { assert } from '../base/assert.ts';
import { UvsError } from '../base/errors.ts';
import { ethernetFacts } from '../io/interfaceFacts.ts';
import type { TableAction } from '../table/actions.ts';
import type { WorkerOptions } from './messages.ts';

/** Frames that a selector's map of sockets can tell apart, and more threads than a host gives to one director. */
export const MAX_WORKERS = 64;

/** An AF_XDP socket serves one receive queue, so each worker needs one on every such interface. @throws UvsError INTERFACE_UNSUITABLE */
export function checkWorkers({ workers = 1, interfaces }: WorkerOptions): void {
  assert(workers >= 1 && workers <= MAX_WORKERS, 'there are 1 to 64 workers');
  if (workers === 1) return;
  for (const { name, io } of interfaces) {
    if (io !== 'xdp') continue;
    const { receiveQueues } = ethernetFacts(name);
    if (receiveQueues >= workers) continue;
    const message = `${name} has ${receiveQueues} receive queue(s), and by xdp each of ${workers} workers needs one of its own`;
    const hint = `Run with --workers ${receiveQueues}, raise the queues (\`ethtool -L ${name} combined ${workers}\`), or use --io packet.`;
    throw new UvsError('INTERFACE_UNSUITABLE', message, { hint });
  }
}

/**
 * With masq and fullnat both directions of a connection must reach one worker. A packet socket's fanout sees to that; by AF_XDP the network card
 * chooses the queue, and it knows nothing of our rewriting.
 * @throws UvsError INTERFACE_UNSUITABLE
 */
export function refuseUnbalanced({ workers = 1, interfaces }: WorkerOptions, actions: readonly TableAction[]): void {
  if (workers === 1 || !interfaces.some(({ io }) => io === 'xdp')) return;
  const translated = actions.some(
    (action) =>
      (action.kind === 'addDestination' || action.kind === 'editDestination') && NEEDS_BOTH.includes(action.settings.method),
  );
  if (!translated) return;
  const message =
    'masq or fullnat with several workers is not possible by xdp: the network card chooses the worker, of each direction anew';
  throw new UvsError('INTERFACE_UNSUITABLE', message, {
    hint: 'Run with --io packet, which chooses by the client, or with --workers 1; route and tunnel work with both.',
  });
}

const NEEDS_BOTH: readonly string[] = ['masq', 'fullnat'];
