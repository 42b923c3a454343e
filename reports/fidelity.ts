// How far simulated numbers are from published ones, as one number: the geometric-mean error exp(mean |ln(simulated / published)|).
// 1 is perfect; 1.10 means that a typical cell is 10 % off, in either direction.

import { geometricMean } from '../bench/stats/index.js';
import { type ComparisonCell, type ComparisonTable, type PostComparison, publishedCells } from './match.js';
import { type FidelityLimits, matchesSelector } from './posts/index.js';

/** The error over one set of cells. */
export interface ErrorSummary {
  /** Published cells of the set, with or without a simulated number. */
  cells: number;
  /** Cells that have one. */
  measured: number;
  /** Geometric-mean error, a ratio of at least 1; absent when nothing is measured. */
  error?: number;
  /** The cell farthest from 1 in either direction. */
  worst?: ComparisonCell;
}

/** The error of one post: over everything, over the sets that have a limit of their own, and per table. */
export interface Fidelity {
  limits: FidelityLimits;
  all: ErrorSummary;
  /** In the order of the limits. */
  subsets: (ErrorSummary & { name: string; limit: number })[];
  /** In the order of the tables. */
  tables: ErrorSummary[];
  /** The fitted cells and the predicted ones, apart. */
  fitted: ErrorSummary;
  predicted: ErrorSummary;
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

/** The fidelity of one post. Cells without a simulated number are counted as missing, never left out of `cells`; places without a published one do not count. */
export function fidelityOf({ post, tables }: Pick<PostComparison, 'post' | 'tables'>): Fidelity {
  const cells = publishedCells(tables);
  return {
    limits: post.limits,
    all: summarize(cells),
    subsets: post.limits.subsets.map(({ name, limit, where }) => ({
      name,
      limit,
      ...summarize(cells.filter((cell) => matchesSelector(cell.published.fields, where))),
    })),
    tables: tables.map(tableError),
    fitted: summarize(cells.filter((cell) => cell.fitted)),
    predicted: summarize(cells.filter((cell) => !cell.fitted)),
  };
}

function tableError(table: ComparisonTable): ErrorSummary {
  return summarize(publishedCells([table]));
}

function summarize(cells: readonly ComparisonCell[]): ErrorSummary {
  const measured = cells.filter((cell) => cell.ratio !== undefined);
  const worst = [...measured].sort((a, b) => misfit(b.ratio ?? 1) - misfit(a.ratio ?? 1))[0];
  return { cells: cells.length, measured: measured.length, error: geometricMeanError(measured.map((cell) => cell.ratio ?? 1)), worst };
}
