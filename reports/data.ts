// The report as data: CSV with one row per number, and JSON with the whole model.

import { type CheckRecord, isCell, isCheck, type ResultRecord, type StoredRecord } from '../bench/results/index.js';
import { checkRow } from './checks.js';
import { armOf, profileText } from './labels.js';
import { type ComparisonCell, type ComparisonRow, type ComparisonTable, comparePosts, recordsInTables } from './match.js';
import { buildModel, cleanRecords } from './model.js';

const CSV_COLUMNS = [
  ...['section', 'post', 'table', 'title', 'row', 'column', 'suite', 'engine', 'profile', 'cell', 'vcpus', 'arm', 'metric', 'unit', 'kind'],
  ...['published', 'median', 'low', 'high', 'values', 'ratio', 'fitted', 'missing', 'warnings', 'verdict'],
] as const;

type CsvRow = Partial<Record<(typeof CSV_COLUMNS)[number], string | number>>;

/**
 * One row per place of a published table (in the post's unit) and per derived number, then one per metric of every other record (in its unit), and
 * one per count of every check, with its verdict.
 * Text that a spreadsheet would take for a formula is defused.
 */
export async function renderTablesCsv(records: readonly StoredRecord[]): Promise<string> {
  const { stringify } = await import('csv-stringify/sync');
  const sorted = cleanRecords(records.filter(isCell));
  const checks = cleanRecords(records.filter(isCheck));
  const tables = (sorted.length === 0 && checks.length > 0 ? [] : comparePosts(sorted)).flatMap((one) => one.tables);
  const inTables = recordsInTables(tables);
  const rows = [...tables.flatMap(tableRows), ...sorted.filter((record) => !inTables.has(record)).flatMap(otherRows), ...checks.flatMap(checkRows)];
  return stringify(rows, { header: true, columns: [...CSV_COLUMNS], escape_formulas: true });
}

function tableRows(table: ComparisonTable): CsvRow[] {
  return table.rows.flatMap((row) => [...row.cells.map((cell, index) => publishedRow(table, { row, cell, index })), ...derivedRows(table, row)]);
}

function placeColumns({ post, number, definition }: ComparisonTable, row: ComparisonRow): CsvRow {
  return { post: post.id, table: number, title: `${definition.title} (${definition.condition})`, row: row.definition.key };
}

function publishedRow(table: ComparisonTable, { row, cell, index }: { row: ComparisonRow; cell: ComparisonCell; index: number }): CsvRow {
  const { published, simulated } = cell;
  const base: CsvRow = {
    section: 'published',
    ...placeColumns(table, row),
    column: table.definition.columns[index].name,
    metric: published.metric,
    unit: table.post.quantity.unit,
    published: published.value,
    fitted: cell.fitted ? 'Y' : 'N',
    missing: cell.missing,
  };
  if (simulated === undefined) return base;
  return {
    ...base,
    ...recordColumns(simulated.record),
    kind: simulated.orderSensitive ? 'order-sensitive' : 'exact',
    median: simulated.value,
    low: simulated.low,
    high: simulated.high,
    values: simulated.draws,
    ratio: cell.ratio,
  };
}

/** The derived column of a row, as a plain number. */
function derivedRows(table: ComparisonTable, row: ComparisonRow): CsvRow[] {
  const name = table.definition.derived?.name;
  if (name === undefined || row.derived === undefined) return [];
  const { published, simulated } = row.derived;
  return [{ section: 'derived', ...placeColumns(table, row), column: name, metric: name, unit: 'ratio', published, median: simulated }];
}

function otherRows(record: ResultRecord): CsvRow[] {
  return Object.entries(record.metrics).map(([metric, { unit, kind, median, low, high, values }]) => ({
    section: 'other',
    ...recordColumns(record),
    metric,
    unit,
    kind,
    median,
    low,
    high,
    values: values.length,
  }));
}

function checkRows(record: CheckRecord): CsvRow[] {
  const { protocol, cell, summary, plant, options, schedules, pruned, steps, longest, wall } = record;
  const counts = { schedules, pruned, steps, longest };
  const base = { section: 'check', title: summary, row: protocol, column: options.memoryOrder, engine: 'explore', cell };
  const place = { ...base, vcpus: options.vcpus, arm: plant?.name ?? 'right', verdict: checkRow(record).verdict, values: 1 };
  return [
    ...Object.entries(counts).map(([metric, median]) => ({ ...place, metric, unit: 'count', kind: 'exact', median })),
    { ...place, metric: 'time', unit: 'ns', kind: 'sampled', median: Math.round(wall.seconds * 1e9) },
  ];
}

function recordColumns(record: ResultRecord): CsvRow {
  const warnings = record.warnings.map(({ code, message }) => `${code}: ${message}`).join('; ');
  const vcpus = typeof record.options.vcpus === 'number' ? record.options.vcpus : undefined;
  return { suite: record.suite, engine: record.engine, profile: profileText(record.profile), cell: record.cell, vcpus, arm: armOf(record), warnings };
}

/** Of the JSON form. 2: posts beside each other, each with its tables, fidelity and questions. 3: a value of an answer may be a median with its range; points of charts have a value in the chart's unit. */
const JSON_VERSION = 3;

/** The model as JSON, indented by two: posts, other cells, stalls, locks, warnings, provenance. Records are named by their cell. */
export function renderTablesJson(records: readonly StoredRecord[]): string {
  return `${JSON.stringify({ schemaVersion: JSON_VERSION, ...buildModel(records) }, nameRecords, 2)}\n`;
}

/** Puts a record's cell in place of the record, since the results file has the rest; a table names its post, which stands above it. */
function nameRecords(this: unknown, key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (key === 'post' && typeof this === 'object' && this !== null && 'definition' in this && 'id' in value) return value.id;
  if (key === 'records' && Array.isArray(value)) return value.map((one: ResultRecord) => one.cell);
  return key === 'record' && 'cell' in value ? value.cell : value;
}
