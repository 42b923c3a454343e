// An answer's values as texts, the same for terminal, Markdown and page.

import type { Answer, AnswerColumn, AnswerValue } from './questions/index.js';
import { digits, formatCount, formatMemory, formatNs, formatRatio } from './units.js';

/** A table of texts; "-" where there is no number. */
export interface AnswerTable {
  columns: { name: string; isNumber: boolean; isMinor: boolean }[];
  rows: string[][];
}

/** The table of an answer. */
export function formatAnswer({ columns, rows }: Answer): AnswerTable {
  return {
    columns: columns.map(({ name, measure, isMinor }) => ({ name, isNumber: measure !== 'text', isMinor: isMinor === true })),
    rows: rows.map((row) => row.map((value, index) => formatValue(value, columns[index].measure))),
  };
}

function formatValue(value: AnswerValue, measure: AnswerColumn['measure']): string {
  if (value === undefined) return '-';
  if (typeof value === 'string') return value;
  const format = {
    text: String,
    ns: formatNs,
    ratio: formatRatio,
    bytes: formatMemory,
    count: (count: number) => (Number.isInteger(count) || count >= 1000 ? formatCount(Math.round(count)) : digits(count, 3)),
  }[measure];
  return format(value);
}
