/** The host's links, addresses, routes and neighbours, as the control plane asks for them. Addresses are text. */

export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  /** Has Ethernet headers. */
  readonly isEthernet: boolean;
  /** Has neighbours that must be resolved (ARP, NDP); not so loopback, tunnels and point-to-point interfaces. */
  readonly resolvesNeighbours: boolean;
  readonly mac: string | null;
  readonly mtu: number;
  /** What made it, such as `veth`, `bridge`, `vlan`; empty for hardware. */
  readonly kind: string;
  /** Kernel driver of the hardware, such as `ixgbe`, `virtio_net`; empty when there is none or it cannot be seen. */
  readonly driver: string;
}

export interface AddressFacts {
  readonly ifindex: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** How the host would send a packet to one address. */
export interface RouteFacts {
  readonly ifindex: number;
  /** null when the address is on the link itself. */
  readonly gateway: string | null;
  /** The host's own address that such a packet would carry. */
  readonly source: string;
  /** Bytes of IP packet. */
  readonly mtu: number;
  /** The address belongs to the host itself. */
  readonly isLocal: boolean;
}

/** Something changed; ask again. `neighbour` names which one, `all` also stands for notifications that were lost. */
export type NetworkEvent =
  | { readonly kind: 'neighbour'; readonly ifindex: number; readonly address: string }
  | { readonly kind: 'route' }
  | { readonly kind: 'address' }
  | { readonly kind: 'all' };

export interface HostNetwork {
  links(): Promise<readonly LinkFacts[]>;
  addresses(): Promise<readonly AddressFacts[]>;
  /** @returns null when there is no route, or one that refuses */
  routeTo(address: string): Promise<RouteFacts | null>;
  /** @returns null when the kernel has no usable MAC address for it; all zero on an interface that resolves no neighbours */
  neighbour(address: string, ifindex: number): Promise<string | null>;
  /** Makes the kernel resolve, or confirm, a neighbour; the outcome comes as an event. */
  probeNeighbour(address: string, ifindex: number): Promise<void>;
  /** @returns a function that ends the watch */
  watch(listener: (event: NetworkEvent) => void): () => void;
  close(): void;
}
