// Puts simulated numbers beside the published ones. A cell that has no record is kept and says why: nothing is skipped in silence.
// Cells of one comparison all come from one setup (profile, and every option that is not a dimension of the post), never from a mixture; where a
// post has several hosts, those of one host do.

import type { ResultRecord } from '../bench/results/index.js';
import { groupBy } from './labels.js';
import { type Fit, loadCells, loadFit, POSTS, type PublishedCell, type PublishedPost, type RowDefinition, type TableDefinition } from './posts/index.js';

/** What a record says about one cell, in the post's unit. */
export interface Simulated {
  value: number;
  /** Range over seeds (`order-sensitive`); equal to `value` for an exact number. */
  low: number;
  high: number;
  /** Values that the median was taken of: one per seed. */
  draws: number;
  orderSensitive: boolean;
  record: ResultRecord;
}

/** One place of a published table and what became of it. */
export interface ComparisonCell {
  published: PublishedCell;
  /** True when the profile's constants were chosen looking at this cell. */
  fitted: boolean;
  simulated?: Simulated;
  /** simulated / published; absent where either is. */
  ratio?: number;
  /** Why there is no simulated number. */
  missing?: string;
}

/** One row of a published table; `cells` in the order of the table's columns. */
export interface ComparisonRow {
  definition: RowDefinition;
  cells: ComparisonCell[];
  /** The derived column, where the table has one. */
  derived?: { published?: number; simulated?: number };
}

/** A published table with the simulated numbers beside it. */
export interface ComparisonTable {
  post: PublishedPost;
  definition: TableDefinition;
  /** 1-based position in the post. */
  number: number;
  rows: ComparisonRow[];
}

/** All tables of one post. */
export interface PostComparison {
  post: PublishedPost;
  fit: Fit;
  tables: ComparisonTable[];
}

/**
 * All published tables of all posts with what `records` say about them; tables and cells without a record are there too.
 * Where records of several profiles qualify, the one that fills the most cells of a post is used throughout that post; a post of several hosts names
 * the profile of each.
 */
export function comparePosts(records: readonly ResultRecord[]): PostComparison[] {
  return POSTS.map((post) => comparePost(records, post, { cells: loadCells(post), fit: loadFit(post) }));
}

/** The tables of one post, over given cells. */
export function comparePost(
  records: readonly ResultRecord[],
  post: PublishedPost,
  { cells, fit }: { cells: readonly PublishedCell[]; fit: Fit },
): PostComparison {
  const compared = groupBy(cells, (cell) => hostOf(cell, post) ?? '').flatMap((own) => {
    const chosen = chooseSetup(records, { post, cells: own });
    return own.map((cell) => compareCell(cell, { post, records: chosen, fit }));
  });
  return { post, fit, tables: post.tables.map((definition, index) => toTable(compared, { post, definition, number: index + 1 })) };
}

/** All cells of some tables, row by row, places that the post did not measure included. */
export function allCells(tables: readonly ComparisonTable[]): ComparisonCell[] {
  return tables.flatMap((table) => table.rows.flatMap((row) => row.cells));
}

/** The cells that have a published number. */
export function publishedCells(tables: readonly ComparisonTable[]): ComparisonCell[] {
  return allCells(tables).filter((cell) => cell.published.value !== undefined);
}

/** The records that supply at least one cell of these tables. */
export function recordsInTables(tables: readonly ComparisonTable[]): Set<ResultRecord> {
  return new Set(allCells(tables).flatMap((cell) => (cell.simulated === undefined ? [] : [cell.simulated.record])));
}

/** Whether a record was run the way the post's cells were: its options are those of the published tables, whatever its dimensions. */
export function isPublishedShape(record: ResultRecord, post: PublishedPost): boolean {
  return record.suite === post.suite && record.engine === 'virtual' && record.profile.overrides.length === 0 && post.isShape(record.options);
}

function answers(record: ResultRecord, { post, cell }: { post: PublishedPost; cell: PublishedCell }): boolean {
  return post.answers(record.options, cell.fields) && Object.hasOwn(record.metrics, cell.metric);
}

function hostOf(cell: PublishedCell, post: PublishedPost): string | undefined {
  return post.profileOf?.(cell.fields);
}

