import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type GuestRun, speedBackwards, timeToShare } from './post-copy-speed.js';

const WINDOW_PS = 1_000_000;

/** A guest that could make 1000 accesses in a window. */
function guest(shares: readonly number[], finishPs = shares.length * WINDOW_PS): GuestRun {
  return { finishPs, counts: shares.map((share) => share * 1000), normalRate: 1000 / WINDOW_PS };
}

describe('timeToShare', () => {
  it('is the start of the first window from which on the speed stays there', () => {
    const runs = [guest([0.1, 0.6, 0.4, 0.6, 0.95, 1, 1])];
    assert.equal(timeToShare(runs, WINDOW_PS, 0.5), 3 * WINDOW_PS);
    assert.equal(timeToShare(runs, WINDOW_PS, 0.9), 4 * WINDOW_PS);
    assert.equal(timeToShare(runs, WINDOW_PS, 0.99), 5 * WINDOW_PS);
  });

  it('is the end when the speed never comes back, and 0 when it was always there', () => {
    const runs = [guest([0.1, 0.2, 0.3])];
    assert.equal(timeToShare(runs, WINDOW_PS, 0.5), 3 * WINDOW_PS);
    assert.equal(timeToShare(runs, WINDOW_PS, 0.1), 0);
  });

  it('expects nothing of a guest that has finished', () => {
    const runs = [guest([0.5, 1, 1, 1]), guest([1], WINDOW_PS)];
    assert.deepEqual(shares(runs), [0.75, 1, 1, 1]);
    const early = { ...guest([0.5, 0.25]), finishPs: 1.25 * WINDOW_PS };
    assert.deepEqual(shares([early]), [0.5, 1]);
  });

  it('merges windows from the end on in which too few accesses would normally be made', () => {
    const slow = { finishPs: 63.1 * WINDOW_PS, counts: new Array<number>(64).fill(10), normalRate: 10 / WINDOW_PS };
    const windows = speedBackwards([slow], WINDOW_PS);
    assert.deepEqual(
      windows.map(({ startPs }) => startPs / WINDOW_PS),
      [43, 23, 3, 0],
    );
    assert.ok(windows.every(({ share }) => share >= 1 && share < 1.05));
  });

  it('is not misled by a last window that is nearly empty', () => {
    const run = { ...guest([0.2, 1, 1, 0]), finishPs: 3.0004 * WINDOW_PS };
    assert.equal(timeToShare([run], WINDOW_PS, 0.99), WINDOW_PS);
  });
});

function shares(runs: readonly GuestRun[]): number[] {
  return speedBackwards(runs, WINDOW_PS)
    .map(({ share }) => share)
    .reverse();
}
