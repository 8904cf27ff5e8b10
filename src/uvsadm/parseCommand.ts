/**
 * The grammar: a command line in, a command or a refusal out. First the command, which must be the first option; then the options,
 * each value checked as it comes; then what is left over; last, whether all of it goes together (specs/ipvs.md section 8.2).
 */
import { formatAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import type { DestinationKey, DestinationSettings, ServiceKey } from '../table/actions.ts';
import { ArgumentReader, type Occurrence } from './argumentReader.ts';
import { judgeCommand, judgeList, judgeTunnel } from './combinations.ts';
import {
  type Command,
  type DaemonRole,
  LIST_VIEWS,
  type ListOptions,
  type ListView,
  Refusal,
  type ServiceOptions,
} from './command.ts';
import { Draft, MAX_TIMEOUT_SECONDS } from './draft.ts';
import { illegal, invalid, invalidOption, tryHelp, usage } from './messages.ts';
import { type CommandName, type OptionName, TUNNEL_OPTIONS } from './optionTable.ts';
import { type Names, parseNumber, parseSchedulerFlags } from './values.ts';

const DEFAULT_SCHEDULER = 'wlc';
const DEFAULT_INTERFACE = 'eth0';
/** Bits of an IPv6 address that name one client. */
const WHOLE_IPV6 = 128;

/** What the caller knows. */
export interface Surroundings {
  /** As the program was called; two messages quote it. */
  readonly program: string;
  readonly names: Names;
}

/** @param args without the program's name; none at all lists the table, with names */
export function parseCommand(args: readonly string[], { program, names }: Surroundings): Command | Refusal {
  if (args.length === 0) return list(new Draft(names));
  const reader = new ArgumentReader(args);
  const first = reader.read();
  if (first === undefined || first instanceof Refusal || !('command' in first.word)) return tryHelp(program);
  const { command } = first.word;
  if (command === 'help' || command === 'version') return { kind: command };
  const role = roleOf(command, first);
  if (role instanceof Refusal) return role;
  const draft = new Draft(names);
  const refusal = readOptions(reader, draft);
  if (refusal !== undefined) return refusal;
  const timeouts = command === 'set' ? readTimeouts(reader.words) : undefined;
  if (timeouts instanceof Refusal) return timeouts;
  const rest = reader.words[timeouts === undefined ? 0 : timeouts.length];
  if (rest !== undefined) return usage(`unexpected argument ${rest}`);
  return judgeFlags(draft) ?? judgeCommand(command, draft.given) ?? commandOf(command, draft, role, timeouts);
}

/** Of `--start-daemon` and `--stop-daemon`; the text of the second is as ipvsadm has it. */
function roleOf(command: CommandName, { value }: Occurrence): DaemonRole | undefined | Refusal {
  if (command !== 'start-daemon' && command !== 'stop-daemon') return undefined;
  if (value === 'master' || value === 'backup') return value;
  return illegal(command === 'start-daemon' ? 'start-daemon parameter' : 'start_daemon');
}

function readOptions(reader: ArgumentReader, draft: Draft): Refusal | undefined {
  for (let next = reader.read(); next !== undefined; next = reader.read()) {
    if (next instanceof Refusal) return next;
    if ('command' in next.word) return invalidOption(next.typed);
    const refusal = draft.take(next.word, next.value);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** The three values of `--set`: tcp, tcpfin, udp. */
function readTimeouts(words: readonly string[]): readonly number[] | Refusal {
  if (words.length < 3) return usage('--set option requires 3 timeout values');
  const values: number[] = [];
  for (const text of words.slice(0, 3)) {
    const seconds = parseNumber(text, 0, MAX_TIMEOUT_SECONDS);
    if (seconds === undefined) return invalid('timeout value', text);
    values.push(seconds);
  }
  return values;
}

/** With whatever command: names of scheduler flags are looked at once the scheduler is known. */
function judgeFlags(draft: Draft): Refusal | undefined {
  const flags = parseSchedulerFlags(draft.schedulerFlags, draft.scheduler || DEFAULT_SCHEDULER);
  return typeof flags === 'object' ? usage(`${flags.fault} scheduler flag \`${flags.name}'`) : undefined;
}

function commandOf(
  command: Exclude<CommandName, 'help' | 'version'>,
  draft: Draft,
  role: DaemonRole | undefined,
  timeouts: readonly number[] | undefined,
): Command | Refusal {
  const has = (option: OptionName): boolean => draft.given.has(option);
  switch (command) {
    case 'add-service':
    case 'edit-service':
      return serviceCommand(command === 'add-service' ? 'addService' : 'editService', draft);
    case 'delete-service':
      return { kind: 'deleteService', service: serviceOf(draft) };
    case 'add-server':
    case 'edit-server':
      return serverCommand(command === 'add-server' ? 'addServer' : 'editServer', draft);
    case 'delete-server':
      return { kind: 'deleteServer', service: serviceOf(draft), server: serverOf(draft) };
    case 'flush':
      return { kind: 'clear' };
    case 'zero':
      return has('service-address') ? { kind: 'zero', service: serviceOf(draft) } : { kind: 'zero' };
    case 'list':
      return judgeList(draft.given) ?? list(draft);
    case 'save':
      return { kind: 'save', options: { numeric: has('numeric'), compat: has('compat'), all: has('all') } };
    case 'restore':
      return { kind: 'restore' };
    case 'set':
      return { kind: 'setTimeouts', timeouts: { tcp: timeouts![0]!, tcpFin: timeouts![1]!, udp: timeouts![2]! } };
    case 'start-daemon':
      return startDaemon(draft, role!);
    case 'stop-daemon':
      return { kind: 'stopDaemon', role: role!, syncId: draft.syncId };
  }
}

function serviceCommand(kind: 'addService' | 'editService', draft: Draft): Command | Refusal {
  const service = serviceOf(draft);
  const hasPort = 'firewallMark' in service || service.port !== 0;
  if (!hasPort && draft.persistenceSeconds === 0) return usage('Zero port specified for non-persistent service');
  const onePacket = draft.given.has('ops');
  if (onePacket && !('firewallMark' in service) && service.protocol !== 'udp') {
    return usage('One-Packet Scheduling is only for UDP virtual services');
  }
  const scheduler = draft.scheduler || DEFAULT_SCHEDULER;
  const flags = parseSchedulerFlags(draft.schedulerFlags, scheduler);
  const options: ServiceOptions = {
    scheduler,
    schedulerFlags: typeof flags === 'number' ? flags : 0,
    persistenceSeconds: draft.persistenceSeconds,
    netmask: draft.netmask ?? (draft.family === Family.v6 ? WHOLE_IPV6 : -1),
    onePacket,
    persistenceEngine: draft.persistenceEngine,
  };
  return { kind, service, options };
}

function serverCommand(kind: 'addServer' | 'editServer', draft: Draft): Command | Refusal {
  const service = serviceOf(draft);
  if (draft.server!.address.family !== draft.family && draft.method !== 'tunnel') {
    return usage('Different address family is allowed only for tunneling servers');
  }
  if (draft.method !== 'tunnel' && TUNNEL_OPTIONS.some((name) => draft.given.has(name))) {
    return usage('Tunnel options conflict with forward method');
  }
  const refusal = draft.method === 'tunnel' ? judgeTunnel(draft.tunnelType, draft.given) : undefined;
  if (refusal !== undefined) return refusal;
  const { method, weight, upperThreshold, lowerThreshold } = draft;
  const plain: DestinationSettings = { method, weight, upperThreshold, lowerThreshold };
  const tunnel = { type: draft.tunnelType, port: draft.tunnelPort, checksum: draft.tunnelChecksum };
  const settings = method === 'tunnel' ? { ...plain, tunnel } : plain;
  const server = serverOf(draft);
  // Packets reach such a server on the port that the client asked for, so its own is the service's.
  const isForced = (method === 'route' || method === 'tunnel') && !('firewallMark' in service);
  return { kind, service, server: isForced ? { ...server, port: service.port } : server, settings };
}

function list(draft: Draft): Command {
  const { given } = draft;
  const view: ListView = LIST_VIEWS.find((name) => given.has(name)) ?? 'default';
  const subject: ListOptions['subject'] = given.has('connection')
    ? 'connections'
    : given.has('timeout')
      ? 'timeouts'
      : given.has('daemon')
        ? 'daemons'
        : 'services';
  const options = {
    subject,
    view,
    numeric: given.has('numeric'),
    exact: given.has('exact'),
    sorted: !given.has('nosort'),
    persistenceData: given.has('persistent-conn'),
    json: given.has('json'),
    compat: given.has('compat'),
    watchSeconds: draft.watchSeconds,
  };
  return { kind: 'list', options: given.has('service-address') ? { ...options, service: serviceOf(draft) } : options };
}

function startDaemon(draft: Draft, role: DaemonRole): Command {
  const { syncId, syncMaxBytes: maxBytes, mcastGroup: group, mcastPort: port, mcastTtl: ttl } = draft;
  const options = { role, interface: draft.mcastInterface || DEFAULT_INTERFACE, syncId, maxBytes, group, port, ttl };
  return { kind: 'startDaemon', options };
}

function serviceOf(draft: Draft): ServiceKey {
  const { service, protocol, mark, family } = draft;
  if (service === undefined) return { firewallMark: mark, family: family === Family.v6 ? 'v6' : 'v4' };
  return { protocol: protocol!, address: formatAddress(service.address), port: service.port ?? 0 };
}

/** Without a port of its own it has the service's. */
function serverOf(draft: Draft): DestinationKey {
  const { address, port } = draft.server!;
  return { address: formatAddress(address), port: port ?? draft.service?.port ?? 0 };
}
