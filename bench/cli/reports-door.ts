// The one place where the harness meets the reports: loaded when tables are printed or a page is written.

import type { QuantityTable, StructurePoint } from '../../reports/index.js';
import { checkSelftestSuites, renderSelftest } from '../output/selftest.js';
import { type ResultRecord, writeAtomically } from '../results/index.js';
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
export async function render(records: ResultRecord[], format: Format, note: (line: string) => void): Promise<string> {
  if (format === 'selftest') return renderSelftest(records, note);
  const reports = await import('../../reports/index.js');
  const text = await {
    text: () => reports.renderTablesText(records, { width: process.stdout.columns || DEFAULT_WIDTH, color: wantsColor() }),
    markdown: () => reports.renderTablesMarkdown(records),
    csv: () => reports.renderTablesCsv(records),
    json: () => reports.renderTablesJson(records),
  }[format]();
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** A small table of quantities, ending in a line end. */
export async function renderQuantities(table: QuantityTable, format: 'text' | 'markdown'): Promise<string> {
  const reports = await import('../../reports/index.js');
  return format === 'text' ? reports.renderQuantitiesText(table) : reports.renderQuantitiesMarkdown(table);
}

/** Writes the page in one step. Throws a `DiskError`. */
export async function writeReport(path: string, records: ResultRecord[]): Promise<void> {
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
