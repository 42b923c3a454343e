// One repetition of a dirty_log_perf_test cell in the threads engine.

import type { Costs } from '../engine/costs.js';
import { costsAt } from '../engine/virtual/topology.js';
import type { DirtyLogOptions, RunOutcome } from './cell.js';
import { costsInNs, type MachineProfile } from './profile.js';
import { runScenarioThreads } from './run-threads.js';

export { closePools } from './run-threads.js';

export interface ThreadsOptions {
  profile: MachineProfile;
  /** Named in errors; the threads themselves decide the order. */
  seed: number;
  /** Wall time burnt per simulated time; 0 burns nothing. */
  timeScale: number;
  signal?: AbortSignal;
}

/** Rejects when an invariant breaks in any thread, or with the signal's reason. */
export function runDirtyLogThreads(options: DirtyLogOptions, run: ThreadsOptions): Promise<RunOutcome> {
  const costs: Costs = costsAt({ socket: 0, core: 0, siblingBusy: false }, costsInNs(run.profile), run.profile.smt);
  return runScenarioThreads({
    scenario: { module: new URL('./dirty-log.js', import.meta.url).href, exportName: 'dirtyLogScenario', args: [options] },
    costs,
    seed: run.seed,
    timeScale: run.timeScale,
    concurrent: options.concurrent || options.runWhileDisabling,
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  });
}
