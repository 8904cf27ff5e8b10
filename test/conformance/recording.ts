/** What the recordings hold, by schema (golden/ipvs/README.md), and a check that a file holds that and nothing else. */

export interface CommonFields {
  readonly id: string;
  readonly kernel: string;
  readonly sysctl: Readonly<Record<string, unknown>>;
}

export type CommandRecord = readonly [command: string, exitCode: number, ...output: string[]];

/** Weights and counts of one real server: name, weight, active, inactive. */
export type SnapRow = readonly [server: string, weight: number, active: number, inactive: number];

export interface SchedulerRecording extends CommonFields {
  readonly schema: 'sched-1';
  readonly note: string;
  readonly sched: string;
  readonly vips: readonly string[];
  readonly local_routes: readonly string[];
  readonly commands: readonly CommandRecord[];
  readonly events: readonly (readonly unknown[])[];
  readonly elapsed_s: number;
  readonly final_Ln: string;
}

/** State, remaining seconds, destination. */
export type TraceEntry = readonly [state: string, seconds: number, destination: string];

export type TraceStep = readonly [
  token: string,
  outputs: readonly unknown[] | null,
  entry: TraceEntry | readonly TraceEntry[] | null,
  change: readonly [active: number, inactive: number],
];

export interface Walk {
  readonly walk: string;
  readonly client: string;
  readonly steps: readonly TraceStep[];
}

export interface Vector {
  readonly name: string;
  readonly from?: string;
  readonly in: readonly string[];
  readonly out: readonly (readonly [where: string, hex: string])[];
  readonly summary?: readonly string[];
}

export interface TraceRecording extends CommonFields {
  readonly schema: 'trace-1';
  readonly note?: string;
  readonly mode: string;
  readonly vip: string;
  readonly proto: string;
  readonly commands: readonly string[];
  readonly walks: readonly Walk[];
  readonly vectors?: readonly Vector[];
}

export interface VectorRecording extends CommonFields {
  readonly schema: 'vector-1';
  readonly note: string;
  readonly topology: Readonly<Record<string, unknown>>;
  readonly vip: string;
  readonly commands: readonly CommandRecord[];
  readonly vectors: readonly Vector[];
  readonly final_Lnc: string;
  readonly final_stats: string;
}

export interface PersistRecording extends CommonFields {
  readonly schema: 'persist-1';
  readonly note: string;
  readonly vips: readonly string[];
  readonly commands: readonly CommandRecord[];
  readonly steps: readonly (readonly unknown[])[];
  readonly final_Lnc: string;
  readonly final_Ln: string;
  readonly final_persistent: string;
}

/** Exit code, standard output, standard error. */
export type ListingRecord = readonly [exitCode: number, stdout: string, stderr: string];

export interface ListingRecording {
  readonly id: string;
  readonly schema: 'listing-1';
  readonly kernel: string;
  readonly ipvsadm: string;
  /** Addresses by name that the machine knew, beside its own. */
  readonly hosts?: Readonly<Record<string, string>>;
  readonly sysctl?: Readonly<Record<string, unknown>>;
  readonly local_routes?: readonly string[];
  readonly vips: readonly string[];
  readonly commands: readonly CommandRecord[];
  /** What was sent, and what came of it in words. */
  readonly traffic: readonly (readonly [step: unknown, outputs: readonly unknown[] | null])[];
  /** By command; files of /proc, which are text alone, are for information. */
  readonly listings: Readonly<Record<string, ListingRecord | string>>;
  readonly listings_6s_later: Readonly<Record<string, ListingRecord | string>>;
  readonly extra_commands: readonly (readonly [command: string, ...record: ListingRecord])[];
}

export interface CommandLineResult {
  readonly cmd: string;
  readonly rc: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly changed: boolean;
  readonly stdin?: string;
  readonly after_Sn?: string;
  readonly after_daemon?: string;
  readonly after_timeout?: string;
}

export interface CommandLineRecording {
  readonly id: string;
  readonly schema: 'cmdline-1';
  readonly kernel: string;
  readonly ipvsadm: string;
  /** What each line finds. */
  readonly base_commands: readonly string[];
  readonly base_Sn: string;
  readonly results: readonly CommandLineResult[];
}

export type Recording =
  | ListingRecording
  | CommandLineRecording
  | SchedulerRecording
  | TraceRecording
  | VectorRecording
  | PersistRecording;

interface Shape {
  readonly required: Readonly<Record<string, FieldKind>>;
  readonly optional?: Readonly<Record<string, FieldKind>>;
}

