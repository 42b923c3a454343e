// One repetition of a suite's cell in the threads engine.

import type { Costs } from '../engine/costs.js';
import { costsAt } from '../engine/virtual/topology.js';
import type { DirtyLogOptions, MemslotsOptions, RunOutcome } from './cell.js';
import { costsInNs, type MachineProfile } from './profile.js';
import { runScenarioThreads } from './run-threads.js';
import type { ScenarioSource } from './run-threads-message.js';

export { closePools } from './run-threads.js';

export interface ThreadsOptions {
  profile: MachineProfile;
  /** Named in errors; the threads themselves decide the order. */
  seed: number;
  /** Wall time burnt per simulated time; 0 burns nothing. */
  timeScale: number;
  signal?: AbortSignal;
}

/** A repetition of a dirty_log_perf_test cell. Rejects when an invariant breaks in any thread, or with the signal's reason. */
export function runDirtyLogThreads(options: DirtyLogOptions, run: ThreadsOptions): Promise<RunOutcome> {
  const scenario = { module: new URL('./dirty-log.js', import.meta.url).href, exportName: 'dirtyLogScenario', args: [options] };
  return runSuite(scenario, run, options.concurrent || options.runWhileDisabling);
}

/** A repetition of a memslot_perf_test cell. Rejects as `runDirtyLogThreads` does. */
export function runMemslotsThreads(options: MemslotsOptions, run: ThreadsOptions): Promise<RunOutcome> {
  return runSuite({ module: new URL('./memslots.js', import.meta.url).href, exportName: 'memslotsScenario', args: [options] }, run, true);
}

function runSuite(scenario: ScenarioSource, run: ThreadsOptions, concurrent: boolean): Promise<RunOutcome> {
  const { profile, seed, timeScale, signal } = run;
  const costs: Costs = costsAt({ socket: 0, core: 0, siblingBusy: false }, costsInNs(profile), profile.smt);
  return runScenarioThreads({ scenario, costs, seed, timeScale, concurrent, ...(signal === undefined ? {} : { signal }) });
}
