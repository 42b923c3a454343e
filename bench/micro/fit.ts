// How time grows with n, and where one structure becomes slower than another.

/** One measured point: `ns` is the time of one operation at `n` memslots. */
export interface GrowthPoint {
  n: number;
  ns: number;
}

/** Below this, the cost of a call hides how a structure grows. */
export const FIT_FROM = 100;

/** Slope of log(ns) against log(n) by least squares over the points with n >= 100: 1 is linear, 0 constant. NaN for fewer than two sizes. */
export function growthExponent(points: readonly GrowthPoint[]): number {
  const used = points.filter(({ n, ns }) => n >= FIT_FROM && ns > 0);
  if (new Set(used.map(({ n }) => n)).size < 2) return Number.NaN;
  const xs = used.map(({ n }) => Math.log(n));
  const ys = used.map(({ ns }) => Math.log(ns));
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const covariance = mean(xs.map((x, i) => (x - meanX) * (ys[i] - meanY)));
  return covariance / mean(xs.map((x) => (x - meanX) ** 2));
}

/** The exponent that time proportional to log(n) would show over the same sizes. */
export function logarithmExponent(sizes: readonly number[]): number {
  return growthExponent(sizes.map((n) => ({ n, ns: Math.log2(n) })));
}

/**
 * The n from which `slow` takes longer than `fast`, by straight lines between the points on logarithmic axes, over the sizes that both have. The first
 * size when it is slower from there on; `undefined` when it is not slower at the last.
 */
export function crossingPoint(slow: readonly GrowthPoint[], fast: readonly GrowthPoint[]): number | undefined {
  const gaps = slow
    .flatMap(({ n, ns }) => {
      const other = fast.find((point) => point.n === n);
      return other === undefined ? [] : [{ n, gap: Math.log(ns / other.ns) }];
    })
    .sort((a, b) => a.n - b.n);
  let from = gaps.length;
  while (from > 0 && gaps[from - 1].gap > 0) from--;
  if (from === gaps.length) return undefined;
  if (from === 0) return gaps[0].n;
  const [below, above] = [gaps[from - 1], gaps[from]];
  const share = -below.gap / (above.gap - below.gap);
  return Math.exp(Math.log(below.n) + share * Math.log(above.n / below.n));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
