import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuestRandom } from './random.js';

describe('GuestRandom', () => {
  it("draws the selftests' numbers from seed 1", () => {
    const random = new GuestRandom(1);
    assert.deepEqual([random.next(), random.next(), random.next()], [48271, 182605794, 1291394886]);
  });

  it('skips as it would draw', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2147483646 }), fc.integer({ min: 0, max: 300 }), (seed, draws) => {
        const drawn = new GuestRandom(seed);
        for (let i = 0; i < draws; i++) drawn.next();
        const skipped = new GuestRandom(seed);
        skipped.skip(draws);
        assert.equal(skipped.state, drawn.state);
      }),
    );
  });

  it('never leaves 1 to 2^31 - 2', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2147483646 }), (seed) => {
        const x = new GuestRandom(seed).next();
        assert.ok(x >= 1 && x <= 2147483646);
        assert.equal(BigInt(x), (BigInt(seed) * 48271n) % 2147483647n);
      }),
    );
  });
});
