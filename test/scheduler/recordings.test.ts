/**
 * The schedulers against what the kernel did: every recording is played event by event, and every choice and every count of
 * connections must be the recorded one (golden/ipvs/README.md, schema sched-1).
 */
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/base/address.ts';
import { NONE } from '../../src/base/terms.ts';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import { goldenNames, readGolden } from '../support/golden.ts';
import { actionOf } from '../support/ipvsadmActions.ts';
import { flowKey, MiniDirector, Outcome } from '../support/miniDirector.ts';

type Count = [server: string, weight: number, active: number, inactive: number];

interface Recording {
  readonly commands: readonly (readonly [string, number])[];
  readonly events: readonly (readonly [string, ...unknown[]])[];
}

const SIGNALS: Readonly<Record<string, number>> = { syn: 0x02, ack: 0x10, fin: 0x11, rst: 0x14, udp: 0 };
const OUTCOMES: Readonly<Record<number, string>> = {
  [Outcome.refused]: '!icmp3.3',
  [Outcome.host]: '!rst',
  [Outcome.dropped]: '!drop',
};

/** Chosen at random: only the distribution can be compared. */
const NOT_PLAYED = ['twos'];

describe.each(SCHEDULERS.filter(({ name }) => !NOT_PLAYED.includes(name)).map(({ name }) => name))('%s', (name) => {
  test.each(goldenNames(`A_sched/${name}`))('%s: every choice and every count is the recorded one', (file) => {
    play(readGolden<Recording>(file));
  });
});

function play(recording: Recording): void {
  const director = new MiniDirector();
  for (const [command] of recording.commands) director.apply(actionOf(command));
  const [played, recorded]: unknown[][] = [[], []];
  for (const [kind, first, second, result] of recording.events) {
    if (kind === 'cmd') director.apply(actionOf(String(first)));
    else if (kind === 'sleep') director.sleep(Math.round(Number(first) * 10));
    else if (kind === 'snap') {
      played!.push(counts(director));
      recorded!.push(normalised(second as Count[]));
    } else {
      const key = flowKey(kind === 'udp' ? 'udp' : 'tcp', String(first), String(second));
      const d = director.fromClient(key, SIGNALS[kind]!);
      played!.push(`${kind} ${first} ${OUTCOMES[d] ?? serverOf(director, d)}`);
      recorded!.push(`${kind} ${first} ${result}`);
    }
  }
  expect(played).toEqual(recorded);
}

/** `rs3` for 10.0.1.3. */
function serverOf(director: MiniDirector, d: number): string {
  return `rs${director.tables.destinations.addressWord(d, 3) & 0xff}`;
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
