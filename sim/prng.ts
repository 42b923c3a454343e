// A small seeded generator for the engines (start skew, random schedulers). Integer arithmetic only: the same on every host.

/** splitmix32: one 32-bit state, full period, good enough for jitter. */
export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A uniform integer in [0, 2^32). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** A uniform integer in [0, bound); 0 when `bound` is 0. `bound` is at most 2^32. */
  below(bound: number): number {
    return bound <= 0 ? 0 : Math.floor((this.next() * bound) / 0x100000000);
  }
}
