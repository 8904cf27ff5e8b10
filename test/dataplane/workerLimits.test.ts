import { describe, expect, test } from 'vitest';
import type { ForwardingMethodName } from '../../src/base/terms.ts';
import type { IoKind, WorkerOptions } from '../../src/dataplane/messages.ts';
import { refuseUnbalanced } from '../../src/dataplane/workerLimits.ts';
import type { TableAction } from '../../src/table/actions.ts';

function options(io: IoKind, workers: number): WorkerOptions {
  const limits = { connections: 1024, services: 8, destinations: 8 };
  return { interfaces: [{ name: 'eth0', io }], limits, seed: 1, localAddresses: [], workers };
}

function adds(method: ForwardingMethodName): TableAction[] {
  const settings = { method, weight: 1, upperThreshold: 0, lowerThreshold: 0 };
  const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const;
  return [{ kind: 'addDestination', service, destination: { address: '10.0.0.1', port: 80 }, settings }];
}

describe.each(['masq', 'fullnat'] as const)('%s with several workers', (method) => {
  test('is refused by xdp, with another way in the hint', () => {
    const refused = () => refuseUnbalanced(options('xdp', 2), adds(method));
    expect(refused).toThrowError(expect.objectContaining({ code: 'INTERFACE_UNSUITABLE' }));
    expect(refused).toThrowError(expect.objectContaining({ hint: expect.stringContaining('--io packet') }));
  });

  const FINE = [
    ['route by xdp', options('xdp', 2), adds('route')],
    ['tunnel by xdp', options('xdp', 2), adds('tunnel')],
    ['by packet', options('packet', 2), adds(method)],
    ['by xdp with one worker', options('xdp', 1), adds(method)],
  ] as const;
  test.each(FINE)('but not %s', (_name, of, actions) => expect(() => refuseUnbalanced(of, actions)).not.toThrow());
});
