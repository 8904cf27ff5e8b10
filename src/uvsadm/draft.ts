/** A command line while it is read: what has been given so far, each value checked as it comes. */
import { type Address, parseAddress } from '../base/address.ts';
import { Family, type ServiceProtocol } from '../base/terms.ts';
import type { TunnelSettings } from '../table/actions.ts';
import type { Refusal } from './command.ts';
import { illegal, invalid, usage } from './messages.ts';
import type { OptionName, Word } from './optionTable.ts';
import { type Endpoint, type Names, parseEndpointText, parseInetAton, parseNumber } from './values.ts';

const MAX_INT = 2_147_483_647;
const MAX_MARK = 4_294_967_295;
/** 31 days. */
export const MAX_TIMEOUT_SECONDS = 2_678_400;
/** Of `-p` without a value, whatever the manual says. */
const DEFAULT_PERSISTENCE_SECONDS = 360;
const MAX_SCHEDULER_CHARACTERS = 15;
const MAX_SYNC_ID = 255;
const MAX_SYNC_BYTES = 65_507;
const MAX_PORT = 65_535;
const MAX_TTL = 255;
const DEFAULT_WATCH_SECONDS = 2;
const MAX_WATCH_SECONDS = 86_400;
const METHODS: Readonly<Record<string, Draft['method']>> = {
  masquerading: 'masq',
  ipip: 'tunnel',
  gatewaying: 'route',
  fullnat: 'fullnat',
};

export class Draft {
  readonly #names: Names;
  readonly given = new Set<OptionName>();
  /** Undefined until a service is named: until then ports have no names. */
  protocol: ServiceProtocol | undefined;
  family: Family = Family.v4;
  /** Undefined for a firewall mark. */
  service: Endpoint | undefined;
  mark = 0;
  server: Endpoint | undefined;
  scheduler = '';
  persistenceSeconds = 0;
  /** Undefined = the default of the family. */
  netmask: number | undefined;
  persistenceEngine = '';
  /** Checked last, against the scheduler, which may come after. */
  schedulerFlags = '';
  method: 'route' | 'tunnel' | 'masq' | 'fullnat' = 'route';
  weight = 1;
  upperThreshold = 0;
  lowerThreshold = 0;
  tunnelType: TunnelSettings['type'] = 'ipip';
  tunnelPort = 0;
  tunnelChecksum: TunnelSettings['checksum'] = 'none';
  mcastInterface = '';
  syncId = 0;
  mcastGroup: string | undefined;
  mcastPort: number | undefined;
  mcastTtl: number | undefined;
  syncMaxBytes: number | undefined;
  watchSeconds: number | undefined;

  constructor(names: Names) {
    this.#names = names;
  }

  /** Takes in one option. @returns why it cannot be taken */
  take(word: Word, value: string | undefined): Refusal | undefined {
    if (!('option' in word)) return undefined;
    const { option } = word;
    if (option === 'sort') return undefined;
    if (option === 'ipv6') return this.#takeIpv6();
    if (this.given.has(option)) return usage(`multiple '${option}' options specified`);
    this.given.add(option);
    return this.#takeValue(option, word.long, value ?? '', value === undefined);
  }

  #takeValue(option: OptionName, long: string, value: string, isBare: boolean): Refusal | undefined {
    switch (option) {
      case 'service-address':
        return long === 'fwmark-service' ? this.#takeMark(value) : this.#takeService(long, value);
      case 'real-server':
        this.server = parseEndpointText(value, this.protocol, this.#names);
        return this.server === undefined ? illegal('real server address[:port]') : undefined;
      case 'scheduler':
        this.scheduler = value.slice(0, MAX_SCHEDULER_CHARACTERS);
        return undefined;
      case 'persistent':
        return this.#takePersistence(value, isBare);
      case 'netmask':
        return this.#takeNetmask(value);
      case 'pe':
        this.persistenceEngine = value.slice(0, MAX_SCHEDULER_CHARACTERS);
        return undefined;
      case 'sched-flags':
        this.schedulerFlags = value;
        return undefined;
      case 'forwarding-method':
        this.method = METHODS[long]!;
        return undefined;
      default:
        if (option === 'watch') return this.#takeWatch(value, isBare);
        return this.#takeTunnel(option, value) ?? this.#takeNumber(option, value) ?? this.#takeDaemon(option, value);
    }
  }

  #takeService(long: string, value: string): Refusal | undefined {
    this.protocol = long === 'tcp-service' ? 'tcp' : long === 'udp-service' ? 'udp' : 'sctp';
    this.service = parseEndpointText(value, this.protocol, this.#names);
    if (this.service === undefined) return illegal('virtual server address[:port]');
    this.#setFamily(this.service.address.family);
    return undefined;
  }

