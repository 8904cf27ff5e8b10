/** Plays a recording of the kernel's scheduling (golden/ipvs/README.md, schema sched-1) on a MiniDirector. */
import { parseAddress } from '../../src/base/address.ts';
import type { Random } from '../../src/base/random.ts';
import { NONE } from '../../src/base/terms.ts';
import { actionOf } from '../support/ipvsadmActions.ts';
import { flowKey, MiniDirector, Outcome } from '../support/miniDirector.ts';

export type Count = [server: string, weight: number, active: number, inactive: number];

export interface Recording {
  readonly sysctl: Readonly<Record<string, number>>;
  readonly commands: readonly (readonly [command: string, exitCode: number])[];
  readonly events: readonly (readonly [kind: string, ...rest: unknown[]])[];
}

export interface PlayOptions {
  readonly random?: Random;
  /** Called before each packet that opens a connection, with what became of it in the kernel. */
  readonly beforeOpening?: (director: MiniDirector, result: string) => void;
}

const SIGNALS: Readonly<Record<string, number>> = { syn: 0x02, ack: 0x10, fin: 0x11, rst: 0x14, udp: 0 };
const OUTCOMES: Readonly<Record<number, string>> = {
  [Outcome.refused]: '!icmp3.3',
  [Outcome.host]: '!rst',
  [Outcome.dropped]: '!drop',
};
const OUTCOMES_V6: Readonly<Record<number, string>> = { ...OUTCOMES, [Outcome.refused]: '!icmp6-1.4' };

/** @returns the first event that went otherwise, as text; undefined when all went as recorded */
export function play(recording: Recording, { random, beforeOpening }: PlayOptions = {}): string | undefined {
  const director = new MiniDirector({ firewallMark: markOf(recording), ...(random && { random }) });
  const { lblc_expiration, lblcr_expiration } = recording.sysctl;
  if (lblc_expiration !== undefined) director.schedulerSettings.lblcExpirationSeconds = lblc_expiration;
  if (lblcr_expiration !== undefined) director.schedulerSettings.lblcrExpirationSeconds = lblcr_expiration;
  for (const [command] of recording.commands) if (isIpvsadm(command)) director.apply(actionOf(command));
  for (const [n, [kind, first, second, result]] of recording.events.entries()) {
    if (kind === 'cmd') director.apply(actionOf(String(first)));
    else if (kind === 'sleep') director.sleep(Math.round(Number(first) * 10));
    else if (kind === 'snap') {
      const [played, recorded] = [counts(director), normalised(second as Count[])].map((each) => JSON.stringify(each));
      if (played !== recorded) return `event ${n}: ${played} where ${recorded} was recorded`;
    } else {
      const outcomes = String(first).startsWith('[') ? OUTCOMES_V6 : OUTCOMES;
      const key = flowKey(kind === 'udp' ? 'udp' : 'tcp', String(first), String(second));
      if (isOpening(String(kind)) && director.stateOf(key) === undefined) beforeOpening?.(director, String(result));
      const d = director.fromClient(key, SIGNALS[kind]!);
      // The host answers a stray segment with RST, but a stray RST with silence.
      const isSwallowed = d === Outcome.host && kind === 'rst';
      const played = isSwallowed ? '!drop' : (outcomes[d] ?? serverOf(director, d));
      if (played !== result) return `event ${n}: ${kind} ${String(first)} got ${played} where ${String(result)} was recorded`;
    }
  }
  return undefined;
}

/** `rs3` for 10.0.1.3 and 2001:db8:1::3. */
export function serverOf(director: MiniDirector, d: number): string {
  return `rs${director.tables.destinations.addressWord(d, 3) & 0xff}`;
}

function isOpening(kind: string): boolean {
  return kind === 'syn' || kind === 'udp';
}

function isIpvsadm(command: string): boolean {
  return command.startsWith('ipvsadm ');
}

/** Of the rule that marks every packet; 0 when there is none. */
function markOf({ commands }: Recording): number {
  const rule = commands.find(([command]) => !isIpvsadm(command));
  return rule === undefined ? 0 : Number(/--set-mark (\d+)$/.exec(rule[0])![1]);
}

function counts(director: MiniDirector): Count[] {
  const { services, destinations } = director.tables;
  const all: Count[] = [];
  for (let d = destinations.first(services.first()); d !== NONE; d = destinations.next(d)) {
    const { address, port } = destinations.key(d);
    all.push([`${address} ${port}`, destinations.weight(d), destinations.active(d), destinations.inactive(d)]);
  }
  return all;
}

/** Recorded IPv6 names are written out in full, their ports in hex. */
function normalised(recorded: readonly Count[]): Count[] {
  return recorded.map(([server, ...rest]) => {
    const v6 = /^\[(.*)\]:([0-9a-f]{4})$/i.exec(server);
    if (v6 === null) return [server.replace(':', ' '), ...rest];
    const { words } = parseAddress(v6[1]!)!;
    const text = words.flatMap((word) => [word >>> 16, word & 0xffff]).map((group) => group.toString(16));
    return [`${text.join(':').replace(/(:0){2,}/, ':')} ${Number.parseInt(v6[2]!, 16)}`, ...rest];
  });
}
