// How far simulated numbers are from published ones, as one number: the geometric-mean error exp(mean |ln(simulated / published)|).
// 1 is perfect; 1.10 means that a typical cell is 10 % off, in either direction.

import { geometricMean } from '../bench/stats/index.js';
import { allCells, type ComparisonCell, type ComparisonTable } from './match.js';

/** What mmulab asks of a profile that claims to reproduce the post. */
export const FIDELITY_LIMITS = { all: 1.1, dirtyMemory: 1.13, worst: 1.5 } as const;

/** The error over one set of cells. */
export interface ErrorSummary {
  /** Cells of the set, with or without a simulated number. */
  cells: number;
  /** Cells that have one. */
  measured: number;
  /** Geometric-mean error, a ratio of at least 1; absent when nothing is measured. */
  error?: number;
  /** The cell farthest from 1 in either direction. */
  worst?: ComparisonCell;
}

/** The error over everything, over the dirty-memory cells alone, and per table. */
export interface Fidelity {
  all: ErrorSummary;
  dirtyMemory: ErrorSummary;
  /** In the order of the tables. */
  tables: ErrorSummary[];
  /** How many cells were fitted and how many are predictions. */
  fitted: number;
  predicted: number;
}

/** exp(mean |ln r|) of ratios above zero; `undefined` for none. */
export function geometricMeanError(ratios: readonly number[]): number | undefined {
  if (ratios.length === 0) return undefined;
  return geometricMean(ratios.map(misfit));
}

/** max(r, 1/r): how far a ratio is from 1, in either direction. */
export function misfit(ratio: number): number {
  return Math.max(ratio, 1 / ratio);
}

/** The fidelity of published tables. Cells without a simulated number are counted as missing, never left out of `cells`. */
export function fidelityOf(tables: readonly ComparisonTable[]): Fidelity {
  const cells = allCells(tables);
  return {
    all: summarize(cells),
    dirtyMemory: summarize(cells.filter((cell) => cell.published.metric.startsWith('dirty_memory'))),
    tables: tables.map((table) => summarize(allCells([table]))),
    fitted: cells.filter((cell) => cell.fitted).length,
    predicted: cells.filter((cell) => !cell.fitted).length,
  };
}

function summarize(cells: readonly ComparisonCell[]): ErrorSummary {
  const measured = cells.filter((cell) => cell.ratio !== undefined);
  const worst = [...measured].sort((a, b) => misfit(b.ratio ?? 1) - misfit(a.ratio ?? 1))[0];
  return { cells: cells.length, measured: measured.length, error: geometricMeanError(measured.map((cell) => cell.ratio ?? 1)), worst };
}