  #takeMark(value: string): Refusal | undefined {
    const mark = parseNumber(value, 1, MAX_MARK);
    if (mark === undefined) return invalid('fwmark value', value);
    this.mark = mark;
    this.protocol = 'tcp';
    return undefined;
  }

  /** A mask that was given before it was known to be for IPv6 is forgotten. */
  #setFamily(family: Family): void {
    this.family = family;
    if (family === Family.v6) this.netmask = undefined;
  }

  #takeIpv6(): Refusal | undefined {
    // The second newline is ipvsadm's.
    if (this.mark === 0) return usage('-6 used before -f\n');
    if (this.family !== Family.v6) this.#setFamily(Family.v6);
    return undefined;
  }

  #takePersistence(value: string, isBare: boolean): Refusal | undefined {
    const seconds = isBare ? DEFAULT_PERSISTENCE_SECONDS : parseNumber(value, 1, MAX_TIMEOUT_SECONDS);
    if (seconds === undefined) return invalid('timeout value', value);
    this.persistenceSeconds = seconds;
    return undefined;
  }

  #takeWatch(value: string, isBare: boolean): Refusal | undefined {
    this.watchSeconds = isBare ? DEFAULT_WATCH_SECONDS : parseNumber(value, 1, MAX_WATCH_SECONDS);
    return this.watchSeconds === undefined ? illegal('watch interval') : undefined;
  }

  /** By the family as far as it is known: `-M 64` before an IPv6 service is an IPv4 address. */
  #takeNetmask(value: string): Refusal | undefined {
    if (this.family === Family.v6) {
      this.netmask = parseNumber(value, 1, 128);
      return this.netmask === undefined ? illegal('ipv6 netmask') : undefined;
    }
    this.netmask = parseInetAton(value) ?? this.#names.host(value);
    return this.netmask === undefined ? illegal('virtual server persistent mask') : undefined;
  }

  #takeTunnel(option: OptionName, value: string): Refusal | undefined {
    switch (option) {
      case 'tun-type':
        if (value !== 'ipip' && value !== 'gue' && value !== 'gre') return illegal('tunnel type');
        this.tunnelType = value;
        return undefined;
      case 'tun-port': {
        const port = parseNumber(value, 1, MAX_PORT);
        if (port === undefined) return illegal('tunnel port');
        this.tunnelPort = port;
        return undefined;
      }
      case 'tun-csum':
        this.tunnelChecksum = 'full';
        return undefined;
      case 'tun-remcsum':
        this.tunnelChecksum = 'remote';
        return undefined;
      default:
        return undefined;
    }
  }

  #takeNumber(option: OptionName, value: string): Refusal | undefined {
    if (option !== 'weight' && option !== 'u-threshold' && option !== 'l-threshold') return undefined;
    const number = parseNumber(value, 0, MAX_INT);
    if (number === undefined) return illegal(option.replace('-', '_'));
    if (option === 'weight') this.weight = number;
    else if (option === 'u-threshold') this.upperThreshold = number;
    else this.lowerThreshold = number;
    return undefined;
  }

  #takeDaemon(option: OptionName, value: string): Refusal | undefined {
    switch (option) {
      case 'mcast-interface':
        this.mcastInterface = value;
        return undefined;
      case 'mcast-group':
        return this.#takeGroup(value);
      case 'syncid': {
        const syncId = parseNumber(value, 0, MAX_SYNC_ID);
        if (syncId === undefined) return illegal('syncid');
        this.syncId = syncId;
        return undefined;
      }
      case 'mcast-port':
        this.mcastPort = parseNumber(value, 1, MAX_PORT);
        return this.mcastPort === undefined ? illegal('mcast-port') : undefined;
      case 'mcast-ttl':
        this.mcastTtl = parseNumber(value, 1, MAX_TTL);
        return this.mcastTtl === undefined ? illegal('mcast-ttl') : undefined;
      case 'sync-maxlen':
        this.syncMaxBytes = parseNumber(value, 1, MAX_SYNC_BYTES);
        return this.syncMaxBytes === undefined ? illegal('sync-maxlen') : undefined;
      default:
        return undefined;
    }
  }

  #takeGroup(value: string): Refusal | undefined {
    const address = parseAddress(value);
    if (address === undefined || !isMulticast(address)) {
      return usage(`invalid ${value.includes(':') ? 'IPv6' : 'IPv4'} mcast-group \`${value}'`);
    }
    this.mcastGroup = value;
    return undefined;
  }
}

function isMulticast({ family, words }: Address): boolean {
  return family === Family.v6 ? words[0] >>> 24 === 0xff : words[3] >>> 28 === 0xe;
}
