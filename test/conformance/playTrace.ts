/** Plays a recording of walks (schema trace-1): what left the director, the connection's entry, the counts, step by step. */
import { describePacket } from './describe.ts';
import { canonicalName, type Entry, entries } from './engineView.ts';
import { isClose } from './entryComparison.ts';
import type { Ledger } from './ledger.ts';
import { comparePackets } from './packetComparison.ts';
import { applySettings, runCommand } from './playScheduler.ts';
import type { TraceEntry, TraceRecording, TraceStep, Vector, Walk } from './recording.ts';
import { type Output, Rig } from './rig.ts';
import { tokenPacket } from './segments.ts';
import { Shell } from './shell.ts';
import { EarlierWalks, type WalkCounts } from './walkCounts.ts';
import { fromHex, wireEndpoint } from './wire.ts';

/** Guest time that goes by in a step of the recording. */
const STEP_SECONDS = 0.06;
/** By how much the kernel's timers fire late at most, for timeouts up to so many seconds. */
const LATENESS: readonly (readonly [timeout: number, late: number])[] = [
  [16, 0.3],
  [131, 2.1],
  [1048, 16.5],
];
const ROOM = 1024;

interface Director {
  readonly rig: Rig;
  readonly shell: Shell;
  readonly earlier: EarlierWalks;
}

export function playTrace(recording: TraceRecording, ledger: Ledger): void {
  const vectors = [...(recording.vectors ?? [])];
  let director = directorFor(recording, ledger);
  let isStale = false;
  const isV6 = recording.vip.startsWith('[');
  for (const walk of recording.walks) {
    // After a walk that waits or changes the tables came a fresh director; before it, too, but not with IPv6.
    const isLong = walk.steps.some(([token]) => !/^[cr]/.test(token));
    if (isStale || (isLong && !isV6)) director = directorFor(recording, ledger);
    isStale = isLong;
    new WalkPlayer(recording, walk, director, vectors, ledger).play();
  }
  for (const { name } of vectors) ledger.fail(`vector ${name}`, 'a step of that name', 'none');
}

function directorFor(recording: TraceRecording, ledger: Ledger): Director {
  const rig = new Rig({ connections: ROOM });
  const shell = new Shell(rig);
  applySettings(rig, recording.sysctl, ledger);
  for (const command of recording.commands) runCommand(shell, command, 0, ledger);
  return { rig, shell, earlier: new EarlierWalks(rig) };
}

class WalkPlayer {
  readonly #recording: TraceRecording;
  readonly #walk: Walk;
  readonly #rig: Rig;
  readonly #shell: Shell;
  /** Those of the recording that are still to come. */
  readonly #vectors: Vector[];
  readonly #ledger: Ledger;
  readonly #counts: WalkCounts;
  /** Where the real server's packets come from. */
  #server: string;

  constructor(recording: TraceRecording, walk: Walk, { rig, shell, earlier }: Director, vectors: Vector[], ledger: Ledger) {
    this.#recording = recording;
    this.#walk = walk;
    this.#rig = rig;
    this.#shell = shell;
    this.#vectors = vectors;
    this.#ledger = ledger;
    this.#counts = earlier.begin();
    this.#server = lastServer(recording.commands);
  }

  play(): void {
    for (const [i, step] of this.#walk.steps.entries()) {
      const name = `${this.#walk.walk} (${this.#walk.client}), step ${i} ${step[0]}`;
      this.#playToken(name, step);
      this.#compareEntry(name, step[2]);
      this.#ledger.check(`${name}: counts`, step[3], this.#counts.changeLike(step[3]));
      this.#rig.wait(STEP_SECONDS);
    }
  }

  #playToken(name: string, [token, outputs, entry]: TraceStep): void {
    const wait = /^w(\d+(?:\.\d+)?)$/.exec(token);
    if (wait !== null) {
      this.#rig.wait(this.#waitSeconds(Number(wait[1]), entry));
    } else if (/^[cr]./.test(token) && outputs !== null) {
      const got = this.#send(name, token);
      const lines = got.map(({ where, packet }) => `${where} ${describePacket(packet)}`);
      this.#ledger.check(name, outputs, lines);
    } else if (/^(D|A|W\d+|E|X)$/.test(token) && outputs?.length === 2) {
      runCommand(this.#shell, String(outputs[0]), Number(outputs[1]), this.#ledger);
    } else {
      this.#ledger.fail(name, 'a known token', JSON.stringify([token, outputs]));
    }
  }

  /** Sends the packet of a token: the recorded bytes if there are any, else one like them. */
  #send(name: string, token: string): Output[] {
    const { proto, vip } = this.#recording;
    const isClient = token.startsWith('c');
    const [client, virtual, server] = [this.#walk.client, vip, this.#server].map(wireEndpoint);
    const letters = token.slice(1);
    const number = server!.address.at(-1)!;
    const vector = this.#vectors[0]?.name === `${this.#walk.walk} / ${token}` ? this.#vectors.shift() : undefined;
    const packet =
      vector === undefined
        ? tokenPacket(proto, isClient ? client! : server!, isClient ? virtual! : client!, letters)
        : fromHex(vector.in[0]!);
    const got = this.#rig.send(isClient ? 'client' : 'server', packet, number);
    if (vector !== undefined) comparePackets(`${name}: bytes`, vector, got, this.#ledger);
    return got;
  }

  /** The kernel's timers fire late; where the recording caught one, time stops short of it here. */
  #waitSeconds(seconds: number, recorded: TraceStep[2]): number {
    const late = entriesOf(recorded).find(([, left]) => left === 0);
    const ours = late === undefined ? undefined : this.#entries().find(({ state }) => state === late[0]);
    if (ours === undefined || ours.remainingSeconds > seconds) return seconds;
    const [, most] = LATENESS.find(([timeout]) => ours.remainingSeconds <= timeout) ?? [0, 0];
    return seconds - ours.remainingSeconds <= most ? Math.max(0, ours.remainingSeconds - 0.2) : seconds;
  }

  #compareEntry(name: string, recorded: TraceStep[2]): void {
    // The IPv6 recordings read no entries; their real server's packets came from the same one throughout.
    if (this.#recording.vip.startsWith('[')) return;
    const ours = this.#entries();
    if (ours.length > 0) this.#server = ours[0]!.destination;
    const wanted = entriesOf(recorded);
    const got = ours.map((entry) => rowOf(entry, wanted, this.#ledger));
    this.#ledger.check(`${name}: entry`, [...wanted].sort(), got.sort());
  }

  #entries(): Entry[] {
    return entries(this.#rig).filter(({ client }) => client === canonicalName(this.#walk.client));
  }
}

function entriesOf(recorded: TraceStep[2]): readonly TraceEntry[] {
  if (recorded === null) return [];
  return (typeof recorded[0] === 'string' ? [recorded] : recorded) as readonly TraceEntry[];
}

/** The entry with the recorded seconds, if its own are close enough to those. */
function rowOf({ state, remainingSeconds, destination }: Entry, recorded: readonly TraceEntry[], ledger: Ledger): TraceEntry {
  const match = recorded.find((row) => row[0] === state && row[2] === destination && isClose(row[1], remainingSeconds, ledger));
  return [state, match?.[1] ?? remainingSeconds, destination];
}

/** Of the real server added last: who answers before anybody has been chosen. */
function lastServer(commands: readonly string[]): string {
  const server = commands.findLast((command) => / -a /.test(command));
  return / -r (\S+)/.exec(server ?? '')?.[1] ?? '10.0.1.2:80';
}
