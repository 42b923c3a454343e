// The report as data: CSV with one row per number, and JSON with the whole model.

import type { ResultRecord } from '../bench/results/index.js';
import { profileText, splitOf } from './labels.js';
import { type ComparisonCell, type ComparisonTable, publishedTables, recordsInTables } from './match.js';
import { buildModel, cleanRecords, type ReportModel } from './model.js';

const CSV_COLUMNS = [
  ...['section', 'table', 'title', 'suite', 'engine', 'profile', 'cell', 'vcpus', 'split', 'metric', 'unit', 'kind'],
  ...['published', 'median', 'low', 'high', 'values', 'ratio', 'fitted', 'missing', 'warnings'],
] as const;

type CsvRow = Partial<Record<(typeof CSV_COLUMNS)[number], string | number>>;

/** One row per published cell (unit s), then one per metric of every other record (in its unit). Text that a spreadsheet would take for a formula is defused. */
export async function renderTablesCsv(records: readonly ResultRecord[]): Promise<string> {
  const { stringify } = await import('csv-stringify/sync');
  const sorted = cleanRecords(records);
  const tables = publishedTables(sorted);
  const inTables = recordsInTables(tables);
  const rows = [...tables.flatMap(tableRows), ...sorted.filter((record) => !inTables.has(record)).flatMap(otherRows)];
  return stringify(rows, { header: true, columns: [...CSV_COLUMNS], escape_formulas: true });
}

function tableRows(table: ComparisonTable): CsvRow[] {
  return table.rows.flatMap((row) => [row.lazy, row.eager].map((cell) => publishedRow(table, cell)));
}

function publishedRow({ number, definition }: ComparisonTable, cell: ComparisonCell): CsvRow {
  const { published, simulated } = cell;
  const base: CsvRow = {
    section: 'published',
    table: number,
    title: `${definition.title} (${definition.condition})`,
    vcpus: published.vcpus,
    split: published.arm,
    metric: published.metric,
    unit: 's',
    published: published.seconds,
    fitted: cell.fitted ? 'Y' : 'N',
    missing: cell.missing,
  };
  if (simulated === undefined) return base;
  return {
    ...base,
    ...recordColumns(simulated.record),
    kind: simulated.orderSensitive ? 'order-sensitive' : 'exact',
    median: simulated.seconds,
    low: simulated.lowSeconds,
    high: simulated.highSeconds,
    values: simulated.draws,
    ratio: cell.ratio,
  };
}

function otherRows(record: ResultRecord): CsvRow[] {
  return Object.entries(record.metrics).map(([metric, { unit, kind, median, low, high, values }]) => ({
    section: 'other',
    ...recordColumns(record),
    split: splitOf(record),
    vcpus: typeof record.options.vcpus === 'number' ? record.options.vcpus : undefined,
    metric,
    unit,
    kind,
    median,
    low,
    high,
    values: values.length,
  }));
}

function recordColumns(record: ResultRecord): CsvRow {
  const warnings = record.warnings.map(({ code, message }) => `${code}: ${message}`).join('; ');
  return { suite: record.suite, engine: record.engine, profile: profileText(record.profile), cell: record.cell, warnings };
}

/** The model as JSON, indented by two: tables with ratios, fidelity, other cells, stalls, locks, warnings, provenance. Records are named by their cell. */
export function renderTablesJson(records: readonly ResultRecord[]): string {
  return `${JSON.stringify({ schemaVersion: 1, ...buildModel(records) } satisfies ReportModel & { schemaVersion: 1 }, nameRecords, 2)}\n`;
}

/** Puts a record's cell in place of the record: the results file has the rest. */
function nameRecords(key: string, value: unknown): unknown {
  return key === 'record' && typeof value === 'object' && value !== null && 'cell' in value ? value.cell : value;
}
