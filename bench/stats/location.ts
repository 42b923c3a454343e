// Where the values of a sample lie: median, geometric mean, and an interval for the median that assumes no distribution.

/** The middle value, or the mean of the two middle ones. Throws a `RangeError` for no values. */
export function median(values: readonly number[]): number {
  const sorted = sortedCopy(values, 'median');
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** exp of the mean of logarithms. Throws a `RangeError` for no values or a value that is not above zero. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('Cannot take a geometric mean: current 0 values, expected at least 1');
  let sum = 0;
  for (const value of values) {
    if (!(value > 0)) throw new RangeError(`Cannot take a geometric mean: current value ${value}, expected values above zero`);
    sum += Math.log(value);
  }
  return Math.exp(sum / values.length);
}

/** An interval of order statistics, and the confidence that it really has. */
export interface Interval {
  low: number;
  high: number;
  /** Probability, at most 1, that an interval made this way covers what it estimates. */
  confidence: number;
}

/**
 * The narrowest symmetric interval of order statistics that covers the median with at least `confidence` (0.95), from the binomial distribution.
 * Fewer than 6 values cannot give 95 %: then it is their range, and the interval's own `confidence` says what that is worth.
 */
export function medianInterval(values: readonly number[], confidence = 0.95): Interval {
  const sorted = sortedCopy(values, 'median interval');
  const n = sorted.length;
  // The interval [x(k), x(n+1-k)] misses the median with probability 2 P(Binomial(n, 1/2) < k).
  let term = 0.5 ** n;
  let below = term;
  let k = 1;
  while (k + 1 <= n / 2) {
    term = (term * (n - k + 1)) / k;
    if (1 - 2 * (below + term) < confidence) break;
    below += term;
    k++;
  }
  return { low: sorted[k - 1], high: sorted[n - k], confidence: n === 1 ? 0 : 1 - 2 * below };
}

function sortedCopy(values: readonly number[], what: string): number[] {
  if (values.length === 0) throw new RangeError(`Cannot take a ${what}: current 0 values, expected at least 1`);
  return [...values].sort((a, b) => a - b);
}
