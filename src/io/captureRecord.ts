/**
 * What the capture formats have in common: a stream of records, each a frame as it was on a link. Every fault of a file is a UvsError
 * that names the byte.
 */
import { UvsError } from '../base/errors.ts';
import type { ByteWindow } from './byteWindow.ts';

/** Link types of capture files (tcpdump.org/linktypes.html) that carry what a director handles. */
export const LinkType = { ethernet: 1, oldRaw: 12, raw: 101, ipv4: 228, ipv6: 229 } as const;

const LINK_TYPES: readonly number[] = Object.values(LinkType);

/** The longest frame that a record may hold; libpcap's MAXIMUM_SNAPLEN. */
export const MAX_CAPTURED_BYTES = 262_144;

/** The record that `next` has moved to. */
export interface CaptureRecord {
  /** One of LinkType; all but ethernet begin with the IP header. */
  linkType: number;
  /** Milliseconds since 1970 with a fraction; exact to half a microsecond. */
  timeMs: number;
  /** Index of the frame in the window's `bytes`; good until the next call of `next`. */
  at: number;
  /** How much of the frame was captured. */
  bytes: number;
  /** How long it was on the link. */
  originalBytes: number;
}

export interface CaptureReader {
  readonly window: ByteWindow;
  readonly record: CaptureRecord;
  /** Moves to the next record. @returns false at the end of the file; asked again later, it looks whether the file has grown */
  next(): boolean;
}

/** A record before the first `next`. */
export function captureRecord(): CaptureRecord {
  return { linkType: LinkType.ethernet, timeMs: 0, at: 0, bytes: 0, originalBytes: 0 };
}

/** @throws UvsError when frames of this link type have no IP packet at a place that we know; `offset` is where the type stands */
export function checkLinkType(window: ByteWindow, offset: number, linkType: number): void {
  if (LINK_TYPES.includes(linkType)) return;
  const what = `link type ${linkType} is neither Ethernet nor raw IP`;
  throw captureFault(window, offset, what, 'Capture on one Ethernet interface (tcpdump -i eth0), not on "any".');
}

/** What is thrown for a broken file; `offset` is where the thing stands that cannot be. */
export function captureFault(window: ByteWindow, offset: number, what: string, hint: string): UvsError {
  return new UvsError('CAPTURE_INVALID', `byte ${offset}: ${what}`, { place: { file: window.name }, hint });
}

/** Hint for files that end in the middle of something. */
export const TRUNCATED_HINT =
  'The capture was cut off; `editcap` (Debian package wireshark-common) writes the whole records to a new file.';
