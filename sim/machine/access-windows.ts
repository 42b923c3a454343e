// How fast a guest runs, window by window: accesses counted in a fixed number of windows of equal length, which double when time outgrows them.
// So the length of a run need not be known beforehand, and each window keeps an exact count.

import type { Word } from '../engine/cpu.js';

/** Windows of one vCPU. At the end of a run between half of them and all are in use. */
export const WINDOWS = 256;
/** Length of a window at first: 2^20 ps, about a microsecond. */
const FIRST_WINDOW_PS = 2 ** 20;

/** Words of one vCPU: how often its windows have doubled, and their counts. */
export const WINDOW_WORDS = 1 + WINDOWS;

/** Adds `accesses` at `sincePs` after the start of the run. `row` is the first of WINDOW_WORDS words, which only one thread writes. */
export function countAccesses(words: Int32Array, row: Word, at: { sincePs: number; accesses: number }): void {
  let index = Math.floor(at.sincePs / windowPs(words[row]));
  while (index >= WINDOWS) {
    doubleWindows(words, row);
    index = Math.floor(at.sincePs / windowPs(words[row]));
  }
  words[row + 1 + index] += at.accesses;
}

function doubleWindows(words: Int32Array, row: Word): void {
  words[row]++;
  const first = row + 1;
  for (let window = 0; window < WINDOWS; window++) {
    const pair = 2 * window;
    words[first + window] = pair < WINDOWS ? words[first + pair] + words[first + pair + 1] : 0;
  }
}

function windowPs(doublings: number): number {
  return FIRST_WINDOW_PS * 2 ** doublings;
}

/** Counts of several vCPUs in windows of one length: the longest that any of them has. */
export function alignWindows(words: Int32Array, rows: readonly Word[]): { windowPs: number; counts: Int32Array[] } {
  const doublings = Math.max(...rows.map((row) => words[row]));
  const counts = rows.map((row) => {
    const merged = new Int32Array(WINDOWS);
    const factor = 2 ** (doublings - words[row]);
    for (let window = 0; window < WINDOWS; window++) merged[Math.floor(window / factor)] += words[row + 1 + window];
    return merged;
  });
  return { windowPs: windowPs(doublings), counts };
}
