// The executor of the virtual engine: a piscina pool with one worker per job. Each run lives wholly in its worker.

import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Piscina } from 'piscina';
import type { RunOutcome } from '../../sim/index.js';
import type { CellTask } from './cell-worker.js';
import type { Executor } from './sweep.js';

const WORKER = fileURLToPath(new URL('./cell-worker.js', import.meta.url));

/** About a second of work: there a warm-up of an eighth of that pays, as large cells then run up to 13 % faster. */
const LARGE_WEIGHT = 3_000_000;

/** An executor with its end. */
export interface WorkerPool extends Executor {
  close(): Promise<void>;
}

/** Starts a pool of `jobs` workers. */
export function openPool(jobs: number): WorkerPool {
  // The event loop of a cell is a few hot functions: let the compiler put them together (about 8 % faster).
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=5000');
  const workers = new Piscina({
    filename: WORKER,
    minThreads: 1,
    maxThreads: jobs,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: 'disabled',
    // Each resume of a generator leaves a small object behind: a nursery that stays in the cache collects them fastest.
    resourceLimits: { maxYoungGenerationSizeMb: 6 },
  });
  return {
    run(cell, seed) {
      const task: CellTask = { suite: cell.suite.name, options: cell.options, profile: cell.machine.profile, seed, large: cell.weight > LARGE_WEIGHT };
      return workers.run(task) as Promise<RunOutcome>;
    },
    close: () => workers.destroy(),
  };
}
