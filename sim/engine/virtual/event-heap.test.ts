import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EventHeap } from './event-heap.js';

describe('EventHeap', () => {
  it('pops in order of time, and of arrival at the same time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 }), (times) => {
        const heap = new EventHeap(times.length);
        for (const [id, time] of times.entries()) heap.push(time, id);
        const expected = times.map((time, id) => ({ time, id })).sort((a, b) => a.time - b.time || a.id - b.id);
        for (const { time, id } of expected) {
          assert.equal(heap.topTime, time);
          assert.equal(heap.pop(), id);
        }
        assert.equal(heap.size, 0);
        assert.equal(heap.topTime, Number.POSITIVE_INFINITY);
      }),
    );
  });

  it('advances an entry behind those that already wait at that time, and refuses an unknown one', () => {
    const heap = new EventHeap(3);
    heap.push(5, 0);
    heap.push(9, 1);
    assert.equal(heap.advance(1, 5), true);
    assert.equal(heap.advance(2, 1), false);
    assert.deepEqual([heap.pop(), heap.pop()], [0, 1]);
  });
});
