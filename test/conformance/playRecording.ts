/** Plays one recording, of whatever schema, against a fresh director. */
import { type Failure, Ledger, type StepResult } from './ledger.ts';
import { playCommandLines } from './playCommandLines.ts';
import { playListing } from './playListing.ts';
import { playPersistence } from './playPersistence.ts';
import { playScheduler } from './playScheduler.ts';
import { playTrace } from './playTrace.ts';
import { playVectors } from './playVectors.ts';
import { isObject, type Recording, recordingFaults } from './recording.ts';
import type { Source } from './sources.ts';

export type Verdict = 'passed' | 'failed';

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

export async function playSource(source: Source): Promise<PlayResult> {
  const start = performance.now();
  const ledger = new Ledger();
  const { schema, id } = await playInto(source, ledger);
  const verdict: Verdict = ledger.failures.length > 0 ? 'failed' : 'passed';
  const { failures, steps } = ledger;
  return { file: source.name, schema, id, verdict, failures, steps, milliseconds: performance.now() - start };
}

async function playInto(source: Source, ledger: Ledger): Promise<{ schema: string; id: string }> {
  let value: unknown;
  try {
    value = source.read();
  } catch (error) {
    ledger.fail('reading', 'JSON', String(error));
    return { schema: '?', id: source.name };
  }
  const fields = isObject(value) ? value : {};
  const [schema, id] = [String(fields['schema'] ?? '?'), String(fields['id'] ?? source.name)];
  const faults = recordingFaults(value);
  for (const fault of faults) ledger.fail('schema', 'fields as the recordings’ README has them', fault);
  if (faults.length === 0) await play(value as Recording, ledger);
  return { schema, id };
}

/** What the engine throws is a failure like another. */
async function play(recording: Recording, ledger: Ledger): Promise<void> {
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
      case 'listing-1':
        return await playListing(recording, ledger);
      case 'cmdline-1':
        return await playCommandLines(recording, ledger);
    }
  } catch (error) {
    const [first = '', at = ''] = String((error as Error).stack ?? error).split('\n');
    ledger.fail(`after ${ledger.steps.at(-1)?.step ?? 'the beginning'}`, 'no exception', `${first}${at}`);
  }
}
