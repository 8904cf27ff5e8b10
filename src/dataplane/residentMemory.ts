/**
 * Memory whose pages are there before the first frame. A page that the kernel must find and clear while a frame waits costs a
 * microsecond, a huge page some hundred, and in a virtual machine whose host must find it, too, tens of milliseconds: the longest stall
 * that was ever measured in the first seconds of a director.
 */
import { native } from '../io/native.ts';
import type { FrameArena } from '../memory/frameArena.ts';

/** The smallest page that there is. */
const PAGE_BYTES = 4096;

/** As the native helper's `arena`, and every page of it is there. */
export function residentMemory(bytes: number): ArrayBuffer {
  const buffer = native().arena(bytes);
  touch(new Uint8Array(buffer), 0, bytes);
  return buffer;
}

/**
 * What `make` reserves of the arena gets its pages at once.
 * @param make must not let the kernel write there
 */
export function withResidentFrames<Made>(arena: FrameArena, make: () => Made): Made {
  const from = arena.buffer.byteLength - arena.free;
  const made = make();
  touch(arena.bytes, from, arena.buffer.byteLength - arena.free);
  return made;
}

/** Writes what is there already. */
function touch(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += PAGE_BYTES) bytes[at] = bytes[at]!;
}
