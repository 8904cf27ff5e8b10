/**
 * The options of ipvsadm 1.31 as a table (specs/ipvs.md sections 8.1 and 8.2): what is typed, what it takes, what goes with what. Ours
 * stand behind them: they change nothing of a line that has none of them.
 */

/** A command has the name that messages use. */
export const COMMANDS = [
  'add-service',
  'edit-service',
  'delete-service',
  'flush',
  'list',
  'add-server',
  'delete-server',
  'edit-server',
  'set',
  'start-daemon',
  'stop-daemon',
  'restore',
  'save',
  'zero',
] as const;
export type CommandName = (typeof COMMANDS)[number] | 'help' | 'version';

/** Options by the names that messages use, in the order in which combinations are judged. */
export const OPTIONS = [
  'numeric',
  'connection',
  'service-address',
  'scheduler',
  'persistent',
  'netmask',
  'real-server',
  'forwarding-method',
  'weight',
  'u-threshold',
  'l-threshold',
  'mcast-interface',
  'timeout',
  'daemon',
  'stats',
  'rate',
  'thresholds',
  'persistent-conn',
  'nosort',
  'syncid',
  'exact',
  'ops',
  'pe',
  'sched-flags',
  'mcast-group',
  'mcast-port',
  'mcast-ttl',
  'sync-maxlen',
  'tun-info',
  'tun-type',
  'tun-port',
  'tun-nocsum',
  'tun-csum',
  'tun-remcsum',
  'json',
  'compat',
  'watch',
  'all',
] as const;
export type OptionName = (typeof OPTIONS)[number];

/** What follows an option: nothing, a value, or a value that may be left out. */
export type Takes = 'nothing' | 'value' | 'optional';

interface Spelling {
  readonly long: string;
  readonly short: string;
  readonly takes: Takes;
}

/** Something that may be typed: a command, or an option. */
export type Word = Spelling & ({ readonly command: CommandName } | { readonly option: OptionName | 'ipv6' | 'sort' });

function command(name: CommandName, long: string, short = '', takes: Takes = 'nothing'): Word {
  return { command: name, long, short, takes };
}

function option(name: OptionName | 'ipv6' | 'sort', long: string, short = '', takes: Takes = 'nothing'): Word {
  return { option: name, long, short, takes };
}

/** Every word. Those that share a name in messages (`-t`, `-u`, `-f` or `-g`, `-i`, `-m`) are told apart by `long`. */
export const WORDS: readonly Word[] = [
  command('add-service', 'add-service', 'A'),
  command('edit-service', 'edit-service', 'E'),
  command('delete-service', 'delete-service', 'D'),
  command('flush', 'clear', 'C'),
  command('list', 'list', 'L'),
  command('list', 'list', 'l'),
  command('zero', 'zero', 'Z'),
  command('add-server', 'add-server', 'a'),
  command('edit-server', 'edit-server', 'e'),
  command('delete-server', 'delete-server', 'd'),
  command('restore', 'restore', 'R'),
  command('save', 'save', 'S'),
  command('set', 'set'),
  command('start-daemon', 'start-daemon', '', 'value'),
  command('stop-daemon', 'stop-daemon', '', 'value'),
  command('help', 'help', 'h'),
  command('version', 'version', 'v'),
  option('service-address', 'tcp-service', 't', 'value'),
  option('service-address', 'udp-service', 'u', 'value'),
  option('service-address', 'sctp-service', '', 'value'),
  option('service-address', 'fwmark-service', 'f', 'value'),
  option('ipv6', 'ipv6', '6'),
  option('scheduler', 'scheduler', 's', 'value'),
  option('persistent', 'persistent', 'p', 'optional'),
  option('netmask', 'netmask', 'M', 'value'),
  option('pe', 'pe', '', 'value'),
  option('ops', 'ops', 'o'),
  option('sched-flags', 'sched-flags', 'b', 'value'),
  option('real-server', 'real-server', 'r', 'value'),
  option('forwarding-method', 'masquerading', 'm'),
  option('forwarding-method', 'ipip', 'i'),
  option('forwarding-method', 'gatewaying', 'g'),
  option('forwarding-method', 'fullnat'),
  option('tun-type', 'tun-type', '', 'value'),
  option('tun-port', 'tun-port', '', 'value'),
  option('tun-nocsum', 'tun-nocsum'),
  option('tun-csum', 'tun-csum'),
  option('tun-remcsum', 'tun-remcsum'),
  option('weight', 'weight', 'w', 'value'),
  option('u-threshold', 'u-threshold', 'x', 'value'),
  option('l-threshold', 'l-threshold', 'y', 'value'),
  option('numeric', 'numeric', 'n'),
  option('connection', 'connection', 'c'),
  option('timeout', 'timeout'),
  option('daemon', 'daemon'),
  option('stats', 'stats'),
  option('rate', 'rate'),
  option('thresholds', 'thresholds'),
  option('persistent-conn', 'persistent-conn'),
  option('tun-info', 'tun-info'),
  option('nosort', 'nosort'),
  option('sort', 'sort'),
  option('exact', 'exact', 'X'),
  option('mcast-interface', 'mcast-interface', '', 'value'),
  option('syncid', 'syncid', '', 'value'),
  option('mcast-group', 'mcast-group', '', 'value'),
  option('mcast-port', 'mcast-port', '', 'value'),
  option('mcast-ttl', 'mcast-ttl', '', 'value'),
  option('sync-maxlen', 'sync-maxlen', '', 'value'),
  option('json', 'json'),
  option('compat', 'compat'),
  option('watch', 'watch', '', 'optional'),
  option('all', 'all'),
];

