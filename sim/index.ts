// The door of sim: what the harness may use.

export { COST_NAMES, COST_TABLE, type CostName } from './engine/costs.js';
export type { HistogramSummary } from './engine/histogram.js';
export type { LockReport } from './engine/lock-stats.js';
export type { DirtyLogOptions, PhaseTime, RunOutcome, StallReport, Validity, Warning } from './machine/cell.js';
export { arenaBytes, checkDirtyLogOptions, DEFAULT_DIRTY_LOG } from './machine/dirty-log-options.js';
export { listProfiles, loadProfile, type MachineProfile, profileHash, withOverrides } from './machine/profile.js';
export { closePools, runDirtyLogThreads } from './machine/run-dirty-log-threads.js';
export { runDirtyLogVirtual } from './machine/run-virtual.js';
