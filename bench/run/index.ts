// Running cells: planning, the sweep over the cores, sampling on threads, and what becomes of their outcomes.

export { type Interrupt, listenForInterrupt } from './interrupt.js';
export { loadMachine, memoryLimitBytes, type PlannedCell, type PlanOptions, planSuite } from './plan.js';
export { openPool } from './pool.js';
export { findProvenance } from './provenance.js';
export { type FinishedRun, type Provenance, toRecord } from './record.js';
export { type Resumption, resumeFrom } from './resume.js';
export { sweep } from './sweep.js';
export { sampleThreads } from './threads.js';
