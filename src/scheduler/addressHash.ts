// hot path

/** Addresses to numbers as the kernel's schedulers do it (specs/ipvs.md section 4). */
import type { DestinationList, ScheduleRequest } from './contract.ts';

/** 2^32 divided by the golden ratio's square, which spreads neighbouring numbers far apart (Knuth, TAOCP 3, section 6.4). */
const GOLDEN_RATIO = 0x61c88647;

/** The upper `bits` bits, 1 to 31, of the product with the golden ratio. */
export function hash32(value: number, bits: number): number {
  return Math.imul(value, GOLDEN_RATIO) >>> (32 - bits);
}

/** The client's address in one word. IPv4 addresses are their own fold, for their upper words are 0. */
export function foldClient(request: ScheduleRequest): number {
  return request.client0 ^ request.client1 ^ request.client2 ^ request.client3;
}

/** The address that the packet was sent to, in one word: the client's when the packet quotes a reply. */
export function foldTarget(request: ScheduleRequest): number {
  if (request.quotesReply) return foldClient(request);
  return request.target0 ^ request.target1 ^ request.target2 ^ request.target3;
}

/** A destination's address in one word. */
export function foldDestination(list: DestinationList, d: number): number {
  return list.addressWord(d, 0) ^ list.addressWord(d, 1) ^ list.addressWord(d, 2) ^ list.addressWord(d, 3);
}
