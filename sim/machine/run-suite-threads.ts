// One repetition of a suite's cell in the threads engine.

import type { Costs } from '../engine/costs.js';
import { costsAt } from '../engine/virtual/topology.js';
import type { DemandPagingOptions, DirtyLogOptions, MemslotsOptions, MigrationOptions, PostCopyOptions, RunOutcome, WriteProtectOptions } from './cell.js';
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
  return runSuite(scenarioIn('./dirty-log.js', 'dirtyLogScenario', options), run, options.concurrent || options.runWhileDisabling);
}

/** A repetition of a memslot_perf_test cell. Rejects as `runDirtyLogThreads` does. */
export function runMemslotsThreads(options: MemslotsOptions, run: ThreadsOptions): Promise<RunOutcome> {
  return runSuite(scenarioIn('./memslots.js', 'memslotsScenario', options), run, true);
}

/** A repetition of a demand_paging_test cell. Rejects as `runDirtyLogThreads` does. */
export function runDemandPagingThreads(options: DemandPagingOptions, run: ThreadsOptions): Promise<RunOutcome> {
  return runSuite(scenarioIn('./demand-paging.js', 'demandPagingScenario', options), run, false);
}

/** A repetition of a post-copy migration's cell. Rejects as `runDirtyLogThreads` does. */
export function runPostCopyThreads(options: PostCopyOptions, run: ThreadsOptions): Promise<RunOutcome> {
  return runSuite(scenarioIn('./post-copy.js', 'postCopyScenario', options), run, false);
}

/** A repetition of a write-protect cell. Rejects as `runDirtyLogThreads` does. */
export function runWriteProtectThreads(options: WriteProtectOptions, run: ThreadsOptions): Promise<RunOutcome> {
  return runSuite(scenarioIn('./write-protect.js', 'writeProtectScenario', options), run, true);
}

/** A repetition of a pre-copy migration's cell. Rejects as `runDirtyLogThreads` does. */
export function runMigrationThreads(options: MigrationOptions, run: ThreadsOptions): Promise<RunOutcome> {
  return runSuite(scenarioIn('./migration.js', 'migrationScenario', options), run, true);
}

/** By URL: each worker imports the module itself. */
function scenarioIn(module: string, exportName: string, options: object): ScenarioSource {
  return { module: new URL(module, import.meta.url).href, exportName, args: [options] };
}

function runSuite(scenario: ScenarioSource, run: ThreadsOptions, concurrent: boolean): Promise<RunOutcome> {
  const { profile, seed, timeScale, signal } = run;
  const costs: Costs = costsAt({ siblingBusy: false }, costsInNs(profile), profile.smt);
  return runScenarioThreads({ scenario, costs, seed, timeScale, concurrent, ...(signal === undefined ? {} : { signal }) });
}
