// A published table as texts in rows and columns, the same for terminal, Markdown and page: which columns there are, units, decimals and marks.

import { misfit } from './fidelity.js';
import { allCells, type ComparisonCell, type ComparisonTable, publishedCells, type Simulated } from './match.js';
import { misfitMark } from './phrases.js';
import type { PublishedPost } from './posts/index.js';
import { decimalsFor, formatRatio } from './units.js';

/** One configuration of the table. */
export interface GridColumn {
  heading: string;
  name: string;
  color: number;
  /** False where the post has no number in the whole column: simulated stands alone there. */
  hasPublished: boolean;
}

/** The texts of one cell; empty where there is nothing to say. */
export interface GridCell {
  published: string;
  simulated: string;
  /** "1.04"; "-" without a simulated number. */
  ratio: string;
  mark: string;
  /** "17.91..18.33", the lowest and the highest over seeds; empty for a number that every seed gives. */
  range: string;
  /** max(ratio, 1 / ratio); `undefined` without a ratio. */
  far?: number;
  /** True for a number that had no part in the fit, or none to be fitted to. */
  predicted: boolean;
  missing?: string;
}

/** One line of the table. */
export interface GridRow {
  /** With the row's unit where each row has its own. */
  label: string;
  cells: GridCell[];
  derived?: { published: string; simulated: string };
}

/** A table ready to be laid out. */
export interface Grid {
  rowHeading: string;
  /** Unit of all numbers; absent where each row has its own. */
  unit?: string;
  columns: GridColumn[];
  rows: GridRow[];
  /** Some number is a median over several seeds that differ. */
  withRange: boolean;
  derived?: { name: string; hasPublished: boolean };
}

/** The texts of a table. */
export function gridOf(table: ComparisonTable): Grid {
  const { definition, post, rows } = table;
  const whole = scaleFor(
    publishedCells([table]).map((cell) => cell.published.value ?? 0),
    { post, fixed: true },
  );
  const perRow = definition.scale === 'row';
  return {
    rowHeading: definition.rowHeading,
    unit: perRow ? undefined : post.quantity.unit,
    columns: definition.columns.map(({ heading, name, color }, index) => ({
      heading,
      name,
      color,
      hasPublished: rows.some((row) => row.cells[index].published.value !== undefined),
    })),
    rows: rows.map(({ definition: { label }, cells, derived }) => {
      const scale = perRow ? scaleFor(cells.flatMap(valuesOf), { post, fixed: false }) : whole;
      const format = definition.derived?.format ?? String;
      const text = (value: number | undefined) => (value === undefined || !Number.isFinite(value) ? '-' : format(value));
      return {
        label: perRow ? `${label} (${scale.symbol})` : label,
        cells: cells.map((cell) => toGridCell(cell, { scale, worst: post.limits.worst })),
        derived: derived === undefined ? undefined : { published: text(derived.published), simulated: text(derived.simulated) },
      };
    }),
    withRange: allCells([table]).some(({ simulated }) => simulated?.orderSensitive === true && simulated.draws > 1),
    derived:
      definition.derived === undefined ? undefined : { name: definition.derived.name, hasPublished: rows.some((row) => row.derived?.published !== undefined) },
  };
}

interface Scale {
  size: number;
  symbol: string;
  decimals: number;
}

/** Published numbers decide the unit of a row, so that a far-off simulated one shows. */
function valuesOf(cell: ComparisonCell): number[] {
  return cell.published.value === undefined ? [] : [cell.published.value];
}

function scaleFor(values: readonly number[], { post, fixed }: { post: PublishedPost; fixed: boolean }): Scale {
  const { scales, unit } = post.quantity;
  const largest = Math.max(0, ...values);
  const [size, symbol] = fixed ? [1, unit] : (scales.find(([one]) => largest >= one) ?? scales[scales.length - 1]);
  return { size, symbol, decimals: decimalsFor(values.map((value) => value / size)) };
}

function rangeText({ orderSensitive, draws, low, high }: Simulated, text: (value: number) => string): string {
  if (!orderSensitive) return '';
  return draws === 1 ? 'one draw' : `${text(low)}..${text(high)}`;
}

function toGridCell(cell: ComparisonCell, { scale, worst }: { scale: Scale; worst: number }): GridCell {
  const { published, simulated, ratio, missing } = cell;
  const text = (value: number) => (value / scale.size).toFixed(scale.decimals);
  return {
    published: published.value === undefined ? '-' : text(published.value),
    simulated: simulated === undefined ? 'missing' : text(simulated.value),
    ratio: ratio === undefined ? '-' : formatRatio(ratio),
    mark: ratio === undefined ? '' : misfitMark(ratio, worst),
    range: simulated === undefined ? '' : rangeText(simulated, text),
    far: ratio === undefined ? undefined : misfit(ratio),
    predicted: !cell.fitted,
    missing,
  };
}
