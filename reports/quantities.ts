// A small table of quantities: one a row, each in its own unit, and what is compared in the columns.

import { type Align, alignColumns } from './align.js';
import { cleanText, escapeMarkdown } from './escape.js';
import { formatMetric } from './units.js';

export interface QuantityTable {
  /** Over the quantities' names. */
  corner: string;
  columns: readonly string[];
  rows: readonly QuantityRow[];
}

export interface QuantityRow {
  label: string;
  /** As of a metric: "ns", "count", "bytes"; "line" is a number that stands as it is. */
  unit: string;
  /** One for each column. */
  values: readonly (number | undefined)[];
}

/** Text that ends with a newline: names to the left, numbers to the right. */
export function renderQuantitiesText(table: QuantityTable): string {
  const aligns = ['left' as Align, ...table.columns.map((): Align => 'right')];
  const lines = alignColumns(
    cellsOf(table).map((row) => row.map((text) => ({ text: cleanText(text) }))),
    aligns,
  );
  return `${lines.join('\n')}\n`;
}

/** The same as a Markdown table. */
export function renderQuantitiesMarkdown(table: QuantityTable): string {
  const [head, ...body] = cellsOf(table).map((row) => `| ${row.map(escapeMarkdown).join(' | ')} |`);
  return `${[head, `|---|${table.columns.map(() => '---:|').join('')}`, ...body].join('\n')}\n`;
}

function cellsOf({ corner, columns, rows }: QuantityTable): string[][] {
  return [[corner, ...columns], ...rows.map(({ label, unit, values }) => [label, ...values.map((value) => cellOf(value, unit))])];
}

function cellOf(value: number | undefined, unit: string): string {
  if (value === undefined) return '-';
  return unit === 'line' ? String(value) : formatMetric(value, unit);
}
