// One check as plain data, and how it is run where it is run: a deadline and a wish to stop are looked at between schedules.

import type { CheckOptions, CheckOutcome, CheckProgress, Protocol } from '../../sim/index.js';

/** How often progress is told, at most. */
const REPORT_MS = 100;

/** A check to run. It crosses to a worker. */
export interface CheckJob {
  protocol: string;
  /** Module of the protocol; absent for mmulab's own. */
  plugin?: string;
  options: CheckOptions;
  /** The search ends after this; 0 for no limit. */
  secondsMax: number;
}

/** What a check found, and the clock's share of it. */
export interface CheckRun {
  outcome: CheckOutcome;
  startedAt: string;
  seconds: number;
}

/** What a job needs of its surroundings. */
export interface JobWorld {
  runCheck(protocol: Protocol, options: CheckOptions, onProgress: (progress: CheckProgress) => boolean): CheckOutcome;
  isStopped(): boolean;
  onProgress(progress: CheckProgress): void;
  nowMs(): number;
}

/** Runs a job to its end, its deadline, or until it is stopped. Throws what `runCheck` throws. */
export function runJob(protocol: Protocol, { options, secondsMax }: Pick<CheckJob, 'options' | 'secondsMax'>, world: JobWorld): CheckRun {
  const startedAt = new Date().toISOString();
  const startMs = world.nowMs();
  let toldMs = startMs;
  const outcome = world.runCheck(protocol, options, (progress) => {
    const nowMs = world.nowMs();
    if (nowMs - toldMs >= REPORT_MS) {
      toldMs = nowMs;
      world.onProgress(progress);
    }
    return !world.isStopped() && (secondsMax === 0 || nowMs - startMs < 1000 * secondsMax);
  });
  return { outcome, startedAt, seconds: Math.round(world.nowMs() - startMs) / 1000 };
}
