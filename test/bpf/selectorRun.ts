/** Runs a flavour of the selector over a frame, as the kernel would, and says in one word whose the frame is. */
import {
  ENDPOINT_KEY_BYTES,
  type EndpointEntries,
  filterEntries,
  PREFIX_KEY_BYTES,
  type SelectorFacts,
} from '../../src/bpf/endpoints.ts';
import { SelectorFlavour, selectorProgram } from '../../src/bpf/selector.ts';
import { OWN_MAC } from './frames.ts';
import { type BpfMap, run } from './interpreter.ts';

export type Whose = 'ours' | 'host';

export interface Surroundings {
  readonly mac?: Uint8Array | undefined;
  readonly vlanPresent?: boolean;
  /** struct __sk_buff's pkt_type; 0 = to this host, 4 = sent by it. */
  readonly packetType?: number;
  readonly queue?: number;
  readonly socketQueues?: readonly number[];
  /** The word in which the filter of a socket notes its verdict for the program behind the tap. Left out = they take no notes. */
  readonly note?: Uint8Array;
}

export const FLAVOURS = Object.values(SelectorFlavour);

const ENDPOINTS_FD = 3;
const SOCKETS_FD = 4;
const PREFIXES_FD = 5;
const NOTES_FD = 6;
const VERDICTS: Record<SelectorFlavour, Record<number, Whose>> = {
  xdp: { 4: 'ours', 2: 'host' },
  ingress: { 2: 'ours', 4294967295: 'host' },
  socket: { 4294967295: 'ours', 0: 'host' },
};

/** A selector over fixed facts, ready for many frames. */
export function selectorOf(
  flavour: SelectorFlavour,
  facts: SelectorFacts,
  around: Surroundings = {},
): (frame: Uint8Array) => Whose {
  const mac = 'mac' in around ? around.mac : OWN_MAC;
  const program = selectorProgram({
    flavour,
    endpoints: ENDPOINTS_FD,
    prefixes: PREFIXES_FD,
    ...(flavour === 'xdp' ? { xskMap: SOCKETS_FD } : {}),
    ...(around.note === undefined ? {} : { verdicts: NOTES_FD }),
    ...(mac === undefined ? {} : { mac }),
  });
  const maps = new Map<number, BpfMap>([
    ...endpointMaps(ENDPOINTS_FD, PREFIXES_FD, filterEntries(facts)),
    [SOCKETS_FD, { sockets: new Set(around.socketQueues ?? [0]) }],
    [NOTES_FD, { keyBytes: 4, entries: new Map(around.note === undefined ? [] : [['00000000', around.note]]) }],
  ]);
  const context = flavour === 'xdp' ? xdpContext(around) : skbContext(around);
  return (frame) => {
    const { result } = run(program, { frame, context, maps });
    const whose = VERDICTS[flavour][result];
    if (whose === undefined) throw new Error(`${flavour} ends with ${result}`);
    return whose;
  };
}

function xdpContext({ queue = 0 }: Surroundings): Map<number, number> {
  return new Map([[16, queue]]);
}

function skbContext({ vlanPresent = false, packetType = 0 }: Surroundings): Map<number, number> {
  return new Map([
    [4, packetType],
    [20, vlanPresent ? 1 : 0],
  ]);
}

/** Both maps, as io/selector.ts fills them, by file descriptor. */
export function endpointMaps(endpoints: number, prefixes: number, entries: EndpointEntries): (readonly [number, BpfMap])[] {
  return [
    [endpoints, { keyBytes: ENDPOINT_KEY_BYTES, entries: mapContent(entries, ENDPOINT_KEY_BYTES) }],
    [prefixes, { keyBytes: PREFIX_KEY_BYTES, entries: mapContent(entries, PREFIX_KEY_BYTES), isPrefixes: true }],
  ];
}

function mapContent(entries: EndpointEntries, keyBytes: number): Map<string, Uint8Array> {
  const own = [...entries].filter(([key]) => key.length === 2 * keyBytes);
  return new Map(own.map(([key, flags]) => [key, new Uint8Array(Uint32Array.of(flags).buffer)]));
}
