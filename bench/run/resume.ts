// Which cells of a plan an earlier run has already answered.

import type { ResultRecord } from '../results/index.js';
import type { PlannedCell } from './plan.js';

export interface Resumption {
  /** Records that stay in the file. */
  kept: ResultRecord[];
  /** Cells still to run. */
  remaining: PlannedCell[];
  /** What the user should know, one line each. */
  notes: string[];
}

/** Splits a plan by what `records` answer with the same cell, seeds and profile; other records stay, unless their cell is run again. */
export function resumeFrom(records: readonly ResultRecord[], cells: readonly PlannedCell[], commit: string): Resumption {
  const byCell = new Map(records.map((record) => [record.cell, record]));
  const remaining = cells.filter((cell) => !answers(byCell.get(cell.key), cell));
  const again = new Set(remaining.map((cell) => cell.key));
  const kept = records.filter((record) => !again.has(record.cell));
  const replaced = records.length - kept.length;
  const notes: string[] = [];
  if (replaced > 0) notes.push(`${replaced} cells were run with other seeds or another profile and are run again`);
  const foreign = [...new Set(kept.map((record) => record.commit))].filter((other) => other !== commit);
  if (foreign.length > 0) notes.push(`Cells of another commit of mmulab are kept: current ${commit}, in the file ${foreign.join(', ')}`);
  return { kept, remaining, notes };
}

function answers(record: ResultRecord | undefined, cell: PlannedCell): boolean {
  if (record === undefined) return false;
  const sameSeeds = record.seeds.length === cell.seeds.length && record.seeds.every((seed, index) => seed === cell.seeds[index]);
  return sameSeeds && record.profile.hash === cell.machine.record.hash;
}
