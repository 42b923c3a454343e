// In which order a guest touches the pages of its region: what a migration's customer may run, between a scan and a cache with a few hot keys.
//
// Draws are the guest's own (Park-Miller); Zipf's law with exponent 1 needs only harmonic sums and a binary search, so that every host draws the same.

import { GuestRandom } from './random.js';

/** Draws that are thrown away: the first ones from seeds that follow one another lie close together. */
const WARM_UP_DRAWS = 4;
const RANDOM_RANGE = 2147483647;
/** The golden ratio: its multiples spread ranks most evenly. */
const SPREAD = 0.6180339887498949;

/** Pages of a region, one after another, without end. */
export interface PagePattern {
  /** The next page, in [0, pages). */
  next(): number;
  /** Pages that come after the one drawn last and follow it in the region, as far as that is known beforehand. */
  run(): number;
  /** From the beginning again: the same pages in the same order. */
  restart(): void;
}

/** All pages in order, again and again. */
export class SequentialPattern implements PagePattern {
  readonly #pages: number;
  #index = -1;

  constructor(pages: number) {
    this.#pages = pages;
  }

  next(): number {
    this.#index = this.#index + 1 === this.#pages ? 0 : this.#index + 1;
    return this.#index;
  }

  run(): number {
    return this.#pages - 1 - this.#index;
  }

  restart(): void {
    this.#index = -1;
  }
}

/** Pages drawn one by one: `pageOf` turns a number in [1, 2^31 - 2] into a page. */
abstract class RandomPattern implements PagePattern {
  readonly #random: GuestRandom;
  readonly #first: number;

  constructor(seed: number) {
    this.#random = new GuestRandom(seed);
    for (let draw = 0; draw < WARM_UP_DRAWS; draw++) this.#random.next();
    this.#first = this.#random.state;
  }

  protected abstract pageOf(drawn: number): number;

  next(): number {
    return this.pageOf(this.#random.next());
  }

  run(): number {
    return 0;
  }

  restart(): void {
    this.#random.state = this.#first;
  }
}

/** Every page equally often. */
export class UniformPattern extends RandomPattern {
  readonly #pages: number;

  constructor(pages: number, seed: number) {
    super(seed);
    this.#pages = pages;
  }

  protected pageOf(drawn: number): number {
    return drawn % this.#pages;
  }
}

/** The page of rank k is touched k times less often than the first. */
export class ZipfPattern extends RandomPattern {
  readonly #ranks: ZipfRanks;

  constructor(ranks: ZipfRanks, seed: number) {
    super(seed);
    this.#ranks = ranks;
  }

  protected pageOf(drawn: number): number {
    return this.#ranks.pageOf(this.#ranks.rankOf(drawn));
  }
}

/** What Zipf patterns over regions of one size share: how often each rank comes, and which page has it. */
export class ZipfRanks {
  /** Of the 2^31 - 1 numbers that may be drawn, those below `#limits[k]` have a rank of at most k. */
  readonly #limits: Float64Array;
  readonly #stride: number;

  constructor(pages: number) {
    this.#limits = new Float64Array(pages);
    let sum = 0;
    for (let rank = 0; rank < pages; rank++) this.#limits[rank] = sum += 1 / (rank + 1);
    for (let rank = 0; rank < pages; rank++) this.#limits[rank] = Math.ceil((this.#limits[rank] / sum) * RANDOM_RANGE);
    this.#stride = coprimeNear(Math.floor(pages * SPREAD), pages);
  }

  /** Rank, from 0, of a number that a `GuestRandom` drew. */
  rankOf(drawn: number): number {
    let low = 0;
    let high = this.#limits.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (drawn < this.#limits[middle]) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Hot pages lie scattered over the region: multiplication by a number without a common divisor is a permutation. */
  pageOf(rank: number): number {
    return (rank * this.#stride) % this.#limits.length;
  }
}

/** The smallest number from `start` on (at least 1) that has no divisor in common with `pages`. */
function coprimeNear(start: number, pages: number): number {
  let candidate = Math.max(1, start);
  while (greatestCommonDivisor(candidate, pages) !== 1) candidate++;
  return candidate;
}

function greatestCommonDivisor(a: number, b: number): number {
  let [larger, smaller] = [a, b];
  while (smaller !== 0) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}
