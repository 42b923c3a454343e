import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { geometricMean, hodgesLehmann, mannWhitneyExact, median, medianInterval } from './index.js';

const sample = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 8 });

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-12, `current ${actual}, expected ${expected}`);
}

test('median is the middle value, or the mean of the two middle ones', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9, 2]), 9);
  assert.throws(() => median([]), RangeError);
});

test('geometricMean is the exponential of the mean logarithm', () => {
  near(geometricMean([1, 4]), 2);
  near(geometricMean([2, 0.5]), 1);
  assert.throws(() => geometricMean([1, 0]), /current value 0, expected values above zero/);
  assert.throws(() => geometricMean([]), RangeError);
});

// Binomial(n, 1/2): n = 6 covers with 1 - 2/64, n = 10 leaves out one at each end with 1 - 2 * 11/1024, n = 5 reaches only 1 - 2/32.
test('medianInterval is the narrowest pair of order statistics that covers with 95 %', () => {
  assert.deepEqual(medianInterval([1, 2, 3, 4, 5, 6]), { low: 1, high: 6, confidence: 1 - 2 / 64 });
  assert.deepEqual(medianInterval([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), { low: 2, high: 9, confidence: 1 - 22 / 1024 });
  assert.deepEqual(medianInterval([1, 2, 3, 4, 5]), { low: 1, high: 5, confidence: 1 - 2 / 32 });
  assert.deepEqual(medianInterval([7]), { low: 7, high: 7, confidence: 0 });
});

test('medianInterval holds the median and is made of values', () => {
  fc.assert(
    fc.property(sample, (values) => {
      const { low, high } = medianInterval(values);
      return low <= median(values) && median(values) <= high && values.includes(low) && values.includes(high);
    }),
  );
});

// Of the C(6,3) = 20 splits of 1..6 into threes, one has rank sum 6, one 15; of C(7,3) = 35 splits, U of (1, 2, 4) is 1: 2 are as far down, 2 up.
test('mannWhitneyExact counts splits', () => {
  near(mannWhitneyExact([1, 2, 3], [4, 5, 6]), 2 / 20);
  near(mannWhitneyExact([1, 2, 4], [3, 5, 6, 7]), 4 / 35);
  near(mannWhitneyExact([1, 3, 5], [2, 4, 6]), 14 / 20);
  near(mannWhitneyExact([1], [2]), 1);
});

test('mannWhitneyExact gives ties their mid-ranks', () => {
  near(mannWhitneyExact([5, 5, 5], [5, 5, 5]), 1);
  // Ranks 1, 2.5, 2.5, 4: of the six pairs only {1, 2.5} (twice) and {4, 2.5} (twice) are as far from the mean 5 as 3.5.
  near(mannWhitneyExact([1, 2], [2, 3]), 4 / 6);
});

test('7 against 7 values can tell 72 cells under Holm, 6 against 6 cannot', () => {
  const low = [1, 2, 3, 4, 5, 6, 7];
  const high = [11, 12, 13, 14, 15, 16, 17];
  near(mannWhitneyExact(low, high), 2 / 3432);
  assert.ok(mannWhitneyExact(low, high) < 0.05 / 72);
  assert.ok(mannWhitneyExact(low.slice(1), high.slice(1)) > 0.05 / 72);
});

test('mannWhitneyExact agrees with counting every split by hand', () => {
  const small = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(small, small, (a, b) => Math.abs(mannWhitneyExact(a, b) - countedP(a, b)) < 1e-9));
});

/** The definition: over all ways to choose which pooled values are the first sample, how many have a U as far from its mean. */
function countedP(a: readonly number[], b: readonly number[]): number {
  const pooled = [...a, ...b];
  const mean = (a.length * b.length) / 2;
  const distance = Math.abs(uOf(a, b) - mean);
  let extreme = 0;
  let all = 0;
  for (let mask = 0; mask < 2 ** pooled.length; mask++) {
    const chosen = pooled.filter((_, index) => (mask >> index) & 1);
    if (chosen.length !== a.length) continue;
    all++;
    const rest = pooled.filter((_, index) => !((mask >> index) & 1));
    if (Math.abs(uOf(chosen, rest) - mean) >= distance) extreme++;
  }
  return extreme / all;
}

function uOf(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x) => sum + b.reduce((inner, y) => inner + (x > y ? 1 : x === y ? 0.5 : 0), 0), 0);
}

test('mannWhitneyExact is the same either way round, and between 0 and 1', () => {
  fc.assert(
    fc.property(sample, sample, (a, b) => {
      const p = mannWhitneyExact(a, b);
      return p > 0 && p <= 1 && Math.abs(p - mannWhitneyExact(b, a)) < 1e-12;
    }),
  );
});

test('mannWhitneyExact takes 50 values in each sample, and refuses what it cannot count', () => {
  const values = Array.from({ length: 50 }, (_, index) => index);
  near(mannWhitneyExact(values, values), 1);
  assert.throws(() => mannWhitneyExact([...values, 50], values), /current 101 values, expected at most 100/);
  assert.throws(() => mannWhitneyExact([], [1]), RangeError);
  assert.throws(() => mannWhitneyExact([Number.NaN], [1]), RangeError);
});

// Differences of (1, 2, 3) and (11, 12, 13): 8, 9, 9, 10, 10, 10, 11, 11, 12. P(U = 0) = 1/20, so the range covers with 90 %.
test('hodgesLehmann is the median difference, with an interval of differences', () => {
  assert.deepEqual(hodgesLehmann([1, 2, 3], [11, 12, 13]), { shift: 10, low: 8, high: 12, confidence: 0.9 });
});

test('hodgesLehmann finds a shift that was put there', () => {
  fc.assert(
    fc.property(sample, fc.integer({ min: -1000, max: 1000 }), (values, shift) => {
      const found = hodgesLehmann(
        values,
        values.map((value) => value + shift),
      );
      return found.shift === shift && found.low <= shift && shift <= found.high;
    }),
  );
});
