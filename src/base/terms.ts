/**
 * The closed sets of both planes, under the field's own names. Numbers are what tables store; names are what people write.
 */

/** "No such thing" in every table of small integers. */
export const NONE = -1;

/** Frames that a port hands over, or takes, in one call at most. */
export const BURST_FRAMES = 64;

/** Address family, by the version number in the IP header. */
export const Family = { v4: 4, v6: 6 } as const;
export type Family = (typeof Family)[keyof typeof Family];

/** IP protocol numbers that the director knows (IANA, Assigned Internet Protocol Numbers). */
export const Protocol = {
  icmp: 1,
  ipip: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  sctp: 132,
} as const;
export type Protocol = (typeof Protocol)[keyof typeof Protocol];

/** The layer-4 protocols of virtual services. */
export type ServiceProtocol = 'tcp' | 'udp' | 'sctp';

/** How a frame reaches the real server; numbers as in specs/ipvs.md section 1.2 (fullnat as in section 11.1). */
export const ForwardingMethod = { masq: 0, local: 1, tunnel: 2, route: 3, fullnat: 5 } as const;
export type ForwardingMethod = (typeof ForwardingMethod)[keyof typeof ForwardingMethod];
export type ForwardingMethodName = keyof typeof ForwardingMethod;

/** What becomes of a frame: it leaves by a port, it ends here (counted), or the host gets it. */
export const Verdict = { transmit: 0, drop: 1, punt: 2 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** What is known of the transport checksum of a frame. */
export const ChecksumState = {
  /** As on the wire. */
  complete: 0,
  /** The port cannot tell: the field may hold only the pseudo-header sum (AF_XDP on veth, virtio). */
  unknown: 1,
  /** The field holds the uncomplemented pseudo-header sum; `checksumStart` and `checksumOffset` of the burst are set. */
  partial: 2,
} as const;
export type ChecksumState = (typeof ChecksumState)[keyof typeof ChecksumState];

/** Makes the compiler prove that a switch over a closed set has every case. */
export function assertNever(value: never): never {
  throw new Error(`not in the closed set: ${String(value)}`);
}
