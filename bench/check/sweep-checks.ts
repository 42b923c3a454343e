// Runs planned checks on some threads at once, in the order of the plan.

import type { CheckProgress } from '../../sim/index.js';
import type { Checker } from './checker.js';
import type { CheckRun } from './job.js';
import type { PlannedCheck } from './plan.js';

export interface SweepEvents {
  stop: AbortSignal;
  onProgress(check: PlannedCheck, progress: CheckProgress): void;
  /** A check is done, by itself or since `stop` came. */
  onCheck(check: PlannedCheck, run: CheckRun): void;
}

/** What ran, in the order of the plan. */
export interface ChecksOutcome {
  runs: { check: PlannedCheck; run: CheckRun }[];
  /** Checks that `stop` kept from starting. */
  notRun: number;
}

/** Runs each check on the first of `checkers` that is free. Throws the first error of any of them, once all have come to rest. */
export async function runChecks(
  checks: readonly PlannedCheck[],
  { checkers, secondsMax }: { checkers: readonly Checker[]; secondsMax: number },
  { stop, onProgress, onCheck }: SweepEvents,
): Promise<ChecksOutcome> {
  const found = new Map<PlannedCheck, CheckRun>();
  const waiting = [...checks];
  const errors: unknown[] = [];
  const work = async (checker: Checker): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined && !stop.aborted && errors.length === 0; check = waiting.shift()) {
      const planned = check;
      const { protocol, plugin, options } = planned;
      const job = { protocol: protocol.name, ...(plugin !== undefined && { plugin }), options, secondsMax };
      const run = await checker.run(job, (progress) => onProgress(planned, progress));
      found.set(planned, run);
      onCheck(planned, run);
    }
  };
  await Promise.all(checkers.map((checker) => work(checker).catch((error: unknown) => errors.push(error))));
  if (errors.length > 0) throw errors[0] as Error;
  const runs = checks.flatMap((check) => {
    const run = found.get(check);
    return run === undefined ? [] : [{ check, run }];
  });
  return { runs, notRun: checks.length - runs.length };
}
