/**
 * The run-time settings of IPVS under the kernel's names (specs/ipvs.md section 2.10): what each means, its range and default, and what
 * becomes of it here. docs/reference/settings.md lists them; a test compares the two.
 */
import { UvsError } from './errors.ts';

/** Most are numbers; `sync_threshold` is a pair. */
export type SettingValue = number | readonly [number, number];

/**
 * What a setting does here: `takes effect`, is `kept` for the daemon that synchronises connections, is accepted but makes `no difference`,
 * or is `refused`. Each of the last two says why.
 */
export type SettingRole = 'takes effect' | 'kept' | 'no difference' | 'refused';

export interface SettingFacts {
  readonly name: SettingName;
  readonly role: SettingRole;
  readonly default: SettingValue;
  /** In words, for people. */
  readonly range: string;
  /** One sentence, also the reason where it makes no difference or is refused. */
  readonly description: string;
}

const INT_MIN = -2_147_483_648;
const INT_MAX = 2_147_483_647;

interface Kind {
  readonly range: string;
  accepts(value: SettingValue): boolean;
}

/** On or off; as in the kernel any whole number that is not 0 means on. */
const SWITCH = integers('0 = off, any other whole number = on', INT_MIN, INT_MAX);
const ANY_INTEGER = integers(`${INT_MIN} to ${INT_MAX}`, INT_MIN, INT_MAX);
/** The modes of the defences against overload. */
const DEFENCE = integers('0 = off, 1 and 2 = when memory is low, 3 = always', 0, 3);
const POWER_OF_TWO: Kind = {
  range: 'a power of two from 1 to 1073741824',
  accepts: (value) => isInteger(value, 1, INT_MAX) && Number.isInteger(Math.log2(value)),
};
const PAIR: Kind = {
  range: 'threshold and period, both at least 0, the threshold below the period unless that is 0',
  accepts: (value) =>
    typeof value !== 'number' &&
    value.length === 2 &&
    value.every((part) => isInteger(part, 0, INT_MAX)) &&
    (value[0] < value[1] || value[1] === 0),
};
/** The kernel counts them in ticks of 250 Hz. */
const SECONDS = integers('-8589934 to 8589934', -8_589_934, 8_589_934);
const NOTHING: Kind = { range: 'refused', accepts: () => false };

type Row = readonly [role: SettingRole, value: SettingValue, kind: Kind, description: string];

