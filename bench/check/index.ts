// Checks of protocols: what is asked, in which thread it runs, and what becomes of it.

export { type Checker, openChecker } from './checker.js';
export type { CheckRun } from './job.js';
export { type CheckWishes, type PlannedCheck, planTable, planVersion } from './plan.js';
export { loadPlugin } from './plugin.js';
export { toCheckRecord } from './record.js';
export { type StressOutcome, type StressRequest, stress } from './stress.js';
export { type ChecksOutcome, runChecks } from './sweep-checks.js';
