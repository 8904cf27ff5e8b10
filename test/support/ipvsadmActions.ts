/** The ipvsadm commands that occur in the recordings of schedulers and traces, as table actions. No more than those need. */
import { parseEndpoint } from '../../src/base/address.ts';
import type { DestinationSettings, ServiceKey, ServiceSettings, TableAction } from '../../src/table/actions.ts';

const METHODS: Readonly<Record<string, DestinationSettings['method']>> = { '-g': 'route', '-i': 'tunnel', '-m': 'masq' };
const SERVICE_LETTERS = { '-t': 'tcp', '-u': 'udp', '--sctp-service': 'sctp' } as const;

/** `ipvsadm -a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 4 -x 12 -y 5` and the like. Throws on anything that it does not know. */
export function actionOf(command: string): TableAction {
  const [program, letter, ...words] = command.split(' ');
  if (program !== 'ipvsadm') throw new Error(`not ipvsadm: ${command}`);
  const options = optionsOf(words);
  const service = serviceOf(options);
  switch (letter) {
    case '-A':
      return { kind: 'addService', service, settings: serviceSettings(options) };
    case '-E':
      return { kind: 'editService', service, settings: serviceSettings(options) };
    case '-D':
      return { kind: 'removeService', service };
    case '-a':
      return {
        kind: 'addDestination',
        service,
        destination: endpoint(options.get('-r')),
        settings: destinationSettings(options),
      };
    case '-e':
      return {
        kind: 'editDestination',
        service,
        destination: endpoint(options.get('-r')),
        settings: destinationSettings(options),
      };
    case '-d':
      return { kind: 'removeDestination', service, destination: endpoint(options.get('-r')) };
    default:
      throw new Error(`not known here: ${command}`);
  }
}

/** Option -> its value, or '' when it has none. */
function optionsOf(words: readonly string[]): Map<string, string> {
  const options = new Map<string, string>();
  let last = '';
  for (const word of words) {
    if (word.startsWith('-')) last = word;
    options.set(last, word.startsWith('-') ? '' : word);
  }
  return options;
}

function serviceOf(options: ReadonlyMap<string, string>): ServiceKey {
  for (const [letter, protocol] of Object.entries(SERVICE_LETTERS)) {
    if (options.has(letter)) return { protocol, ...endpoint(options.get(letter)) };
  }
  const mark = Number(options.get('-f'));
  if (mark > 0) return { firewallMark: mark, family: options.has('-6') ? 'v6' : 'v4' };
  throw new Error('a service of another kind');
}

/** The text of an address as the tables canonise it, so that names compare. */
function endpoint(text: string | undefined): { address: string; port: number } {
  // A server of a mark service may be named without a port.
  if (/^[\d.]+$/.test(text ?? '')) return { address: text!, port: 0 };
  const match = /^\[?([^\]]*?)\]?:(\d+)$/.exec(text ?? '');
  if (match === null || parseEndpoint(text ?? '') === undefined) throw new Error(`not an endpoint: ${text}`);
  return { address: match[1]!, port: Number(match[2]) };
}

function serviceSettings(options: ReadonlyMap<string, string>): ServiceSettings {
  return {
    scheduler: options.get('-s') ?? 'wlc',
    schedulerFlags: (options.get('-b') ?? '').split(',').filter((flag) => flag !== ''),
    onePacket: options.has('-o'),
    persistenceSeconds: 0,
    persistencePrefix: 32,
  };
}

function destinationSettings(options: ReadonlyMap<string, string>): DestinationSettings {
  const method = [...options.keys()].map((option) => METHODS[option]).find((found) => found !== undefined);
  return {
    method: method ?? 'route',
    weight: Number(options.get('-w') ?? 1),
    upperThreshold: Number(options.get('-x') ?? 0),
    lowerThreshold: Number(options.get('-y') ?? 0),
  };
}
