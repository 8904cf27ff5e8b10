/** Estimates of what passes per second, as whole numbers: rounded as the kernel shows them (specs/ipvs.md section 7.1). */

/** Of one service, real server or director; connections, packets and bytes per second. */
export interface Rates {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** Parts of one connection or packet per second that an estimate is kept in. */
export const COUNT_SCALE = 2 ** 10;
/** The same of bytes. */
export const BYTE_SCALE = 2 ** 5;

/** Whole numbers; exactly a half is rounded down: `(estimate + 511) >> 10` of connections and packets, `(estimate + 15) >> 5` of bytes. */
export function shownRates(rates: Rates): Rates {
  return {
    connections: shown(rates.connections, COUNT_SCALE),
    inPackets: shown(rates.inPackets, COUNT_SCALE),
    outPackets: shown(rates.outPackets, COUNT_SCALE),
    inBytes: shown(rates.inBytes, BYTE_SCALE),
    outBytes: shown(rates.outBytes, BYTE_SCALE),
  };
}

function shown(rate: number, scale: number): number {
  return Math.floor(rate + (scale / 2 - 1) / scale);
}
