// One clock for all threads of a run.
//
// `performance.now` is the cheapest clock, but counts from the start of its own thread. Both it and `process.hrtime` read the
// monotonic clock of the host, so the distance between them is one constant per thread, found when the thread attaches.

import { performance } from 'node:perf_hooks';

const ATTEMPTS = 20;

export class RunClock {
  readonly #offsetMs: number;

  /** `originNs` is `process.hrtime.bigint()` at the start of the run, the same for every thread. */
  constructor(originNs: bigint) {
    this.#offsetMs = offsetFrom(originNs);
  }

  /** Picoseconds since the origin, an integer; exact for about 2.5 hours. */
  now(): number {
    return Math.round((performance.now() + this.#offsetMs) * 1e9);
  }
}

/** Milliseconds to add to `performance.now`. The tightest of several brackets errs by well under a microsecond. */
function offsetFrom(originNs: bigint): number {
  let tightest = Infinity;
  let offset = 0;
  for (let i = 0; i < ATTEMPTS; i++) {
    const before = performance.now();
    const sinceOriginMs = Number(process.hrtime.bigint() - originNs) / 1e6;
    const after = performance.now();
    if (after - before >= tightest) continue;
    tightest = after - before;
    offset = sinceOriginMs - (before + after) / 2;
  }
  return offset;
}
