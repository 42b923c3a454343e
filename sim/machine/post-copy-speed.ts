// When guests are back at a share of their normal speed. Plain arithmetic over what was counted; knows nothing of engines.
//
// Speed of a window: accesses of all vCPUs, against what those vCPUs that still had accesses to make would have done at their normal speed in the
// time that they had in that window. So guests that finish early do not look like guests that stand still.

/** One vCPU's run. Times are picoseconds since its own start. */
export interface GuestRun {
  /** When it had done all its accesses. */
  finishPs: number;
  /** Accesses per window. */
  counts: ArrayLike<number>;
  /** Accesses per picosecond when every page is there. */
  normalRate: number;
}

/** Accesses that one guest would normally make in a window, at least: an access more or less at its edges decides nothing then. */
const MIN_ACCESSES = 200;

/** A stretch of time in which the guests ran at `share` of their normal speed. */
export interface SpeedWindow {
  /** Picoseconds since the guests' start. */
  startPs: number;
  share: number;
}

/**
 * Speed by window, the latest first. `countedPs` is the length of the windows in which accesses were counted; as many are merged, from the end on, as
 * it takes for a sound figure. The error at the edges grows with the square root of the number of guests, and so does what is asked for.
 * @internal
 */
export function speedBackwards(runs: readonly GuestRun[], countedPs: number): SpeedWindow[] {
  const minNormal = MIN_ACCESSES * Math.sqrt(runs.length);
  const windows: SpeedWindow[] = [];
  let done = 0;
  let normal = 0;
  for (let window = Math.ceil(lastFinish(runs) / countedPs) - 1; window >= 0; window--) {
    const startPs = window * countedPs;
    for (const { finishPs, counts, normalRate } of runs) {
      done += window < counts.length ? counts[window] : 0;
      normal += Math.min(countedPs, Math.max(0, finishPs - startPs)) * normalRate;
    }
    if (normal < minNormal && window > 0) continue;
    windows.push({ startPs, share: normal === 0 ? 1 : done / normal });
    done = 0;
    normal = 0;
  }
  return windows;
}

/**
 * From when on the speed stays at `share` of the normal one or above: picoseconds, the start of the first such window. When it never does before the
 * guests are done, the time of the last finish: from then on there is nothing to wait for.
 */
export function timeToShare(runs: readonly GuestRun[], countedPs: number, share: number): number {
  let fromPs = lastFinish(runs);
  for (const window of speedBackwards(runs, countedPs)) {
    if (window.share < share) break;
    fromPs = window.startPs;
  }
  return fromPs;
}

function lastFinish(runs: readonly GuestRun[]): number {
  return Math.max(...runs.map(({ finishPs }) => finishPs));
}
