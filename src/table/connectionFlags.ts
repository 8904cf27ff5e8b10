// hot path

import { ForwardingMethod } from '../base/terms.ts';

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
  /** Not of the kernel: the port that the real server will call from is not known yet (FTP data). */
  noServerPort: 0x20000,
  /** Not of the kernel: a template that has a name beside its key (callIds.ts), by which alone it is found. */
  named: 0x40000,
  /** Not of the kernel: a control connection of FTP, whose packets are read; all of them take the long way. */
  helped: 0x80000,
  /** Not of the kernel: the first reply is to be told to the template (UDP), so it takes the long way. */
  awaitsReply: 0x100000,
  /** Not of the kernel: a controller whose timer has fired, for one tick. */
  lastTick: 0x200000,
  /** Not of the kernel: the real server is still to be told of its client (fullnat), so packets of both directions take the long way. */
  tellsClient: 0x400000,
} as const;

/** State of a template: 1 once one of its connections was answered; else 0. */
export const TEMPLATE_ASSURED = 1;

/** In the low bits of a connection's flags: the forwarding method that it was made with (specs/ipvs.md section 5.1). */
export const METHOD_MASK = 7;

/** A connection with these flags has a local address and port: all by fullnat but templates. */
export function needsLocalPort(flags: number): boolean {
  return (flags & METHOD_MASK) === ForwardingMethod.fullnat && (flags & ConnectionFlag.template) === 0;
}
