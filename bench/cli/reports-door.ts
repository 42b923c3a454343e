// The one place where the harness meets the reports: loaded when tables are printed or a page is written.

import { type ResultRecord, writeAtomically } from '../results/index.js';
import { choiceItem, parseOne } from '../suites/index.js';

const FORMATS = ['text', 'markdown', 'csv', 'json'] as const;
export type Format = (typeof FORMATS)[number];

const DEFAULT_WIDTH = 80;

/** Throws a `UsageError` for any other word. */
export function parseFormat(text: string): Format {
  return parseOne('--format', text, choiceItem(FORMATS));
}

/** All tables of `records` in one format, ending in a line end. */
export async function render(records: ResultRecord[], format: Format): Promise<string> {
  const reports = await import('../../reports/index.js');
  const text = await {
    text: () => reports.renderTablesText(records, { width: process.stdout.columns || DEFAULT_WIDTH, color: wantsColor() }),
    markdown: () => reports.renderTablesMarkdown(records),
    csv: () => reports.renderTablesCsv(records),
    json: () => reports.renderTablesJson(records),
  }[format]();
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** Writes the page in one step. Throws a `DiskError`. */
export async function writeReport(path: string, records: ResultRecord[]): Promise<void> {
  const { renderReportHtml } = await import('../../reports/index.js');
  writeAtomically(path, await renderReportHtml(records), 'report');
}

function wantsColor(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
}
