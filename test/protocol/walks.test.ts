/**
 * The state machines against what the kernel did: every recorded walk of one connection through its states is played segment by
 * segment; state, remaining time, destination and the counts of connections must be the recorded ones (golden/ipvs/README.md, schema
 * trace-1). Recordings about deleted servers and reuse modes are the engine's and not played here; those of IPv6 name no entries.
 */
import { describe, expect, test } from 'vitest';
import { formatEndpoint } from '../../src/base/address.ts';
import { NONE, type ServiceProtocol } from '../../src/base/terms.ts';
import { SctpEvent } from '../../src/protocol/sctpStates.ts';
import { connectionOf, type FlowKey } from '../../src/table/flowKey.ts';
import { readGolden } from '../support/golden.ts';
import { actionOf } from '../support/ipvsadmActions.ts';
import { flowKey, MiniDirector } from '../support/miniDirector.ts';

type Entry = readonly [state: string, seconds: number, destination: string];
type Step = readonly [token: string, outputs: unknown, entry: Entry | null, change: readonly [active: number, inactive: number]];

interface Walk {
  readonly walk: string;
  readonly client: string;
  readonly steps: readonly Step[];
}

interface Recording {
  readonly vip: string;
  readonly proto: ServiceProtocol;
  readonly sysctl: Readonly<Record<string, number>>;
  readonly commands: readonly string[];
  readonly walks: readonly Walk[];
}

const FILES: readonly (readonly [file: string, walks: number])[] = [
  ...([
    ['dr_curated', 19],
    ['dr_random', 40],
    ['dr_secure_tcp', 19],
    ['dr_secure_tcp_random', 20],
  ] as const),
  ...([
    ['dr_settimeouts', 14],
    ['dr_sloppy_tcp', 16],
    ['dr_udp', 1],
    ['dr_reuse1', 5],
  ] as const),
  ...([
    ['nat_curated', 34],
    ['nat_random', 80],
    ['nat_secure_tcp', 34],
    ['nat_secure_tcp_random', 40],
  ] as const),
  ...([
    ['nat_settimeouts', 14],
    ['nat_sloppy_tcp', 31],
    ['nat_udp', 4],
    ['nat_udp_set', 2],
    ['nat_reuse1', 9],
  ] as const),
  ...([
    ['tun_curated', 19],
    ['tun_random', 40],
  ] as const),
  ...([
    ['sctp_dr', 14],
    ['sctp_nat', 17],
    ['sctp_nat_random', 42],
    ['sctp_nat_sloppy', 3],
  ] as const),
];

const TCP_FLAGS: Readonly<Record<string, number>> = { F: 0x01, S: 0x02, R: 0x04, P: 0x08, A: 0x10, U: 0x20 };
const CHUNKS: Readonly<Record<string, SctpEvent>> = {
  ...{ D: SctpEvent.data, SK: SctpEvent.data, HB: SctpEvent.data, I: SctpEvent.init, IA: SctpEvent.initAck },
  ...{ CE: SctpEvent.cookieEcho, CA: SctpEvent.cookieAck, SH: SctpEvent.shutdown, SA: SctpEvent.shutdownAck },
  ...{ SC: SctpEvent.shutdownComplete, ER: SctpEvent.error, AB: SctpEvent.abort },
};

describe.each(FILES)('%s', (file, walks) => {
  const recording = readGolden<Recording>(`${file.startsWith('sctp') ? 'H_sctp' : 'C_trace'}/p_${file}.json`);

  test(`the ${walks} walks go as recorded`, () => {
    expect(recording.walks).toHaveLength(walks);
    let director = directorFor(recording);
    let isStale = false;
    for (const walk of recording.walks) {
      const isLong = walk.steps.some(([token]) => !/^[cr]/.test(token));
      if (isLong || isStale) director = directorFor(recording);
      isStale = isLong;
      playWalk(director, recording, walk, file.endsWith('random'));
    }
  });
});

function directorFor({ sysctl, commands }: Recording): MiniDirector {
  const isSloppy = sysctl['sloppy_tcp'] === 1 || sysctl['sloppy_sctp'] === 1;
  const director = new MiniDirector({ isSecure: sysctl['secure_tcp'] === 3, isSloppy });
  for (const command of commands) {
    const set = /^ipvsadm --set (\d+) (\d+) (\d+)$/.exec(command);
    if (set === null) director.apply(actionOf(command));
    else director.apply({ kind: 'setTimeouts', timeouts: { tcp: Number(set[1]), tcpFin: Number(set[2]), udp: Number(set[3]) } });
  }
  return director;
}

/** In the random files entries of earlier walks expire during later ones, so that counts of connections cannot be compared. */
function playWalk(director: MiniDirector, { vip, proto }: Recording, { walk, client, steps }: Walk, isRandom: boolean): void {
  const request = flowKey(proto, client, vip);
  const before = counts(director);
  const [played, recorded]: string[][] = [[], []];
  let server = vip;
  for (const [token, , entry, change] of steps) {
    if (token.startsWith('w')) director.sleep(Number(token.slice(1)) * 10);
    else if (token.startsWith('c')) director.fromClient(request, signalOf(proto, token.slice(1)));
    else director.fromServer(flowKey(proto, server, client), signalOf(proto, token.slice(1)));
    const state = director.stateOf(request);
    // The kernel's wheel fires a timer of 60 s up to 2 s late; what such an entry does then, ours cannot.
    if (token === 'w61' && entry?.[1] === 0 && state === undefined) break;
    if (state !== undefined) server = destinationOf(director, request);
    const now = counts(director);
    const countsNow = isRandom ? change : [now[0] - before[0], now[1] - before[1]];
    const ours: Entry | null = state === undefined ? null : [state, secondsLeft(director, request, entry?.[1]), server];
    played!.push(`${token}: ${ours} ${countsNow}`);
    recorded!.push(`${token}: ${entry} ${change}`);
  }
  expect(played, `${walk} of ${client}`).toEqual(recorded);
}

/** The recorded seconds, if ours are as many or a second more (they were read a little later), else ours. */
function secondsLeft(director: MiniDirector, request: FlowKey, recorded: number | undefined): number {
  const seconds = director.remainingTicks(request) / 10;
  return recorded !== undefined && Math.abs(seconds - recorded) <= 1.5 ? recorded : seconds;
}

function signalOf(proto: ServiceProtocol, text: string): number {
  if (proto === 'udp') return 0;
  if (proto === 'sctp') return CHUNKS[text.split('+')[0]!]!;
  return [...text].reduce((flags, letter) => flags | TCP_FLAGS[letter]!, 0);
}

function destinationOf({ tables }: MiniDirector, request: FlowKey): string {
  const d = tables.connections.destination(connectionOf(tables.connections.find(request)));
  return formatEndpoint(tables.destinations.address(d), tables.destinations.port(d));
}

function counts({ tables: { services, destinations } }: MiniDirector): [active: number, inactive: number] {
  let [active, inactive] = [0, 0];
  for (let d = destinations.first(services.first()); d !== NONE; d = destinations.next(d)) {
    active += destinations.active(d);
    inactive += destinations.inactive(d);
  }
  return [active, inactive];
}
