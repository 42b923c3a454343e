import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedSum, makeWorkload, memslotAt, queryLast } from './workload.js';

for (const n of [10, 11, 250]) {
  test(`the answers of the workload are those of a scan over all ${n} memslots`, () => {
    const { present, exact, floor, overlap } = makeWorkload(n);
    const places = [...present];
    const ids = (wanted: (place: number) => boolean): number[] => places.filter(wanted).map(memslotAt.id);
    for (let i = 0; i < 3000; i++) {
      const first = overlap.at[i];
      const hits = ids((place) => memslotAt.hvaPage(place) <= queryLast(first) && memslotAt.hvaLast(place) >= first);
      assert.equal(expectedSum(exact, i, 1), ids((place) => memslotAt.baseGfn(place) === exact.at[i])[0] ?? 0);
      assert.equal(expectedSum(floor, i, 1), Math.max(0, ...ids((place) => memslotAt.baseGfn(place) <= floor.at[i])));
      assert.equal(
        expectedSum(overlap, i, 1),
        hits.reduce((sum, id) => sum + id, 0),
      );
    }
  });
}

test('the workload is the same each time, keeps spares apart, and has hits, misses and overlaps', () => {
  const workload = makeWorkload(1000);
  assert.deepEqual(makeWorkload(1000), workload);
  const { n, places, present, spares, batch, copies, exact } = workload;
  assert.equal(new Set([...present, ...spares]).size, places);
  assert.equal(present.length, n);
  assert.ok(batch <= n / 8 && batch <= spares.length && batch * copies >= 256);
  const hits = [...exact.at.keys()].filter((i) => expectedSum(exact, i, 1) !== 0).length / exact.at.length;
  assert.ok(hits > 0.6 && hits < 0.9, `${hits} of exact lookups hit`);
  const overlapping = [...present].filter((place) => memslotAt.hvaLast(place) >= memslotAt.hvaPage(place + 1)).length;
  assert.ok(overlapping > n / 4 && overlapping < n, `${overlapping} of ${n} memslots reach into the next`);
});
