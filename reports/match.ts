// Puts simulated numbers beside the published ones. A cell that has no record is kept and says why: nothing is skipped in silence.
// Cells of one comparison all come from one setup (profile, and every option that is not a dimension of the tables), never from a mixture.

import type { ResultRecord } from '../bench/results/index.js';
import { type Arm, type Fit, loadFit, loadPublished, type PublishedCell } from './published.js';
import { belongsToTable, TABLES, type TableDefinition } from './tables.js';

const GIB = 1024 ** 3;
const DIMENSIONS = new Set(['vcpus', 'ept', 'split', 'writeEvery', 'writePercent', 'initiallyAllSet', 'iterations']);

/** What a record says about one published cell. Times are seconds. */
export interface Simulated {
  seconds: number;
  /** Range over seeds (`order-sensitive`); equal to `seconds` for an exact number. */
  lowSeconds: number;
  highSeconds: number;
  /** Values that the median was taken of: one per seed. */
  draws: number;
  orderSensitive: boolean;
  record: ResultRecord;
}

/** One published number and what became of it. */
export interface ComparisonCell {
  published: PublishedCell;
  /** True when the profile's constants were chosen looking at this cell. */
  fitted: boolean;
  simulated?: Simulated;
  /** simulated / published; absent exactly when `simulated` is. */
  ratio?: number;
  /** Why there is no simulated number. */
  missing?: string;
}

/** One row of a published table: a vCPU count with both arms. */
export interface ComparisonRow {
  vcpus: number;
  lazy: ComparisonCell;
  eager: ComparisonCell;
}

/** A published table with the simulated numbers beside it. */
export interface ComparisonTable {
  definition: TableDefinition;
  /** 1-based position in the post. */
  number: number;
  rows: ComparisonRow[];
}

/**
 * All six published tables with what `records` say about them, in the post's order; tables and cells without a record are there too.
 * Where records of several profiles qualify, the one that fills the most cells is used throughout.
 */
export function publishedTables(records: readonly ResultRecord[]): ComparisonTable[] {
  return compareWith(records, { cells: loadPublished(), fit: loadFit() });
}

/** As `publishedTables`, over other published cells. For tests. */
export function compareWith(records: readonly ResultRecord[], { cells, fit }: { cells: PublishedCell[]; fit: Fit }): ComparisonTable[] {
  const chosen = chooseSetup(records, cells);
  return TABLES.map((definition, index) => {
    const own = cells.filter((cell) => belongsToTable(definition, cell));
    const compared = own.map((cell) => compareCell(cell, chosen, fit));
    return { definition, number: index + 1, rows: toRows(compared) };
  });
}

/** All cells of some tables, row by row, lazy before eager. */
export function allCells(tables: readonly ComparisonTable[]): ComparisonCell[] {
  return tables.flatMap((table) => table.rows.flatMap((row) => [row.lazy, row.eager]));
}

/** The records that supply at least one cell of these tables. */
export function recordsInTables(tables: readonly ComparisonTable[]): Set<ResultRecord> {
  return new Set(allCells(tables).flatMap((cell) => (cell.simulated === undefined ? [] : [cell.simulated.record])));
}

/** Whether a record was run the way the post's cells were: its options are those of the published tables, whatever its dimensions. */
export function isPublishedShape(record: ResultRecord): boolean {
  const o = record.options;
  return (
    record.suite === 'dirty-log' &&
    record.engine === 'virtual' &&
    record.profile.overrides.length === 0 &&
    o.mmu === 'shadow' &&
    o.vcpuBytes === GIB &&
    o.guestPageBytes === GIB &&
    o.memslots === 1 &&
    o.processes === 1 &&
    o.dirtyGranularityBytes === 4096 &&
    o.wpFaultLock === 'write' &&
    o.concurrent === false &&
    typeof o.backing === 'string' &&
    o.backing.endsWith('_hugetlb_1gb') &&
    (o.split === 'lazy' || o.split === 'eager') &&
    o.mmuPages === 0 &&
    o.randomAccess === false &&
    o.overlap === false &&
    o.runWhileDisabling === false
  );
}

function answers(record: ResultRecord, cell: PublishedCell): boolean {
  const o = record.options;
  return (
    o.vcpus === cell.vcpus &&
    o.ept === cell.ept &&
    o.split === cell.arm &&
    o.initiallyAllSet === (cell.initiallyAllSet ?? false) &&
    writesOf(record) === cell.writePercent &&
    Object.hasOwn(record.metrics, cell.metric)
  );
}

/** Percent of writes, where it is the fixed pattern of the post (all, or one access in five); a random draw is another workload. */
function writesOf(record: ResultRecord): number | undefined {
  const { writeEvery, writePercent } = record.options;
  if (writeEvery === 5) return 20;
  if (writeEvery === 1 || (writeEvery === 0 && writePercent === 100)) return 100;
  return undefined;
}

function chooseSetup(records: readonly ResultRecord[], cells: readonly PublishedCell[]): ResultRecord[] {
  const setups = new Map<string, ResultRecord[]>();
  for (const record of records) {
    if (!isPublishedShape(record)) continue;
    const key = setupOf(record);
    setups.set(key, [...(setups.get(key) ?? []), record]);
  }
  const ranked = [...setups].map(([key, own]) => ({ key, own, filled: cells.filter((cell) => own.some((record) => answers(record, cell))).length }));
  ranked.sort((a, b) => b.filled - a.filled || (a.key < b.key ? -1 : 1));
  return ranked[0]?.own.sort((a, b) => (a.cell < b.cell ? -1 : 1)) ?? [];
}

function setupOf(record: ResultRecord): string {
  const options = Object.entries(record.options).filter(([name]) => !DIMENSIONS.has(name));
  options.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([record.profile.name, record.profile.hash, options]);
}

function compareCell(cell: PublishedCell, records: readonly ResultRecord[], fit: Fit): ComparisonCell {
  const base = { published: cell, fitted: fit.isFitted(cell) };
  const record = records.find((candidate) => answers(candidate, cell));
  if (record === undefined) return { ...base, missing: 'no record' };
  const metric = record.metrics[cell.metric];
  if (metric.unit !== 'ns' || !Number.isFinite(metric.median) || metric.median <= 0) {
    return { ...base, missing: `not a time above zero: ${metric.median} ${metric.unit}` };
  }
  const simulated = {
    seconds: metric.median / 1e9,
    lowSeconds: metric.low / 1e9,
    highSeconds: metric.high / 1e9,
    draws: metric.values.length,
    orderSensitive: metric.kind === 'order-sensitive',
    record,
  };
  return { ...base, simulated, ratio: simulated.seconds / cell.seconds };
}

function toRows(cells: readonly ComparisonCell[]): ComparisonRow[] {
  const counts = [...new Set(cells.map((cell) => cell.published.vcpus))].sort((a, b) => a - b);
  const pick = (vcpus: number, arm: Arm) => {
    const found = cells.find((cell) => cell.published.vcpus === vcpus && cell.published.arm === arm);
    if (found === undefined) throw new Error(`Cannot build a published table: ${arm} at ${vcpus} vCPUs is missing, expected both arms`);
    return found;
  };
  return counts.map((vcpus) => ({ vcpus, lazy: pick(vcpus, 'lazy'), eager: pick(vcpus, 'eager') }));
}
