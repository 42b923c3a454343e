// An answer's values as texts, the same for terminal, Markdown and page.

import type { Answer, AnswerColumn, AnswerValue, Spread } from './questions/index.js';
import { digits, formatCount, formatMemory, formatMetricRange, formatNs, formatRatio } from './units.js';

/** One value; `range` is the range over seeds, empty where there is none. */
export interface AnswerText {
  text: string;
  range: string;
}

/** A table of texts; "-" where there is no number. */
export interface AnswerTable {
  columns: { name: string; isNumber: boolean; isMinor: boolean }[];
  rows: AnswerText[][];
}

/** The table of an answer. */
export function formatAnswer({ columns, rows }: Answer): AnswerTable {
  return {
    columns: columns.map(({ name, measure, isMinor }) => ({ name, isNumber: measure !== 'text', isMinor: isMinor === true })),
    rows: rows.map((row) => row.map((value, index) => formatValue(value, columns[index].measure))),
  };
}

/** "33.00 µs (32.01..34.32 µs)": where value and range stand in one line. */
export function inOneLine({ text, range }: AnswerText): string {
  return range === '' ? text : `${text} (${range})`;
}

function formatValue(value: AnswerValue, measure: AnswerColumn['measure']): AnswerText {
  if (value === undefined) return { text: '-', range: '' };
  if (typeof value === 'string') return { text: value, range: '' };
  if (typeof value === 'number') return { text: formatNumber(value, measure), range: '' };
  const isOne = formatNumber(value.low, measure) === formatNumber(value.high, measure);
  return { text: formatNumber(value.value, measure), range: isOne ? '' : formatRange(value, measure) };
}

/** A unit that both ends share is said once. */
function formatRange({ low, high }: Spread, measure: AnswerColumn['measure']): string {
  if (measure === 'ns') return formatMetricRange(low, high, 'ns');
  const [from, to] = [formatNumber(low, measure), formatNumber(high, measure)];
  const unit = /(\/s| %)$/.exec(from)?.[0] ?? '';
  return `${from.slice(0, from.length - unit.length)}..${to}`;
}

function formatNumber(value: number, measure: AnswerColumn['measure']): string {
  const format = {
    text: String,
    ns: formatNs,
    ratio: formatRatio,
    bytes: formatMemory,
    count: (count: number) => (Number.isInteger(count) || count >= 1000 ? formatCount(Math.round(count)) : digits(count, 3)),
    per_s: (rate: number) => `${formatCount(rate >= 1000 ? Math.round(rate) : rate)}/s`,
    share: (share: number) => `${(100 * share).toFixed(1)} %`,
  }[measure];
  return format(value);
}
