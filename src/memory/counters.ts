// hot path

/**
 * Named counters in shared memory: one writer, any reader. Doubles count exactly up to 2^53. Names are for people and for start-up;
 * the hot path holds the small integers that `index` gives:
 *
 *     const counters = new Counters(['malformedIpv4', 'noDestination']);
 *     const noDestination = counters.index('noDestination');      // once
 *     counters.add(noDestination);                                 // per packet
 */
import { assert } from '../base/assert.ts';
import { sharedBuffer } from './shared.ts';

export class Counters<Name extends string> {
  /** In the order of their indices. */
  readonly names: readonly Name[];
  /** One per name; may be read from another thread. */
  readonly buffer: SharedArrayBuffer | ArrayBuffer;
  /** By index; the hot path may add to it directly. */
  readonly values: Float64Array;

  /** @param names each once; pass an array literal, so that the compiler knows them */
  constructor(names: readonly Name[]) {
    assert(new Set(names).size === names.length, 'counter names are unique');
    this.names = names;
    this.buffer = sharedBuffer(names.length * Float64Array.BYTES_PER_ELEMENT);
    this.values = new Float64Array(this.buffer);
  }

  /** The integer that stands for `name` in `add`. Not for the hot path. */
  index(name: Name): number {
    const i = this.names.indexOf(name);
    assert(i >= 0, 'a counter is declared before it is used');
    return i;
  }

  /** @param index from `index` */
  add(index: number, n = 1): void {
    this.values[index]! += n;
  }

  get(name: Name): number {
    return this.values[this.index(name)]!;
  }

  /** Those that have counted something, by name. */
  nonZero(): Record<string, number> {
    const counted: Record<string, number> = {};
    for (const [i, name] of this.names.entries()) if (this.values[i] !== 0) counted[name] = this.values[i]!;
    return counted;
  }
}