/** What a command, or a type of tunnel, makes of options: those in no list are illegal with it. */
export interface Combination<Name extends string> {
  readonly needs?: readonly Name[];
  readonly allows?: readonly Name[];
  /** At most one of these. */
  readonly oneOf?: readonly Name[];
}

const SERVER_OPTIONS = [
  'forwarding-method',
  'weight',
  'u-threshold',
  'l-threshold',
  'tun-type',
  'tun-port',
  'tun-nocsum',
  'tun-csum',
  'tun-remcsum',
] as const;
const SERVICE_OPTIONS = ['scheduler', 'persistent', 'netmask', 'ops', 'pe', 'sched-flags'] as const;
const DAEMON_OPTIONS = ['mcast-interface', 'syncid', 'mcast-group', 'mcast-port', 'mcast-ttl', 'sync-maxlen'] as const;
const LIST_OPTIONS = [
  'numeric',
  'stats',
  'rate',
  'thresholds',
  'persistent-conn',
  'nosort',
  'syncid',
  'exact',
  'tun-info',
  'json',
  'compat',
  'watch',
] as const;

/** Which options go with which command. */
export const COMMAND_OPTIONS: Readonly<Record<Exclude<CommandName, 'help' | 'version'>, Combination<OptionName>>> = {
  'add-service': { needs: ['service-address'], allows: SERVICE_OPTIONS },
  'edit-service': { needs: ['service-address'], allows: SERVICE_OPTIONS },
  'delete-service': { needs: ['service-address'] },
  flush: {},
  list: { allows: LIST_OPTIONS, oneOf: ['connection', 'service-address', 'timeout', 'daemon'] },
  'add-server': { needs: ['service-address', 'real-server'], allows: SERVER_OPTIONS },
  'delete-server': { needs: ['service-address', 'real-server'] },
  'edit-server': { needs: ['service-address', 'real-server'], allows: SERVER_OPTIONS },
  set: {},
  'start-daemon': { allows: DAEMON_OPTIONS },
  'stop-daemon': { allows: ['syncid'] },
  restore: {},
  save: { allows: ['numeric', 'compat', 'all'] },
  zero: { allows: ['service-address'] },
};

export const TUNNEL_OPTIONS = ['tun-type', 'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum'] as const;
export type TunnelOption = (typeof TUNNEL_OPTIONS)[number];

/** Which tunnel options go with which type of tunnel. */
export const TUNNEL_TYPES: Readonly<Record<'ipip' | 'gue' | 'gre', Combination<TunnelOption>>> = {
  ipip: { allows: ['tun-type'] },
  gue: { needs: ['tun-port'], allows: ['tun-type'], oneOf: ['tun-nocsum', 'tun-csum', 'tun-remcsum'] },
  gre: { allows: ['tun-type'], oneOf: ['tun-nocsum', 'tun-csum'] },
};
