import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alignWindows, countAccesses, WINDOW_WORDS, WINDOWS } from './access-windows.js';

const WINDOW_PS = 2 ** 20;

describe('countAccesses', () => {
  it('counts every access in the window of its time', () => {
    const words = new Int32Array(WINDOW_WORDS);
    countAccesses(words, 0, { sincePs: 0, accesses: 2 });
    countAccesses(words, 0, { sincePs: WINDOW_PS - 1, accesses: 1 });
    countAccesses(words, 0, { sincePs: WINDOW_PS, accesses: 5 });
    const { windowPs, counts } = alignWindows(words, [0]);
    assert.equal(windowPs, WINDOW_PS);
    assert.deepEqual([...counts[0].slice(0, 3)], [3, 5, 0]);
  });

  it('doubles its windows as time goes on, and loses no access', () => {
    const words = new Int32Array(WINDOW_WORDS);
    for (let step = 0; step < 10_000; step++) countAccesses(words, 0, { sincePs: step * WINDOW_PS, accesses: 1 });
    const { windowPs, counts } = alignWindows(words, [0]);
    assert.equal(windowPs, 64 * WINDOW_PS);
    assert.equal(
      counts[0].reduce((sum, count) => sum + count, 0),
      10_000,
    );
    assert.ok(counts[0].slice(0, 156).every((count) => count === 64));
  });

  it('follows a jump over hours', () => {
    const words = new Int32Array(WINDOW_WORDS);
    countAccesses(words, 0, { sincePs: 0, accesses: 1 });
    countAccesses(words, 0, { sincePs: 3 * 3600 * 1e12, accesses: 1 });
    const { counts } = alignWindows(words, [0]);
    assert.equal(counts[0][0], 1);
    assert.equal(counts[0].findIndex((count, window) => window > 0 && count === 1) >= WINDOWS / 2, true);
  });

  it('brings several vCPUs to windows of one length', () => {
    const words = new Int32Array(2 * WINDOW_WORDS);
    countAccesses(words, 0, { sincePs: 3 * WINDOW_PS, accesses: 4 });
    countAccesses(words, WINDOW_WORDS, { sincePs: WINDOWS * WINDOW_PS, accesses: 1 });
    const { windowPs, counts } = alignWindows(words, [0, WINDOW_WORDS]);
    assert.equal(windowPs, 2 * WINDOW_PS);
    assert.deepEqual([counts[0][1], counts[1][WINDOWS / 2]], [4, 1]);
  });
});
