/** Many changes in one turn: in few messages, each whole or not at all, one that is refused stops nobody. */
import { beforeEach, describe, expect, test } from 'vitest';
import { UvsError } from '../../src/base/errors.ts';
import { SILENT_LOG } from '../../src/control/log.ts';
import { type Change, Reconciler } from '../../src/control/reconciler.ts';
import type { ServiceKey, TableAction } from '../../src/table/actions.ts';
import { FakeDataPlane } from './fakeDataPlane.ts';

class OwnReason extends Error {}

const SETTINGS = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
const key = (port: number): ServiceKey => ({ protocol: 'tcp', address: '10.0.0.1', port });

/** Adds a service, unless there is one. */
function adding(port: number): Change<OwnReason> {
  return (tables) => {
    if (tables.hasService(key(port))) return new OwnReason(`${port}`);
    return [{ kind: 'addService', service: key(port), settings: SETTINGS }];
  };
}

/** A data plane with room for a few services, which counts its messages. */
class SmallDataPlane extends FakeDataPlane {
  messages = 0;
  room = Number.POSITIVE_INFINITY;

  override async apply(actions: readonly TableAction[]): Promise<void> {
    this.messages++;
    if (this.tables.services.length + actions.length > this.room) throw new UvsError('CAPACITY_EXCEEDED', 'no room');
    await super.apply(actions);
  }
}

let dataPlane: SmallDataPlane;
let reconciler: Reconciler;
const ports = () => dataPlane.tables.services.map((service) => ('port' in service.key ? service.key.port : 0));

beforeEach(() => {
  dataPlane = new SmallDataPlane();
  reconciler = new Reconciler(dataPlane, SILENT_LOG);
});

describe('many changes', () => {
  test('go in few messages', async () => {
    const outcomes = await reconciler.changeEach(Array.from({ length: 2500 }, (_, i) => adding(i + 1)));
    expect(outcomes).toEqual(new Array(2500).fill(undefined));
    expect([dataPlane.messages, ports().length]).toEqual([3, 2500]);
    expect(reconciler.running).toEqual(dataPlane.tables);
  });

  test('see what those before them have done', async () => {
    const outcomes = await reconciler.changeEach([adding(1), adding(2), adding(1)]);
    expect(outcomes).toEqual([undefined, undefined, new OwnReason('1')]);
    expect([dataPlane.messages, ports()]).toEqual([1, [1, 2]]);
  });

  test('that the data plane refuses together are made one by one, as far as each can be', async () => {
    dataPlane.room = 2;
    const outcomes = await reconciler.changeEach([adding(1), adding(2), adding(3), adding(2)]);
    expect(outcomes.map((outcome) => (outcome instanceof UvsError ? outcome.code : outcome?.message))).toEqual([
      undefined,
      undefined,
      'CAPACITY_EXCEEDED',
      '2',
    ]);
    expect(ports()).toEqual([1, 2]);
    expect(reconciler.running).toEqual(dataPlane.tables);
  });

  test('that do nothing send nothing', async () => {
    expect(await reconciler.changeEach<OwnReason>([() => [], () => new OwnReason('no')])).toEqual([
      undefined,
      new OwnReason('no'),
    ]);
    expect(dataPlane.messages).toBe(0);
  });

  test('take their turn with every other change', async () => {
    const first = reconciler.changeEach([adding(1)]);
    const second = reconciler.changeEach([adding(1)]);
    expect([await first, await second]).toEqual([[undefined], [new OwnReason('1')]]);
  });

  test('end with the data plane, whose death is no refusal', async () => {
    dataPlane.apply = () => Promise.reject(new Error('the worker is gone'));
    await expect(reconciler.changeEach([adding(1)])).rejects.toThrow('the worker is gone');
  });
});
