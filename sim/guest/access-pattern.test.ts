import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AccessPattern, type PassPlan } from './access-pattern.js';
import { GuestRandom } from './random.js';

function passOf(pattern: AccessPattern): { gfn: number; write: boolean }[] {
  const seen = [];
  for (pattern.restart(); pattern.remaining > 0; pattern.advance(1)) seen.push({ gfn: pattern.gfn, write: pattern.write });
  return seen;
}

const PLAN: PassPlan = { firstGfn: 100, pages: 10, random: false, writePercent: 100, writeEvery: 0 };

describe('AccessPattern', () => {
  it('visits every page once, in order', () => {
    assert.deepEqual(
      passOf(new AccessPattern(1).plan(PLAN)).map(({ gfn }) => gfn),
      [100, 101, 102, 103, 104, 105, 106, 107, 108, 109],
    );
  });

  it('writes one access in N, the first included', () => {
    const writes = passOf(new AccessPattern(1).plan({ ...PLAN, writeEvery: 5 })).map(({ write }) => write);
    assert.deepEqual(writes, [true, false, false, false, false, true, false, false, false, false]);
  });

  it('draws the page first and then the kind of access, and goes on with the numbers from pass to pass', () => {
    const pattern = new AccessPattern(7).plan({ ...PLAN, random: true, writePercent: 30 });
    const random = new GuestRandom(7);
    for (let pass = 0; pass < 2; pass++) {
      for (const { gfn, write } of passOf(pattern)) {
        assert.equal(gfn, 100 + (random.next() % 10));
        assert.equal(write, random.next() % 100 < 30);
      }
    }
  });

  it('leaves the random numbers where draws would have left them after a pass of writes only', () => {
    const pattern = new AccessPattern(3).plan(PLAN);
    passOf(pattern);
    const random = new GuestRandom(3);
    for (let i = 0; i < 10; i++) random.next();
    const [first] = passOf(pattern.plan({ ...PLAN, random: true }));
    assert.equal(first.gfn, 100 + (random.next() % 10));
  });

  it('says how many accesses are alike, and comes back to a mark', () => {
    const pattern = new AccessPattern(1).plan({ ...PLAN, writeEvery: 4 });
    pattern.restart();
    assert.equal(pattern.alike(), 1);
    pattern.advance(1);
    assert.equal(pattern.alike(), 3);
    pattern.mark();
    pattern.advance(3);
    assert.deepEqual([pattern.gfn, pattern.write, pattern.remaining], [104, true, 6]);
    pattern.rewind();
    assert.deepEqual([pattern.gfn, pattern.write, pattern.remaining], [101, false, 9]);
  });
});