/** The setup that fills most of `cells`, which are all of one host. */
function chooseSetup(records: readonly ResultRecord[], { post, cells }: { post: PublishedPost; cells: readonly PublishedCell[] }): ResultRecord[] {
  const host = cells.length === 0 ? undefined : hostOf(cells[0], post);
  const setups = new Map<string, ResultRecord[]>();
  for (const record of records) {
    if (!isPublishedShape(record, post) || (host !== undefined && record.profile.name !== host)) continue;
    const key = setupOf(record, post);
    const own = setups.get(key);
    if (own === undefined) setups.set(key, [record]);
    else own.push(record);
  }
  const filledBy = (own: ResultRecord[]) => cells.filter((cell) => own.some((record) => answers(record, { post, cell }))).length;
  const ranked = [...setups].map(([key, own]) => ({ key, own, filled: filledBy(own) }));
  ranked.sort((a, b) => b.filled - a.filled || (a.key < b.key ? -1 : 1));
  return ranked[0]?.own.sort((a, b) => (a.cell < b.cell ? -1 : 1)) ?? [];
}

function setupOf(record: ResultRecord, post: PublishedPost): string {
  const options = Object.entries(record.options).filter(([name]) => !post.dimensions.includes(name));
  options.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([record.profile.name, record.profile.hash, options]);
}

function compareCell(cell: PublishedCell, { post, records, fit }: { post: PublishedPost; records: readonly ResultRecord[]; fit: Fit }): ComparisonCell {
  const base = { published: cell, fitted: fit.isFitted(cell) };
  const record = bestAnswer(records, { post, cell });
  if (record === undefined) return { ...base, missing: 'no record' };
  const metric = record.metrics[cell.metric];
  const { metricUnit, noun, perMetric } = post.quantity;
  if (metric.unit !== metricUnit || !Number.isFinite(metric.median) || metric.median <= 0) {
    return { ...base, missing: `not a ${noun} above zero: ${metric.median} ${metric.unit}` };
  }
  const simulated = {
    value: metric.median * perMetric,
    low: metric.low * perMetric,
    high: metric.high * perMetric,
    draws: metric.values.length,
    orderSensitive: metric.kind === 'order-sensitive',
    record,
  };
  return { ...base, simulated, ratio: cell.value === undefined ? undefined : simulated.value / cell.value };
}

function bestAnswer(records: readonly ResultRecord[], { post, cell }: { post: PublishedPost; cell: PublishedCell }): ResultRecord | undefined {
  const rank = ({ options }: ResultRecord) => post.preference?.(options, cell.fields) ?? 0;
  const candidates = records.filter((candidate) => answers(candidate, { post, cell }));
  // Sorting is stable: among equals the first by its cell stays first.
  return candidates.sort((a, b) => rank(b) - rank(a))[0];
}

function toTable(compared: readonly ComparisonCell[], table: Omit<ComparisonTable, 'rows'>): ComparisonTable {
  const { id, rows } = table.definition;
  const own = compared.filter(({ published }) => published.table === id);
  return { ...table, rows: rows.map((row) => toRow(own, { row, table: table.definition })) };
}

function toRow(own: readonly ComparisonCell[], { row, table }: { row: RowDefinition; table: TableDefinition }): ComparisonRow {
  const cells = table.columns.map(({ key }) => {
    const found = own.find(({ published }) => published.row === row.key && published.column === key);
    if (found === undefined) throw new Error(`Cannot build table "${table.id}": current no cell for ${key} at ${row.key}, expected one`);
    return found;
  });
  return { definition: row, cells, derived: deriveOf(cells, table) };
}

function deriveOf(cells: readonly ComparisonCell[], { derived, columns }: TableDefinition): ComparisonRow['derived'] {
  if (derived === undefined) return undefined;
  const values = (pick: (cell: ComparisonCell) => number | undefined) => Object.fromEntries(columns.map(({ key }, index) => [key, pick(cells[index])]));
  return {
    published: derived.compute(values((cell) => cell.published.value)),
    simulated: derived.compute(values((cell) => cell.simulated?.value)),
  };
}
