// Runs in a worker of the pool: one run of one cell of the virtual engine.

import type { MachineProfile, RunOutcome } from '../../sim/index.js';
import { type CellOptions, SUITES } from '../suites/index.js';

/** What the pool sends: plain data. */
export interface CellTask {
  suite: string;
  options: CellOptions;
  profile: MachineProfile;
  seed: number;
  /** The cell is large enough to be worth a warm-up. */
  large: boolean;
}

const warm = new Set<string>();

/** Runs one cell with one seed. Rejects with whatever the simulator throws. */
export default async function runCell(task: CellTask): Promise<RunOutcome> {
  const suite = SUITES.find(({ name }) => name === task.suite);
  if (suite === undefined) throw new Error(`Cannot run suite "${task.suite}": no such suite, expected ${SUITES.map(({ name }) => name).join(', ')}`);
  const simulation = await suite.load();
  const { profile, seed } = task;
  if (task.large && !warm.has(suite.name)) {
    warm.add(suite.name);
    simulation.runVirtual(simulation.warmUp, { profile, seed });
  }
  return simulation.runVirtual(task.options, { profile, seed });
}
