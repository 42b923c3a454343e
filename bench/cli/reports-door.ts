// The one place where the harness meets the reports: loaded when tables are printed or a page is written.

import type { OneCheck, QuantityTable, StructurePoint } from '../../reports/index.js';
import { checkSelftestSuites, renderSelftest } from '../output/selftest.js';
import { isCell, type StoredRecord, writeAtomically } from '../results/index.js';
import { choiceItem, parseOne } from '../suites/index.js';

const FORMATS = ['text', 'markdown', 'csv', 'json', 'selftest'] as const;
export type Format = (typeof FORMATS)[number];

const DEFAULT_WIDTH = 80;

/** Throws a `UsageError` for any other word. */
export function parseFormat(text: string): Format {
  return parseOne('--format', text, choiceItem(FORMATS));
}

/** Throws a `UsageError` when none of these suites has the format: before anything runs. */
export function checkFormat(format: Format, suites: readonly string[]): void {
  if (format === 'selftest') checkSelftestSuites(suites);
}

/** All tables of `records` in one format, ending in a line end. `note` hears of records that the format leaves out. */
export async function render(records: readonly StoredRecord[], format: Format, note: (line: string) => void): Promise<string> {
  if (format === 'selftest') return renderSelftest(records.filter(isCell), note);
  const reports = await import('../../reports/index.js');
  const text = await {
    text: () => reports.renderTablesText(records, { width: process.stdout.columns || DEFAULT_WIDTH, color: wantsColor() }),
    markdown: () => reports.renderTablesMarkdown(records),
    csv: () => reports.renderTablesCsv(records),
    json: () => reports.renderTablesJson(records),
  }[format]();
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** What checks found: one in full, several as a table, in one format. Ends in a line end. */
export async function renderChecks(checks: readonly OneCheck[], { kind, format }: { kind: string; format: 'text' | 'json' | 'markdown' }): Promise<string> {
  const reports = await import('../../reports/index.js');
  const page = { width: process.stdout.columns || DEFAULT_WIDTH, color: wantsColor() };
  const records = checks.map(({ record }) => record);
  if (format === 'json') return reports.renderChecksJson(checks);
  if (records.length === 0) return '';
  if (format === 'markdown') return reports.renderTablesMarkdown(records);
  return kind !== 'table' && checks.length === 1 ? reports.renderCheckText(checks[0], page) : reports.renderTablesText(records, page);
}

/** A small table of quantities, ending in a line end. */
export async function renderQuantities(table: QuantityTable, format: 'text' | 'markdown'): Promise<string> {
  const reports = await import('../../reports/index.js');
  return format === 'text' ? reports.renderQuantitiesText(table) : reports.renderQuantitiesMarkdown(table);
}

/** Writes the page in one step. Throws a `DiskError`. */
export async function writeReport(path: string, records: readonly StoredRecord[]): Promise<void> {
  const { renderReportHtml } = await import('../../reports/index.js');
  writeAtomically(path, await renderReportHtml(records), 'report');
}

/** Draws the chart of the microbenchmarks. Throws a `DiskError`. */
export async function writeStructuresChart(path: string, points: readonly StructurePoint[]): Promise<void> {
  const { renderStructuresSvg } = await import('../../reports/index.js');
  writeAtomically(path, await renderStructuresSvg(points), 'chart');
}

function wantsColor(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
}
