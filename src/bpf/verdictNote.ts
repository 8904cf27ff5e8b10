/**
 * The note that flavour `socket` of the selector leaves for flavour `ingress`, which gets the same frame next, on the same processor: so
 * only one of the two reads headers and asks the maps.
 *
 *     tap: socket filter --- take or pass ---> word of this processor --- read and wiped ---> tcx: ingress
 *
 * Whoever reads the note wipes it. When there is none (the frame did not meet the filter: it went to a socket of another worker that has
 * no filter yet), `ingress` decides by itself. Nothing comes between the two on one processor, for both run with soft interrupts held.
 */
import type { Assembler, MapReference, StackField } from './assembler.ts';

export const Noted = { nothing: 0, take: 1, pass: 2 } as const;

/** Where notes are kept: a per-processor array of one word. */
export interface Note {
  readonly map: MapReference;
  readonly key: StackField;
}

/** @param verdicts file descriptor of the array */
export function createNote(a: Assembler, verdicts: number): Note {
  return { map: { name: 'verdicts', fd: verdicts }, key: a.field('note', 4) };
}

/** Goes to `take` or `pass` when that is noted; else on. Loses r0 to r5. */
export function emitReadNote(a: Assembler, note: Note): void {
  const missing = a.unique('noNote');
  findNote(a, note, missing);
  a.load('r1', 4, 'r0', 0);
  a.store(4, 'r0', 0, Noted.nothing);
  a.jumpIf('r1', '==', Noted.take, 'take');
  a.jumpIf('r1', '==', Noted.pass, 'pass');
  a.label(missing);
}

/** Notes it for the program that has the frame next. Does nothing without a note. Loses r0 to r5. */
export function emitWriteNote(a: Assembler, note: Note | undefined, value: number): void {
  if (note === undefined) return;
  const missing = a.unique('noNote');
  findNote(a, note, missing);
  a.store(4, 'r0', 0, value);
  a.label(missing);
}

/** r0 = pointer to the word of this processor; goes to `missing` when there is none: the kernel insists on the question. */
function findNote(a: Assembler, { map, key }: Note, missing: string): void {
  a.storeField(key, 0);
  a.loadMap('r1', map);
  a.pointTo('r2', key);
  a.call('map_lookup_elem');
  a.jumpIf('r0', '==', 0, missing);
}