type FieldKind = 'text' | 'number' | 'list' | 'object';

const COMMON: Shape['required'] = { id: 'text', schema: 'text', kernel: 'text', sysctl: 'object', commands: 'list' };

const SHAPES: Readonly<Record<string, Shape>> = {
  'sched-1': {
    required: {
      ...COMMON,
      ...{
        note: 'text',
        sched: 'text',
        vips: 'list',
        local_routes: 'list',
        events: 'list',
        elapsed_s: 'number',
        final_Ln: 'text',
      },
    },
  },
  'trace-1': {
    required: { ...COMMON, mode: 'text', vip: 'text', proto: 'text', walks: 'list' },
    optional: { note: 'text', vectors: 'list' },
  },
  'vector-1': {
    required: {
      ...COMMON,
      ...{ note: 'text', topology: 'object', vip: 'text', vectors: 'list', final_Lnc: 'text', final_stats: 'text' },
    },
  },
  'persist-1': {
    required: {
      ...COMMON,
      ...{ note: 'text', vips: 'list', steps: 'list', final_Lnc: 'text', final_Ln: 'text', final_persistent: 'text' },
    },
  },
  'listing-1': {
    required: {
      ...{ id: 'text', schema: 'text', kernel: 'text', ipvsadm: 'text', vips: 'list', commands: 'list', traffic: 'list' },
      ...{ listings: 'object', listings_6s_later: 'object', extra_commands: 'list' },
    },
    optional: { note: 'text', hosts: 'object', sysctl: 'object', local_routes: 'list' },
  },
  'cmdline-1': {
    required: {
      ...{ id: 'text', schema: 'text', kernel: 'text', ipvsadm: 'text' },
      ...{ base_commands: 'list', base_Sn: 'text', results: 'list' },
    },
    optional: { note: 'text' },
  },
};

/** Of the objects in lists. */
const ITEM_FIELDS: Readonly<Record<string, readonly string[]>> = {
  walks: ['walk', 'client', 'steps'],
  vectors: ['name', 'from', 'in', 'out', 'summary'],
  results: ['cmd', 'rc', 'stdout', 'stderr', 'changed', 'stdin', 'after_Sn', 'after_daemon', 'after_timeout'],
};
const PROTOCOLS: readonly unknown[] = ['tcp', 'udp', 'sctp'];
const MODES: readonly unknown[] = ['dr', 'nat', 'tun'];

/** @returns what is wrong with the file as a recording, one sentence each; [] = it can be played */
export function recordingFaults(value: unknown): string[] {
  if (!isObject(value)) return ['the file holds no JSON object'];
  const schema = value['schema'];
  const shape = typeof schema === 'string' && Object.hasOwn(SHAPES, schema) ? SHAPES[schema] : undefined;
  if (shape === undefined) return [`unknown schema ${JSON.stringify(schema)}`];
  const known = { ...shape.required, ...shape.optional };
  const missing = Object.keys(shape.required).filter((name) => !Object.hasOwn(value, name));
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(known, name));
  const wrong = Object.keys(value).filter((name) => Object.hasOwn(known, name) && !hasKind(value[name], known[name]!));
  return [
    ...missing.map((name) => `field ${name} is missing`),
    ...unknown.map((name) => `unknown field ${name}`),
    ...wrong.map((name) => `field ${name} is no ${known[name]}`),
    ...Object.entries(ITEM_FIELDS).flatMap(([name, fields]) => itemFaults(name, value[name], fields)),
    ...(schema === 'trace-1' && !PROTOCOLS.includes(value['proto']) ? [`unknown proto ${JSON.stringify(value['proto'])}`] : []),
    ...(schema === 'trace-1' && !MODES.includes(value['mode']) ? [`unknown mode ${JSON.stringify(value['mode'])}`] : []),
  ];
}

function itemFaults(list: string, items: unknown, fields: readonly string[]): string[] {
  if (!Array.isArray(items)) return [];
  const names = items.flatMap((item: unknown) => (isObject(item) ? Object.keys(item) : ['(no object)']));
  return [...new Set(names)].filter((name) => !fields.includes(name)).map((name) => `unknown field ${name} in ${list}`);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasKind(value: unknown, kind: FieldKind): boolean {
  if (kind === 'text') return typeof value === 'string';
  if (kind === 'number') return typeof value === 'number';
  return kind === 'list' ? Array.isArray(value) : isObject(value);
}
