// Hands the runs of a sweep (one cell, one seed each) to an executor: the largest first, as many at once as jobs and memory allow, and reports
// each cell when its last seed is done. Asked to stop, it hands out nothing more and lets what runs finish.

import type { RunOutcome } from '../../sim/index.js';
import { commandLineOf } from '../suites/index.js';
import type { PlannedCell } from './plan.js';
import type { FinishedRun } from './record.js';

/** Where runs happen: the worker pool, or a fake in tests. */
export interface Executor {
  run(cell: PlannedCell, seed: number): Promise<RunOutcome>;
}

export interface SweepOptions {
  executor: Executor;
  /** Runs at once. */
  jobs: number;
  /** Shared memory of all runs at once; a run that needs more goes alone. */
  arenaBudgetBytes: number;
  /** Aborted: finish what runs, begin nothing. */
  stop: AbortSignal;
  onStart?(cell: PlannedCell, seed: number): void;
  onRun?(cell: PlannedCell, run: FinishedRun): void;
  /** A cell's last seed is done: all of its runs, in the order of its seeds. What it throws ends the sweep. */
  onCell(cell: PlannedCell, runs: FinishedRun[]): void;
}

/** A run that failed: says which, and how to run it again. */
export class CellFailure extends Error {
  override readonly name = 'CellFailure';
}

interface Task {
  cell: PlannedCell;
  seed: number;
}

/** Resolves when every cell is done, or when stopped and nothing runs any more. Rejects with the first failure, after the runs beside it finished. */
export async function sweep(cells: readonly PlannedCell[], options: SweepOptions): Promise<void> {
  const waiting = cells.flatMap((cell) => cell.seeds.map((seed): Task => ({ cell, seed })));
  waiting.sort((a, b) => b.cell.weight - a.cell.weight);
  const finished = new Map<PlannedCell, FinishedRun[]>();
  const running = new Map<Task, Promise<void>>();
  const failures: unknown[] = [];
  let arenaBytes = 0;

  const begin = (task: Task): void => {
    arenaBytes += task.cell.arenaBytes;
    const work = runTask(task, options)
      .then((run) => completeRun(task.cell, run, { finished, options }))
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => {
        arenaBytes -= task.cell.arenaBytes;
        running.delete(task);
      });
    running.set(task, work);
  };

  for (;;) {
    while (!options.stop.aborted && failures.length === 0 && running.size < options.jobs) {
      const next = waiting.findIndex(({ cell }) => running.size === 0 || arenaBytes + cell.arenaBytes <= options.arenaBudgetBytes);
      if (next === -1) break;
      begin(waiting.splice(next, 1)[0]);
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  if (failures.length > 0) throw failures[0];
}

async function runTask({ cell, seed }: Task, options: SweepOptions): Promise<FinishedRun> {
  options.onStart?.(cell, seed);
  const startedAt = new Date();
  const startMs = performance.now();
  try {
    const outcome = await options.executor.run(cell, seed);
    return { seed, outcome, startedAt, seconds: (performance.now() - startMs) / 1000 };
  } catch (error) {
    throw failureOf(cell, seed, error);
  }
}

function completeRun(cell: PlannedCell, run: FinishedRun, state: { finished: Map<PlannedCell, FinishedRun[]>; options: SweepOptions }): void {
  const runs = [...(state.finished.get(cell) ?? []), run];
  state.finished.set(cell, runs);
  state.options.onRun?.(cell, run);
  if (runs.length < cell.seeds.length) return;
  state.finished.delete(cell);
  runs.sort((a, b) => cell.seeds.indexOf(a.seed) - cell.seeds.indexOf(b.seed));
  state.options.onCell(cell, runs);
}

/** The error of a run with engine, seed, cell and the command that replays it. */
export function failureOf(cell: PlannedCell, seed: number, cause: unknown): CellFailure {
  const lines = [`Run failed: engine ${cell.engine}, seed ${seed}, cell "${cell.key}"`, `Replay with: ${replayCommand(cell, seed)}`];
  return new CellFailure(lines.join('\n'), { cause });
}

/** The command line that runs this one cell with this one seed. */
export function replayCommand(cell: PlannedCell, seed: number): string {
  const { suite, engine, machine, timeScale, options } = cell;
  const sets = machine.record.overrides.flatMap((override) => ['--set', override]);
  const threads = engine === 'threads' ? ['--repetitions', '1', '--time-scale', String(timeScale ?? 1)] : [];
  return [
    'mmulab',
    'run',
    suite.name,
    '--engine',
    engine,
    '--profile',
    machine.source,
    ...sets,
    '--seed',
    String(seed),
    ...threads,
    ...commandLineOf(suite, options),
  ].join(' ');
}
