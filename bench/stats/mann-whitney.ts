// The exact Mann-Whitney test: is one sample shifted against the other? Every split of the pooled ranks is counted, ties by their mid-ranks,
// so nothing is assumed about the distribution and small samples are as honest as large ones.

/** Values in both samples together: counting is O(n^2) space and O(n^3) time, and doubles count splits exactly enough up to here. */
const MAX_POOLED = 100;

/**
 * The two-sided exact p of Mann-Whitney's U, in (0, 1]: the share of all splits of the pooled values whose U is at least as far from its mean.
 * Ties get mid-ranks. Throws a `RangeError` for an empty sample, a value that is not finite, or more than 100 values in both.
 */
export function mannWhitneyExact(a: readonly number[], b: readonly number[]): number {
  checkSamples(a, b);
  const ranks = doubledMidRanks([...a, ...b]);
  let observed = 0;
  for (let i = 0; i < a.length; i++) observed += ranks[i];
  const ways = countSplits(ranks, a.length);
  const mean = a.length * (a.length + b.length + 1);
  const distance = Math.abs(observed - mean);
  let extreme = 0;
  let all = 0;
  for (let sum = 0; sum < ways.length; sum++) {
    all += ways[sum];
    if (Math.abs(sum - mean) >= distance) extreme += ways[sum];
  }
  return Math.min(1, extreme / all);
}

/**
 * The probabilities that U, without ties, is 0, 1, 2, ... for samples of `n` and `m` values. For intervals around a shift.
 */
export function uDistribution(n: number, m: number): Float64Array {
  const ranks = Array.from({ length: n + m }, (_, index) => index + 1);
  const ways = countSplits(ranks, n);
  const least = (n * (n + 1)) / 2;
  const probabilities = ways.slice(least, least + n * m + 1);
  const all = probabilities.reduce((sum, way) => sum + way, 0);
  return probabilities.map((way) => way / all);
}

function checkSamples(a: readonly number[], b: readonly number[]): void {
  if (a.length === 0 || b.length === 0) {
    throw new RangeError(`Cannot compare samples: current ${a.length} and ${b.length} values, expected at least 1 in each`);
  }
  if (a.length + b.length > MAX_POOLED) {
    throw new RangeError(`Cannot compare samples exactly: current ${a.length + b.length} values, expected at most ${MAX_POOLED} in both`);
  }
  const strange = [...a, ...b].find((value) => !Number.isFinite(value));
  if (strange !== undefined) throw new RangeError(`Cannot compare samples: current value ${strange}, expected finite values`);
}

/** Twice the mid-rank of each value (so that it is an integer), in the order given. */
function doubledMidRanks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((x, y) => values[x] - values[y]);
  const ranks = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = from + 1 + to;
    from = to;
  }
  return ranks;
}

/** For each sum, in how many ways `size` of the `ranks` (integers) have it. */
function countSplits(ranks: readonly number[], size: number): Float64Array {
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const width = total + 1;
  const ways = new Float64Array((size + 1) * width);
  ways[0] = 1;
  let reach = 0;
  for (const [index, rank] of ranks.entries()) {
    reach += rank;
    for (let taken = Math.min(size, index + 1); taken >= 1; taken--) {
      const into = taken * width;
      const from = into - width;
      for (let sum = reach; sum >= rank; sum--) ways[into + sum] += ways[from + sum - rank];
    }
  }
  return ways.slice(size * width);
}
