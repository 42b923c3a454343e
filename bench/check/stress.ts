// Randomised stress: one small cell of a suite over and over, with another seed each time. The suite checks its invariants as it runs; one that is
// broken ends the stress, and its seed runs it again.

import type { MachineProfile } from '../../sim/index.js';
import { messageOf } from '../errors.js';
import type { CellOptions, Engine, SuiteSimulation } from '../suites/index.js';

export interface StressRequest {
  simulation: Pick<SuiteSimulation, 'runVirtual' | 'runThreads'>;
  options: CellOptions;
  profile: MachineProfile;
  engine: Engine;
  firstSeed: number;
  /** Ends after so many runs; 0 for no limit. */
  runsMax: number;
  /** No run starts after this; 0 for no limit. */
  secondsMax: number;
  /** Invariants that one run looks at. */
  checksPerRun: number;
  stop: AbortSignal;
  onRun?(runs: number): void;
  nowMs?(): number;
}

export interface StressOutcome {
  runs: number;
  /** Invariants that were looked at and held, over all runs. */
  checked: number;
  seconds: number;
  /** The run that broke one. */
  failure?: { seed: number; message: string };
}

/** Runs the cell until a limit, `stop` or a broken invariant. */
export async function stress(request: StressRequest): Promise<StressOutcome> {
  const { runsMax, secondsMax, stop, firstSeed } = request;
  const nowMs = request.nowMs ?? (() => performance.now());
  const startMs = nowMs();
  const seconds = (): number => (nowMs() - startMs) / 1000;
  let checked = 0;
  for (let runs = 0; ; runs++) {
    const isOver = stop.aborted || (runsMax > 0 && runs === runsMax) || (secondsMax > 0 && seconds() >= secondsMax);
    if (isOver) return { runs, checked, seconds: seconds() };
    const seed = firstSeed + runs;
    try {
      await runOnce(request, seed);
      checked += request.checksPerRun;
    } catch (error) {
      if (stop.aborted) return { runs, checked, seconds: seconds() };
      return { runs: runs + 1, checked, seconds: seconds(), failure: { seed, message: messageOf(error) } };
    }
    request.onRun?.(runs + 1);
    await new Promise((resolve) => setImmediate(resolve)); // so that Ctrl-C is heard
  }
}

async function runOnce({ simulation, options, profile, engine, stop }: StressRequest, seed: number): Promise<void> {
  if (engine === 'virtual') simulation.runVirtual(options, { profile, seed });
  else await simulation.runThreads(options, { profile, seed, timeScale: 0, signal: stop });
}
