/** Plays one recording, of whatever schema, against a fresh director. */
import { type Failure, Ledger, type StepResult } from './ledger.ts';
import { playPersistence } from './playPersistence.ts';
import { playScheduler } from './playScheduler.ts';
import { playTrace } from './playTrace.ts';
import { playVectors } from './playVectors.ts';
import { isObject, NOT_YET_SCHEMAS, type Recording, recordingFaults } from './recording.ts';
import type { Source } from './sources.ts';

export type Verdict = 'passed' | 'failed' | 'not yet';

export interface PlayResult {
  readonly file: string;
  readonly schema: string;
  /** As the recording names itself; documented differences go by it. */
  readonly id: string;
  readonly verdict: Verdict;
  readonly failures: readonly Failure[];
  readonly steps: readonly StepResult[];
  readonly milliseconds: number;
}

export function playSource(source: Source): PlayResult {
  const start = performance.now();
  const ledger = new Ledger();
  const { schema, id, isPlayed } = playInto(source, ledger);
  const verdict: Verdict = ledger.failures.length > 0 ? 'failed' : isPlayed ? 'passed' : 'not yet';
  const { failures, steps } = ledger;
  return { file: source.name, schema, id, verdict, failures, steps, milliseconds: performance.now() - start };
}

function playInto(source: Source, ledger: Ledger): { schema: string; id: string; isPlayed: boolean } {
  let value: unknown;
  try {
    value = source.read();
  } catch (error) {
    ledger.fail('reading', 'JSON', String(error));
    return { schema: '?', id: source.name, isPlayed: false };
  }
  const fields = isObject(value) ? value : {};
  const [schema, id] = [String(fields['schema'] ?? '?'), String(fields['id'] ?? source.name)];
  if (NOT_YET_SCHEMAS.includes(schema)) return { schema, id, isPlayed: false };
  const faults = recordingFaults(value);
  for (const fault of faults) ledger.fail('schema', 'fields as the recordings’ README has them', fault);
  if (faults.length === 0) play(value as Recording, ledger);
  return { schema, id, isPlayed: true };
}

/** What the engine throws is a failure like another. */
function play(recording: Recording, ledger: Ledger): void {
  try {
    switch (recording.schema) {
      case 'sched-1':
        return playScheduler(recording, ledger);
      case 'trace-1':
        return playTrace(recording, ledger);
      case 'vector-1':
        return playVectors(recording, ledger);
      case 'persist-1':
        return playPersistence(recording, ledger);
    }
  } catch (error) {
    const [first = '', at = ''] = String((error as Error).stack ?? error).split('\n');
    ledger.fail(`after ${ledger.steps.at(-1)?.step ?? 'the beginning'}`, 'no exception', `${first}${at}`);
  }
}
