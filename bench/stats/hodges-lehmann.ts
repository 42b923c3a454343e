// By how much one sample is shifted against the other: the estimate that belongs to the Mann-Whitney test.

import { type Interval, median } from './location.js';
import { uDistribution } from './mann-whitney.js';

/** A shift in the unit of the values, with its interval. */
export interface Shift extends Interval {
  shift: number;
}

/**
 * Hodges and Lehmann's shift of `b` against `a`: the median of all differences b - a, with the narrowest interval of ordered differences that covers
 * it with at least `confidence` (0.95). Too few values for that give the range of differences; the interval's own `confidence` says what it is worth.
 * Throws a `RangeError` for an empty sample.
 *
 * @internal until a comparison of two results files uses it
 */
export function hodgesLehmann(a: readonly number[], b: readonly number[], confidence = 0.95): Shift {
  const differences = a.flatMap((x) => b.map((y) => y - x)).sort((x, y) => x - y);
  if (differences.length === 0) throw new RangeError(`Cannot estimate a shift: current ${a.length} and ${b.length} values, expected at least 1 in each`);
  const probabilities = uDistribution(a.length, b.length);
  const pairs = differences.length;
  // [d(k), d(pairs+1-k)] misses the shift with probability 2 P(U < k).
  let below = probabilities[0];
  let k = 1;
  while (k + 1 <= pairs / 2 && 1 - 2 * (below + probabilities[k]) >= confidence) {
    below += probabilities[k];
    k++;
  }
  return { shift: median(differences), low: differences[k - 1], high: differences[pairs - k], confidence: Math.max(0, 1 - 2 * below) };
}
