import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bucketOf, HISTOGRAM_BUCKETS, quantileNs, summarize, upperEdgeNs } from './histogram.js';

describe('the log-linear histogram', () => {
  it('puts a duration into a bucket whose edges hold it, at most 12.5 % apart', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2048, max: 2 ** 52 }), (ps) => {
        const bucket = bucketOf(ps);
        assert.ok(bucket > 0 && bucket < HISTOGRAM_BUCKETS);
        const upper = upperEdgeNs(bucket);
        assert.ok(ps / 1000 <= upper, `${ps} ps beyond ${upper} ns`);
        assert.ok(upper <= (ps / 1000) * 1.126 + 3, `${upper} ns is far above ${ps} ps`);
      }),
    );
  });

  it('is monotonic', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), fc.integer({ min: 0, max: 2 ** 50 }), (a, b) => {
        if (a <= b) assert.ok(bucketOf(a) <= bucketOf(b));
      }),
    );
  });

  it('answers quantiles by upper edges, and 0 when empty', () => {
    const counts = new Float64Array(HISTOGRAM_BUCKETS);
    assert.equal(quantileNs(counts, 0.5), 0);
    for (let i = 0; i < 99; i++) counts[bucketOf(1_000_000)]++;
    counts[bucketOf(1_000_000_000)]++;
    const { count, p50Ns, p99Ns, p999Ns } = summarize(counts, 1_050_000);
    assert.equal(count, 100);
    assert.ok(p50Ns >= 1000 && p50Ns <= 1130);
    assert.equal(p99Ns, p50Ns);
    assert.ok(p999Ns >= 1_000_000 && p999Ns <= 1_050_000, 'never above the maximum');
  });
});
