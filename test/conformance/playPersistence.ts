/** Plays a recording of persistence (schema persist-1): every choice, templates and connections, counts, the listings at the end. */
import { listingLines, persistenceLines, recordedLines, snapRows } from './engineView.ts';
import { compareEntries, Lateness, listingEntries, showEntries } from './entryComparison.ts';
import type { Ledger } from './ledger.ts';
import { applySettings, canonicalRows, runCommand, runCommands } from './playScheduler.ts';
import type { PersistRecording, SnapRow } from './recording.ts';
import { Rig } from './rig.ts';
import { eventPacket, eventResult, isPacketEvent } from './segments.ts';
import { Shell } from './shell.ts';

type Step = readonly unknown[];

const ROOM = 1024;

export function playPersistence(recording: PersistRecording, ledger: Ledger): void {
  const rig = new Rig({ connections: ROOM });
  for (const vip of recording.vips) rig.host.addLocal(vip);
  const shell = new Shell(rig);
  applySettings(rig, recording.sysctl, ledger);
  runCommands(shell, recording.commands, ledger);
  const times = stepTimes(recording.steps);
  const start = rig.seconds;
  const lateness = new Lateness();
  for (const [i, step] of recording.steps.entries()) {
    rig.waitUntil(start + times[i]!);
    playStep(`step ${i}`, step, { rig, shell, ledger, lateness });
  }
  compareEntries('final_Lnc', listingEntries(recording.final_Lnc), rig, ledger, lateness);
  ledger.checkLines('final_Ln', recordedLines(recording.final_Ln), listingLines(rig));
  ledger.checkLines('final_persistent', recordedLines(recording.final_persistent), persistenceLines(rig));
}

interface Stage {
  readonly rig: Rig;
  readonly shell: Shell;
  readonly ledger: Ledger;
  readonly lateness: Lateness;
}

function playStep(name: string, step: Step, { rig, shell, ledger, lateness }: Stage): void {
  const [kind, first, second, third] = step;
  if (isPacketEvent(kind) && step.length === 4) {
    const [client, virtual] = [String(first), String(second)];
    const got = eventResult(rig.send('client', eventPacket(kind, client, virtual)));
    ledger.check(`${name}: ${kind} ${client} ${virtual}`, third, got);
  } else if (kind === 'cmd' && step.length === 3) runCommand(shell, String(first), Number(second), ledger);
  else if (kind === 'sleep' && step.length === 2) {
    lateness.begin(rig);
    rig.wait(Number(first), () => lateness.watch(rig));
  } else if (kind === 'show' && step.length === 4) {
    compareEntries(`${name}: show at ${first} s`, showEntries(second as readonly Step[]), rig, ledger, lateness);
    const rows = canonicalRows(third as readonly SnapRow[]);
    ledger.check(`${name}: counts at ${first} s`, rows, snapRows(rig, rows));
  } else ledger.fail(name, 'a known step', JSON.stringify(step));
}

/**
 * When each step was made, seconds since the start: `show` says so, a `sleep` takes its time, and the rest is spread evenly over the
 * steps between two that are known.
 */
function stepTimes(steps: readonly Step[]): number[] {
  const times: number[] = [];
  let [time, from] = [0, 0];
  for (let i = 0; i <= steps.length; i++) {
    if (i < steps.length && steps[i]![0] !== 'show') continue;
    const slept = steps.slice(from, i).reduce((sum, [kind, value]) => sum + (kind === 'sleep' ? Number(value) : 0), 0);
    const shownAt = i < steps.length ? Number(steps[i]![1]) : time + slept;
    const others = steps.slice(from, i).filter(([kind]) => kind !== 'sleep').length;
    const each = others === 0 ? 0 : Math.max(0, shownAt - time - slept) / others;
    for (const [kind, value] of steps.slice(from, i)) {
      times.push(time);
      time += kind === 'sleep' ? Number(value) : each;
    }
    from = i;
    time = Math.max(time, shownAt);
  }
  return times;
}
