/**
 * By which engine an interface is attached (specs/packet-io.md section 8). AF_XDP moves most small packets, but it sees neither
 * checksum offload nor super-frames: where the other end of the wire is memory (veth, virtio, a bridge), those are worth more in bulk.
 * Decision 0012 has the measurements.
 */
import type { LinkFacts } from '../network/hostNetwork.ts';
import type { InterfaceRequest, IoKind } from './directorStatus.ts';

/** What --io takes. */
export const IO_NAMES = ['auto', 'xdp', 'packet', 'tun'] as const;
export type IoName = (typeof IO_NAMES)[number];

export interface IoChoice {
  readonly io: IoKind;
  /** For a person: "driver ixgbe has native XDP". */
  readonly reason: string;
}

/** Hardware drivers known for native XDP. One that is missing here gets `packet` by `auto`; `--io xdp` tries it all the same. */
const NATIVE_XDP_DRIVERS = new Set([
  ...['ixgbe', 'ixgbevf', 'i40e', 'ice', 'iavf', 'igb', 'igc', 'mlx4_en', 'mlx5_core', 'bnxt_en', 'nfp', 'qede', 'sfc', 'ena'],
  ...['atlantic', 'mvneta', 'mvpp2', 'stmmac', 'fsl_dpaa2_eth', 'fsl_enetc', 'cpsw', 'gve', 'mana'],
]);

/** Drivers whose other end is memory of the same machine, so that checksums are not computed and frames are not cut. */
const OFFLOADING_DRIVERS = new Set(['virtio_net', 'vif', 'xen_netfront', 'hv_netvsc', 'vmxnet3']);

/** What the driver says of an interface. */
export interface LinkCapabilities {
  readonly receiveQueues: number;
  /** Its stack leaves checksums, and the cutting of super-frames, to the device. */
  readonly txChecksum: boolean;
  readonly tso: boolean;
  /** Received segments are joined to super-frames. */
  readonly gro: boolean;
  /** What XDP the driver takes; undefined when the kernel does not say (before 6.3). */
  readonly xdp?: XdpSupport;
}

/** `none`: no program in the driver; `copy`: frames are copied to the socket; `zerocopy`: they are not. */
export type XdpSupport = 'none' | 'copy' | 'zerocopy';

/** What beside the interface decides. */
export interface IoCircumstances {
  /** Only requests pass the director (route, tunnel): most of them small frames. */
  readonly isOneWay: boolean;
  readonly workers: number;
  /** Undefined when the driver cannot be asked. */
  readonly capabilities: (name: string) => LinkCapabilities | undefined;
}

export const PLAIN_CIRCUMSTANCES: IoCircumstances = { isOneWay: false, workers: 1, capabilities: () => undefined };

/** The longest IP packet that a frame slot of AF_XDP takes (io/xdpMemory.ts). */
const LARGEST_XDP_MTU = 1772;

/** For `auto`: the better engine of this interface; it may still fail to open. */
export function chooseIo(link: LinkFacts, circumstances: IoCircumstances = PLAIN_CIRCUMSTANCES): IoChoice {
  const choice = preferredIo(link, circumstances);
  if (choice.io !== 'xdp') return choice;
  const obstacle = xdpObstacle(link, circumstances);
  return obstacle === undefined ? choice : { io: 'packet', reason: `${choice.reason}, but ${obstacle}` };
}

/** The table of decision 0012, from above: the first line that applies. */
function preferredIo(link: LinkFacts, { isOneWay, capabilities }: IoCircumstances): IoChoice {
  if (link.isLoopback) return { io: 'packet', reason: 'the loopback interface has no XDP' };
  const known = capabilities(link.name);
  const name = link.kind === '' ? `driver ${link.driver || 'without a name'}` : `this ${link.kind} interface`;
  if (known?.xdp === 'none') return { io: 'packet', reason: `${name} takes no XDP program` };
  if (link.kind === 'veth') return vethIo(isOneWay, known);
  if (link.kind !== '') return { io: 'packet', reason: `${link.kind} interfaces pass super-frames and unfinished checksums` };
  if (OFFLOADING_DRIVERS.has(link.driver)) {
    return { io: 'packet', reason: `driver ${link.driver} passes super-frames and unfinished checksums` };
  }
  if (known?.xdp === 'zerocopy') return { io: 'xdp', reason: `driver ${link.driver} has AF_XDP of its own` };
  if (known?.xdp === 'copy' || NATIVE_XDP_DRIVERS.has(link.driver)) {
    return { io: 'xdp', reason: `driver ${link.driver} has native XDP` };
  }
  return {
    io: 'packet',
    reason: link.driver === '' ? 'no driver with native XDP' : `driver ${link.driver} is not known for native XDP`,
  };
}

function vethIo(isOneWay: boolean, known: LinkCapabilities | undefined): IoChoice {
  if (known !== undefined && !known.txChecksum && !known.tso) {
    return { io: 'xdp', reason: 'a veth interface whose offloads are off' };
  }
  if (isOneWay) return { io: 'xdp', reason: 'a veth interface, and only requests pass (route, tunnel), mostly small frames' };
  return { io: 'packet', reason: 'veth interfaces pass super-frames and unfinished checksums' };
}

function xdpObstacle(link: LinkFacts, { isOneWay, workers, capabilities }: IoCircumstances): string | undefined {
  if (link.mtu > LARGEST_XDP_MTU) return `AF_XDP takes an MTU of at most ${LARGEST_XDP_MTU}, not ${link.mtu}`;
  if (workers === 1) return undefined;
  if (!isOneWay) return 'by xdp masq and fullnat need one worker';
  const queues = capabilities(link.name)?.receiveQueues ?? 1;
  return queues < workers ? `it has ${queues} receive queue(s) for ${workers} workers` : undefined;
}

/** One request for each interface, with reasons beside them. */
export function chooseEngines(
  requested: IoName,
  links: readonly LinkFacts[],
  circumstances: IoCircumstances = PLAIN_CIRCUMSTANCES,
): readonly (InterfaceRequest & IoChoice)[] {
  return links.map((link) => {
    const asked = { io: requested, reason: `asked for with --io ${requested}` };
    const choice = requested === 'auto' ? chooseIo(link, circumstances) : (asked as IoChoice);
    return { name: link.name, ...choice };
  });
}

/** What to try when `xdp` of an `auto` choice has failed to open; undefined when there is nothing else. */
export function withoutXdp(
  requests: readonly (InterfaceRequest & IoChoice)[],
): readonly (InterfaceRequest & IoChoice)[] | undefined {
  if (!requests.some(({ io }) => io === 'xdp')) return undefined;
  return requests.map((request) => (request.io === 'xdp' ? { ...request, io: 'packet', reason: 'xdp failed to open' } : request));
}
