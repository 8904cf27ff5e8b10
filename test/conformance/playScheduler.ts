/** Plays a recording of scheduling (schema sched-1): every choice, every count of connections, the listing at the end. */
import { canonicalName, listingLines, recordedLines, snapRows } from './engineView.ts';
import type { Ledger } from './ledger.ts';
import { RandomChoices } from './randomChoices.ts';
import type { CommandRecord, SchedulerRecording, SnapRow } from './recording.ts';
import { Rig } from './rig.ts';
import { eventPacket, eventResult, isPacketEvent } from './segments.ts';
import { Shell } from './shell.ts';

export function playScheduler(recording: SchedulerRecording, ledger: Ledger): void {
  const rig = new Rig({ connections: recording.events.length + 64 });
  for (const vip of recording.vips) rig.host.addLocal(vip);
  for (const route of recording.local_routes) rig.host.addLocalRoute(route);
  const shell = new Shell(rig);
  applySettings(rig, recording.sysctl, ledger);
  runCommands(shell, recording.commands, ledger);
  const random = RandomChoices.of(recording, rig);
  for (const [i, event] of recording.events.entries()) playEvent(`event ${i}`, event, rig, shell, ledger, random);
  const expected = recordedLines(recording.final_Ln);
  if (random === undefined) ledger.checkLines('final_Ln', expected, listingLines(rig));
  else random.checkEnd(expected, listingLines(rig), ledger);
}

/** Values of sysctl, before the commands. */
export function applySettings(rig: Rig, sysctl: Readonly<Record<string, unknown>>, ledger: Ledger): void {
  if (Object.keys(sysctl).length === 0) return;
  try {
    rig.apply([{ kind: 'setSettings', settings: sysctl as Readonly<Record<string, number>> }]);
  } catch (error) {
    ledger.fail('sysctl', JSON.stringify(sysctl), String(error));
  }
}

export function runCommands(shell: Shell, commands: readonly CommandRecord[], ledger: Ledger): void {
  for (const [command, exitCode, ...output] of commands) runCommand(shell, command, exitCode, ledger, output.at(-1));
}

/** Runs one command and compares its exit code, and what it said, if that was recorded. */
export function runCommand(shell: Shell, command: string, exitCode: number, ledger: Ledger, stderr?: string): void {
  const result = shell.run(command);
  const got = result.stderr === '' ? `${result.exitCode}` : `${result.exitCode} ${result.stderr.trim()}`;
  if (stderr === undefined && result.exitCode === exitCode) ledger.check(command, exitCode, result.exitCode);
  else ledger.check(command, stderr ? `${exitCode} ${stderr.trim()}` : `${exitCode}`, got);
}

function playEvent(
  step: string,
  event: readonly unknown[],
  rig: Rig,
  shell: Shell,
  ledger: Ledger,
  random: RandomChoices | undefined,
): void {
  const [kind, first, second, result] = event;
  if (isPacketEvent(kind) && event.length === 4) {
    const [client, virtual] = [String(first), String(second)];
    const name = `${step}: ${kind} ${client} ${virtual}`;
    random?.before();
    const got = eventResult(rig.send('client', eventPacket(kind, client, virtual)));
    if (random === undefined) ledger.check(name, result, got);
    else random.check(name, kind, `${client} ${virtual}`, String(result), got, ledger);
  } else if (kind === 'cmd' && event.length === 3) {
    random?.command(String(first));
    runCommand(shell, String(first), Number(second), ledger);
  } else if (kind === 'sleep' && event.length === 2) rig.wait(Number(first));
  else if (kind === 'snap' && event.length === 3) {
    const rows = canonicalRows(second as readonly SnapRow[]);
    const got = snapRows(rig, rows);
    if (random === undefined) ledger.check(`${step}: snap at ${first} s`, rows, got);
    else random.checkSnap(`${step}: snap at ${first} s`, rows, got, ledger);
  } else ledger.fail(step, 'a known event', JSON.stringify(event));
}

/** With names as the tables write them. */
export function canonicalRows(rows: readonly SnapRow[]): SnapRow[] {
  return rows.map(([server, ...rest]) => [canonicalName(server), ...rest]);
}
