import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crossingPoint, growthExponent, logarithmExponent } from './fit.js';

const SIZES = [10, 100, 1000, 10_000, 32_764, 1_000_000];

function close(actual: number, expected: number, tolerance = 1e-9): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
}

test('growthExponent is 1 for a scan, 0 for constant time and 2 for a square', () => {
  for (const power of [0, 0.5, 1, 2]) close(growthExponent(SIZES.map((n) => ({ n, ns: 7 * n ** power }))), power);
});

test('growthExponent leaves out sizes below 100, where calls hide the growth', () => {
  close(growthExponent([{ n: 10, ns: 1e9 }, ...SIZES.slice(1).map((n) => ({ n, ns: 3 * n }))]), 1);
});

test('growthExponent is the least-squares slope when points are off the line', () => {
  const points = [
    { n: 100, ns: 100 },
    { n: 1000, ns: 2000 },
    { n: 10_000, ns: 10_000 },
  ];
  close(growthExponent(points), 1);
});

test('growthExponent has no value for fewer than two sizes', () => {
  assert.ok(Number.isNaN(growthExponent([{ n: 1000, ns: 5 }])));
  assert.ok(
    Number.isNaN(
      growthExponent([
        { n: 10, ns: 5 },
        { n: 1000, ns: 5 },
      ]),
    ),
  );
});

test('logarithmExponent is between constant and linear, and smaller for larger sizes', () => {
  const near = logarithmExponent([100, 1000]);
  const far = logarithmExponent([100_000, 1_000_000]);
  close(near, Math.log10(1.5));
  assert.ok(far > 0 && far < near && near < 1, `${far}, ${near}`);
});

test('crossingPoint finds where a line meets a constant', () => {
  const scan = SIZES.map((n) => ({ n, ns: n / 4 }));
  const tree = SIZES.map((n) => ({ n, ns: 50 }));
  close(crossingPoint(scan, tree)!, 200, 1e-6);
});

test('crossingPoint is the first size when the scan is slower everywhere, and none when it is not slower at the last', () => {
  const fast = [10, 100, 1000].map((n) => ({ n, ns: 5 }));
  assert.equal(
    crossingPoint(
      [10, 100, 1000].map((n) => ({ n, ns: n })),
      fast,
    ),
    10,
  );
  assert.equal(
    crossingPoint(
      [10, 100, 1000].map((n) => ({ n, ns: 4 })),
      fast,
    ),
    undefined,
  );
  assert.equal(crossingPoint([{ n: 50, ns: 9 }], fast), undefined);
});

test('crossingPoint ignores a crossing that is taken back', () => {
  const fast = [10, 100, 1000, 10_000].map((n) => ({ n, ns: 10 }));
  const slow = [20, 5, 10 / Math.E, 10 * Math.E].map((ns, i) => ({ n: 10 ** (i + 1), ns }));
  close(crossingPoint(slow, fast)!, Math.sqrt(1000 * 10_000), 1e-6);
});
