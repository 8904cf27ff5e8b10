// hot path

/** How a connection is special; numbers as in specs/ipvs.md section 5.1. */
export const ConnectionFlag = {
  /** Came by synchronisation. */
  synced: 0x20,
  /** Only requests pass here (route, tunnel): another column of the state tables. */
  noOutput: 0x80,
  /** Not counted as active. */
  inactive: 0x100,
  /** The client port is not known yet (FTP data). */
  noClientPort: 0x800,
  /** Remembers where a persistent client belongs; carries no packets. */
  template: 0x1000,
  /** For one datagram; no lookup finds it. */
  onePacket: 0x2000,
  /** Not of the kernel: the first reply is to be told to the template (UDP), so it takes the long way. */
  awaitsReply: 0x100000,
  /** Not of the kernel: a controller whose timer has fired, for one tick. */
  lastTick: 0x200000,
} as const;

/** State of a template: 1 once one of its connections was answered; else 0. */
export const TEMPLATE_ASSURED = 1;