const TABLE = {
  am_droprate: ['takes effect', 10, ANY_INTEGER, 'With drop_packet = 3 one of so many new connections is dropped.'],
  amemthresh: [
    'takes effect',
    1024,
    ANY_INTEGER,
    'Memory is low when fewer pages of 4096 bytes are free; here it is the free rows of the connection table that count.',
  ],
  backup_only: ['kept', 0, SWITCH, 'A director that is a backup for synchronised connections forwards nothing.'],
  cache_bypass: [
    'takes effect',
    0,
    SWITCH,
    'A connection of a firewall-mark service that finds no real server goes to its own target address by the host.',
  ],
  conn_reuse_mode: [
    'takes effect',
    1,
    ANY_INTEGER,
    'What a SYN for a connection that is about to end does: 0 = joins it, else it is scheduled anew; bit 2 says so of FIN_WAIT, too.',
  ],
  conntrack: [
    'no difference',
    0,
    SWITCH,
    'Frames do not pass the connection tracking of the host, so that there is nothing to keep, and no SYN is dropped because of it.',
  ],
  debug_level: [
    'refused',
    0,
    NOTHING,
    'The kernel has it in debug builds only; here `--verbose` and the counters say what happens.',
  ],
  drop_entry: ['takes effect', 0, DEFENCE, 'Once a second a part of the connections that look unfinished is dropped.'],
  drop_packet: ['takes effect', 0, DEFENCE, 'A part of the packets that begin a connection is dropped.'],
  est_cpulist: [
    'refused',
    0,
    NOTHING,
    'Rates are estimated by no thread of the kernel, so that there is none to bind to a processor.',
  ],
  est_nice: ['refused', 0, NOTHING, 'Rates are estimated by no thread of the kernel, so that there is none with a priority.'],
  expire_nodest_conn: ['takes effect', 0, SWITCH, 'Connections of a real server that is removed end at once.'],
  expire_quiescent_template: ['takes effect', 0, SWITCH, 'A persistent client of a real server of weight 0 is scheduled anew.'],
  ignore_tunneled: [
    'no difference',
    0,
    SWITCH,
    'What the host takes out of a tunnel never comes back to the director, so that it is ignored whatever the value.',
  ],
  lblc_expiration: [
    'takes effect',
    86_400,
    SECONDS,
    'Seconds that the scheduler lblc remembers an address that nobody asks for.',
  ],
  lblcr_expiration: ['takes effect', 86_400, SECONDS, 'Seconds after which the scheduler lblcr takes a real server off a set.'],
  nat_icmp_send: [
    'takes effect',
    0,
    SWITCH,
    'A packet of a masq real server that belongs to no connection is answered with port unreachable.',
  ],
  pmtu_disc: ['takes effect', 1, SWITCH, 'Tunnel packets may not be cut if the packet inside may not; off: they may.'],
  run_estimation: ['takes effect', 1, SWITCH, 'Rates are estimated; off: rates and shown counters stand still.'],
  schedule_icmp: [
    'takes effect',
    0,
    SWITCH,
    'An ICMP error about no known connection is scheduled by the packet that it quotes.',
  ],
  secure_tcp: ['takes effect', 0, DEFENCE, 'TCP connections count as established only after the real server has acknowledged.'],
  sloppy_sctp: ['takes effect', 0, SWITCH, 'Any SCTP packet but ABORT begins a connection, not INIT alone.'],
  sloppy_tcp: ['takes effect', 0, SWITCH, 'Any TCP segment but RST begins a connection, not SYN alone.'],
  snat_reroute: [
    'no difference',
    1,
    SWITCH,
    'Replies of masq real servers go back by the way that the client came from, so that no route is looked up again.',
  ],
  sync_persist_mode: ['kept', 0, SWITCH, 'Connections under a persistence template are not synchronised, only the template.'],
  sync_ports: ['kept', 1, POWER_OF_TWO, 'Ports, and threads, that synchronisation uses; at most 64.'],
  sync_qlen_max: [
    'kept',
    0,
    integers('0 to 9007199254740991', 0, Number.MAX_SAFE_INTEGER),
    'Messages that wait to be sent at most; 0 = a thirty-second part of the free pages of memory.',
  ],
  sync_refresh_period: ['kept', 0, SECONDS, 'Seconds between two messages about a connection whose timer alone has changed.'],
  sync_retries: ['kept', 0, integers('0 to 3', 0, 3), 'Repetitions of a message about a connection within its refresh period.'],
  sync_sock_size: ['kept', 0, ANY_INTEGER, 'Bytes of the buffer of the socket; 0 = the default of the system.'],
  sync_threshold: [
    'kept',
    [3, 50],
    PAIR,
    'A connection is synchronised when the packets it has seen, modulo the period, are the threshold.',
  ],
  sync_version: ['kept', 1, integers('0 or 1', 0, 1), 'Format of the messages.'],
} as const satisfies Record<string, Row>;

export type SettingName = keyof typeof TABLE;

/** All settings, by name. */
export const SETTINGS: readonly SettingFacts[] = (Object.keys(TABLE) as SettingName[]).map((name) => {
  const [role, value, kind, description] = TABLE[name];
  return { name, role, default: value, range: kind.range, description };
});

/** A complete set of values, by name. */
export type SettingValues = { -readonly [K in SettingName]: K extends 'sync_threshold' ? readonly [number, number] : number };

/** What the kernel begins with. */
export function defaultSettings(): SettingValues {
  return Object.fromEntries(SETTINGS.map((facts) => [facts.name, facts.default])) as SettingValues;
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(TABLE, name);
}

/** @returns why this setting cannot have this value; undefined when it can */
export function checkSetting(name: string, value: SettingValue): UvsError | undefined {
  if (!isSettingName(name)) return new UvsError('SETTING_INVALID', `no setting named "${name}"`);
  const [role, , kind, description] = TABLE[name];
  if (role === 'refused') return new UvsError('SETTING_INVALID', `${name} has no meaning here`, { hint: description });
  if (kind.accepts(value)) return undefined;
  const text = typeof value === 'number' ? String(value) : value.join(' ');
  return new UvsError('SETTING_INVALID', `${name} cannot be ${text}`, { hint: `Range: ${kind.range}.` });
}

function integers(range: string, least: number, most: number): Kind {
  return { range, accepts: (value) => isInteger(value, least, most) };
}

function isInteger(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}
