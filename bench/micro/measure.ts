// Runs all tasks of one size, arms interleaved: each pass times every task once before the next begins. tinybench drives and holds the clock.

import { Bench } from 'tinybench';
import { median, medianInterval } from '../stats/index.js';
import type { Task } from './tasks.js';

/** What one task took. */
export interface Measured {
  structure: string;
  operation: string;
  n: number;
  /** Time of one operation, nanoseconds: the median over samples, and its interval (95 % from 6 samples on). */
  ns: { median: number; low: number; high: number };
  samples: number;
  opsPerSample: number;
  /** Bytes that one operation takes from the JavaScript heap. NaN when the collector ran in every attempt. */
  bytesPerOp: number;
  /** Cache lines that one operation touches, counted: the same on every host. NaN where nobody counts. */
  linesPerOp: number;
}

const ATTEMPTS = 9;

/** Times every task `passes` times. */
export function measureTasks(tasks: readonly Task[], passes: number): Measured[] {
  const samples = new Map(tasks.map((task): [Task, number[]] => [task, []]));
  for (let pass = 0; pass < passes; pass++) runPass(tasks, pass, samples);
  const bytes = allocatedBytes(tasks, passes);
  const lines = countedLines(tasks, passes + ATTEMPTS);
  return tasks.map((task) => {
    const times = samples.get(task)!;
    const { low, high } = medianInterval(times);
    const { structure, operation, n, opsPerSample } = task;
    return {
      structure,
      operation,
      n,
      ns: { median: median(times), low, high },
      samples: times.length,
      opsPerSample,
      bytesPerOp: bytes.get(task)!,
      linesPerOp: lines.get(task)!,
    };
  });
}

function runPass(tasks: readonly Task[], pass: number, samples: ReadonlyMap<Task, number[]>): void {
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true, retainSamples: true });
  for (const [index, task] of tasks.entries()) bench.add(String(index), () => task.run(pass), { async: false, beforeEach: () => task.warmUp(pass) });
  bench.runSync();
  for (const [index, task] of tasks.entries()) {
    const { result } = bench.tasks[index];
    if (result.state !== 'completed') throw new Error(`Cannot time ${task.structure}: current task ${result.state}, expected completed`);
    samples.get(task)!.push((result.latency.mean * 1e6) / task.opsPerSample);
  }
}

/**
 * How much the heap grows in one batch, per operation, less what an empty batch shows: the median of those attempts in which it did not shrink. The young
 * generation holds several batches, so the collector seldom runs within one. Words of an arena are not in the heap, and nobody allocates any there.
 */
function allocatedBytes(tasks: readonly Task[], firstPass: number): Map<Task, number> {
  const grown = new Map(tasks.map((task): [Task, number[]] => [task, []]));
  const empty: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    empty.push(growthOf(() => undefined));
    for (const task of tasks) grown.get(task)!.push(growthOf(() => task.run(firstPass + attempt)));
  }
  const overhead = middle(empty);
  return new Map(tasks.map((task) => [task, Math.max(0, middle(grown.get(task)!) - overhead) / task.opsPerSample]));
}

/** One batch of each task, with its meters read before and after. */
function countedLines(tasks: readonly Task[], pass: number): Map<Task, number> {
  return new Map(
    tasks.map((task) => {
      const total = (): number => task.meters.reduce((sum, { lines }) => sum + lines, 0);
      const before = total();
      task.run(pass);
      return [task, task.meters.length === 0 ? Number.NaN : (total() - before) / task.opsPerSample];
    }),
  );
}

function growthOf(run: () => void): number {
  const before = process.memoryUsage().heapUsed;
  run();
  return process.memoryUsage().heapUsed - before;
}

function middle(growths: readonly number[]): number {
  const kept = growths.filter((growth) => growth >= 0);
  return kept.length === 0 ? Number.NaN : median(kept);
}
