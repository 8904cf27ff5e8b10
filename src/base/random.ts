/** Randomness is an argument, as time is: one seed replays a whole cluster. */
export interface Random {
  /** Uniform over the integers 0 to 2^32 - 1, as an unsigned number. */
  next(): number;
  /** Uniform over 0 to limit - 1; `limit` from 1 to 2^32. */
  below(limit: number): number;
}

/** SplitMix32: 32 bits of state, good enough to choose and to seed, not to keep secrets. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }
}
