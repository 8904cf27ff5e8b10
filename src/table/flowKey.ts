// hot path

/**
 * What a lookup asks and what it answers: the addresses and ports of one packet. The engine's parsed flow has this shape (and more), so it is passed
 * as it is. Addresses are four int32 words in host order; for IPv4 only the last of the four is read.
 */
export interface FlowKey {
  /** Family. */
  readonly family: number;
  /** IP protocol number; 0 = any, in templates of firewall-mark services only. */
  readonly protocol: number;
  readonly source0: number;
  readonly source1: number;
  readonly source2: number;
  readonly source3: number;
  readonly sourcePort: number;
  readonly target0: number;
  readonly target1: number;
  readonly target2: number;
  readonly target3: number;
  readonly targetPort: number;
}

/** Which side of a connection a node stands for. */
export const NodeDirection = { request: 0, reply: 1 } as const;

/** The connection of a node that `find` gave. */
export function connectionOf(node: number): number {
  return node >> 1;
}

/** NodeDirection of a node that `find` gave. */
export function directionOf(node: number): number {
  return node & 1;
}
