// hot path

/** IEEE 802.1Q tags that the kernel or the hardware took out of a frame go back in, so that the engine sees it as it was on the wire. */
import type { Burst } from '../memory/burst.ts';

export const VLAN_TAG_BYTES = 4;

const ADDRESSES_BYTES = 12;

/** Moves the two MAC addresses of frame `i` four bytes to the front, into its headroom, and writes the tag behind them. */
export function insertVlanTag(bytes: Uint8Array, burst: Burst, i: number, type: number, control: number): void {
  const from = burst.at[i]!;
  const at = from - VLAN_TAG_BYTES;
  bytes.copyWithin(at, from, from + ADDRESSES_BYTES);
  bytes[at + 12] = type >> 8;
  bytes[at + 13] = type;
  bytes[at + 14] = control >> 8;
  bytes[at + 15] = control;
  burst.at[i] = at;
  burst.bytes[i] = burst.bytes[i]! + VLAN_TAG_BYTES;
  burst.checksumStart[i] = burst.checksumStart[i]! + VLAN_TAG_BYTES;
}
