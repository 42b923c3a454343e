// A log-linear histogram of durations: 8 buckets per power of two, from 1.024 ns to about 4.5 hours, mergeable by adding.
// Integer arithmetic only, so that the bucket of a duration is the same on every host.

const SUB_BUCKET_BITS = 3;
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS;
const POWERS = 44;
/** The unit is 1024 ps: a shift instead of a division on the hot path. */
const UNIT_BITS = 10;
const UNIT_PS = 1 << UNIT_BITS;
/** Durations from here on are scaled down once more before they fit an int32. */
const INT32_LIMIT = 0x80000000;
const FAR_BITS = 22;

/** Buckets of one histogram: one for less than a unit, then 8 for each power of two. */
export const HISTOGRAM_BUCKETS = 1 + POWERS * SUB_BUCKETS;

/** What is kept of a histogram. Times are nanoseconds, upper edges of buckets (12.5 % wide), at most the maximum. */
export interface HistogramSummary {
  count: number;
  p50Ns: number;
  p99Ns: number;
  p999Ns: number;
}

/** The bucket of a duration in picoseconds. */
export function bucketOf(ps: number): number {
  return ps < INT32_LIMIT ? bucketOfUnits((ps | 0) >> UNIT_BITS) : farBucketOf(ps);
}

function farBucketOf(ps: number): number {
  const units = Math.floor(ps / UNIT_PS);
  if (units < INT32_LIMIT) return bucketOfUnits(units | 0);
  const scaled = Math.floor(units / (1 << FAR_BITS));
  return Math.min(bucketOfUnits(scaled | 0) + FAR_BITS * SUB_BUCKETS, HISTOGRAM_BUCKETS - 1);
}

function bucketOfUnits(units: number): number {
  if (units === 0) return 0;
  const power = 31 - Math.clz32(units);
  const aligned = power >= SUB_BUCKET_BITS ? units >> (power - SUB_BUCKET_BITS) : units << (SUB_BUCKET_BITS - power);
  return 1 + (power << SUB_BUCKET_BITS) + (aligned & (SUB_BUCKETS - 1));
}

/** Upper edge of a bucket in nanoseconds. */
export function upperEdgeNs(bucket: number): number {
  if (bucket === 0) return 1;
  const power = (bucket - 1) >> SUB_BUCKET_BITS;
  const sub = (bucket - 1) & (SUB_BUCKETS - 1);
  return Math.ceil((2 ** power * (1 + (sub + 1) / SUB_BUCKETS) * UNIT_PS) / 1000);
}

/** Quantile `q` in (0, 1]: the upper edge of the bucket that holds it; 0 for an empty histogram. */
export function quantileNs(counts: Float64Array, q: number): number {
  let total = 0;
  for (const count of counts) total += count;
  if (total === 0) return 0;
  const rank = Math.ceil(total * q);
  let seen = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    seen += counts[bucket];
    if (seen >= rank) return upperEdgeNs(bucket);
  }
  return upperEdgeNs(counts.length - 1);
}

/** A summary; no quantile is above `maxNs`, which is known exactly. */
export function summarize(counts: Float64Array, maxNs: number): HistogramSummary {
  let count = 0;
  for (const n of counts) count += n;
  const quantile = (q: number): number => Math.min(quantileNs(counts, q), maxNs);
  return { count, p50Ns: quantile(0.5), p99Ns: quantile(0.99), p999Ns: quantile(0.999) };
}
