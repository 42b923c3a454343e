// The sampled matrix of the threads engine: never two cells at once, and arms interleaved. Each repetition goes through all cells before the next
// begins, so that a slow minute of the host falls on every arm. tinybench drives; the window is measured inside the workers.

import { Bench } from 'tinybench';
import type { RunOutcome } from '../../sim/index.js';
import type { PlannedCell } from './plan.js';
import type { FinishedRun } from './record.js';
import { failureOf } from './sweep.js';

export interface ThreadsOptions {
  repetitions: number;
  /** One pass over the cells that is not recorded: a new gang runs code that is not compiled yet. */
  warmUp: boolean;
  /** Aborted: finish the running repetition of the running cell, begin nothing. */
  stop: AbortSignal;
  onStart?(cell: PlannedCell, seed: number): void;
  onRun?(cell: PlannedCell, run: FinishedRun): void;
  /** After each pass over the cells: the runs so far of each cell. */
  onPass(runs: ReadonlyMap<PlannedCell, FinishedRun[]>): void;
}

/** Resolves when all repetitions are done, or when stopped. Rejects with a `CellFailure`. */
export async function sampleThreads(cells: readonly PlannedCell[], options: ThreadsOptions): Promise<void> {
  const runs = new Map<PlannedCell, FinishedRun[]>();
  if (options.warmUp) for (const cell of cells) if (!options.stop.aborted) await runRepetition(cell, cell.seeds[0], { ...options, onStart: undefined });
  for (let repetition = 0; repetition < options.repetitions && !options.stop.aborted; repetition++) {
    await runPass(cells, repetition, { runs, options });
    options.onPass(runs);
  }
}

async function runPass(
  cells: readonly PlannedCell[],
  repetition: number,
  state: { runs: Map<PlannedCell, FinishedRun[]>; options: ThreadsOptions },
): Promise<void> {
  const { runs, options } = state;
  const pass = new Bench({ iterations: 1, time: 0, warmup: false, throws: true, signal: options.stop });
  for (const cell of cells) {
    pass.add(cell.key, async () => {
      const run = await runRepetition(cell, cell.seeds[repetition], options);
      runs.set(cell, [...(runs.get(cell) ?? []), run]);
      options.onRun?.(cell, run);
      return { overriddenDuration: headlineMs(cell, run.outcome) };
    });
  }
  await pass.run();
}

async function runRepetition(cell: PlannedCell, seed: number, options: ThreadsOptions): Promise<FinishedRun> {
  options.onStart?.(cell, seed);
  const startedAt = new Date();
  const startMs = performance.now();
  try {
    const { machine, timeScale = 1 } = cell;
    const outcome = await cell.simulation.runThreads(cell.options, { profile: machine.profile, seed, timeScale });
    return { seed, outcome, startedAt, seconds: (performance.now() - startMs) / 1000 };
  } catch (error) {
    throw failureOf(cell, seed, error);
  }
}

function headlineMs(cell: PlannedCell, outcome: RunOutcome): number {
  const headline = outcome.times.find(({ metric }) => metric === cell.suite.headline) ?? outcome.times[0];
  return (headline?.ns ?? 0) / 1e6;
}
