/**
 * By which engine an interface is attached (specs/packet-io.md section 8). AF_XDP moves most small packets, but it sees neither
 * checksum offload nor super-frames: where the other end of the wire is memory (veth, virtio, a bridge), those are worth more.
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

/** For `auto`: the better engine of this interface; it may still fail to open. */
export function chooseIo(link: LinkFacts): IoChoice {
  if (link.isLoopback) return { io: 'packet', reason: 'the loopback interface has no XDP' };
  if (link.kind !== '') return { io: 'packet', reason: `${link.kind} interfaces pass super-frames and unfinished checksums` };
  if (OFFLOADING_DRIVERS.has(link.driver)) {
    return { io: 'packet', reason: `driver ${link.driver} passes super-frames and unfinished checksums` };
  }
  if (NATIVE_XDP_DRIVERS.has(link.driver)) return { io: 'xdp', reason: `driver ${link.driver} has native XDP` };
  return {
    io: 'packet',
    reason: link.driver === '' ? 'no driver with native XDP' : `driver ${link.driver} is not known for native XDP`,
  };
}

/** One request for each interface, with reasons beside them. */
export function chooseEngines(requested: IoName, links: readonly LinkFacts[]): readonly (InterfaceRequest & IoChoice)[] {
  return links.map((link) => {
    const choice = requested === 'auto' ? chooseIo(link) : { io: requested, reason: `asked for with --io ${requested}` };
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
