// The guest's random numbers: the Park-Miller generator of the selftests, x -> 48271 x mod (2^31 - 1).

const MULTIPLIER = 48271;
const MODULUS = 2147483647;

export class GuestRandom {
  state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  /** The next state, which is also the number drawn: in [1, 2^31 - 2]. */
  next(): number {
    // The product has at most 47 bits; 2^31 = 1 modulo the modulus, so the high part is added to the low one.
    const product = this.state * MULTIPLIER;
    const high = Math.floor(product / 2147483648);
    let x = product - high * 2147483648 + high;
    if (x >= MODULUS) x -= MODULUS;
    this.state = x;
    return x;
  }

  /** True for `percent` in 100 draws. */
  nextBool(percent: number): boolean {
    return this.next() % 100 < percent;
  }

  /** Goes on by `draws` draws at once. */
  skip(draws: number): void {
    let factor = 1n;
    let base = BigInt(MULTIPLIER);
    const modulus = BigInt(MODULUS);
    for (let n = draws; n > 0; n = Math.floor(n / 2)) {
      if (n % 2 === 1) factor = (factor * base) % modulus;
      base = (base * base) % modulus;
    }
    this.state = Number((BigInt(this.state) * factor) % modulus);
  }
}
