import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PagePattern, SequentialPattern, UniformPattern, ZipfPattern, ZipfRanks } from './page-pattern.js';

function draw(pattern: PagePattern, count: number): number[] {
  return Array.from({ length: count }, () => pattern.next());
}

function histogram(pages: readonly number[], pageCount: number): number[] {
  const counts = new Array<number>(pageCount).fill(0);
  for (const page of pages) counts[page]++;
  return counts;
}

/** Pearson's statistic of counts against expected ones. */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, index) => sum + (count - expected[index]) ** 2 / expected[index], 0);
}

/** Mean of the distribution is `degrees`, its standard deviation sqrt(2 degrees): within four of them either way. */
function assertPlausible(statistic: number, degrees: number): void {
  const distance = Math.abs(statistic - degrees) / Math.sqrt(2 * degrees);
  assert.ok(distance < 4, `chi-square ${statistic} for ${degrees} degrees of freedom`);
}

describe('SequentialPattern', () => {
  it('goes through all pages in order, again and again', () => {
    assert.deepEqual(draw(new SequentialPattern(3), 7), [0, 1, 2, 0, 1, 2, 0]);
  });

  it('says how many pages follow in order', () => {
    const pattern = new SequentialPattern(5);
    pattern.next();
    assert.equal(pattern.run(), 4);
    pattern.next();
    assert.equal(pattern.run(), 3);
  });
});

describe('UniformPattern', () => {
  it('draws every page equally often', () => {
    const counts = histogram(draw(new UniformPattern(100, 1), 100_000), 100);
    assertPlausible(chiSquare(counts, new Array<number>(100).fill(1000)), 99);
  });

  it('draws different pages from seeds that follow one another', () => {
    const firsts = Array.from({ length: 64 }, (_, seed) => new UniformPattern(16384, 1 + seed).next());
    assert.ok(new Set(firsts).size > 60);
    assert.ok(Math.max(...firsts) > 14000 && Math.min(...firsts) < 2400);
  });

  it('starts again with the same pages', () => {
    const pattern = new UniformPattern(1000, 3);
    const first = draw(pattern, 50);
    pattern.restart();
    assert.deepEqual(draw(pattern, 50), first);
  });
});

describe('ZipfPattern', () => {
  it("draws ranks by Zipf's law", () => {
    const pages = 64;
    const ranks = new ZipfRanks(pages);
    const rankOf = new Map(Array.from({ length: pages }, (_, rank) => [ranks.pageOf(rank), rank]));
    const drawn = draw(new ZipfPattern(ranks, 1), 200_000).map((page) => rankOf.get(page) as number);
    let harmonic = 0;
    for (let rank = 1; rank <= pages; rank++) harmonic += 1 / rank;
    const expected = Array.from({ length: pages }, (_, rank) => 200_000 / (rank + 1) / harmonic);
    assertPlausible(chiSquare(histogram(drawn, pages), expected), pages - 1);
  });

  it('gives each rank a page of its own, and scatters the hot ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (pages) => {
        const ranks = new ZipfRanks(pages);
        const all = new Set(Array.from({ length: pages }, (_, rank) => ranks.pageOf(rank)));
        assert.equal(all.size, pages);
        assert.ok(Math.min(...all) === 0 && Math.max(...all) === pages - 1);
      }),
    );
    const hot = Array.from({ length: 8 }, (_, rank) => new ZipfRanks(1024).pageOf(rank)).sort((a, b) => a - b);
    for (let i = 1; i < hot.length; i++) assert.ok(hot[i] - hot[i - 1] > 64, `hot pages ${hot.join(' ')}`);
  });

  it('knows the rank of every number that can be drawn', () => {
    const ranks = new ZipfRanks(1000);
    assert.equal(ranks.rankOf(1), 0);
    assert.equal(ranks.rankOf(2147483646), 999);
  });
});
