// The tables of `mmulab bench structures`: for a terminal, Markdown, CSV and JSON.

import type { Measured } from './measure.js';
import { comparisons, groups, growthNote, growths, rowsOf, sentences } from './summary.js';

export const BENCH_FORMATS = ['text', 'markdown', 'csv', 'json'] as const;
export type BenchFormat = (typeof BENCH_FORMATS)[number];

/** Where the numbers were made. */
export interface BenchHost {
  cpu: string;
  node: string;
}

interface Table {
  title: string;
  /** The first row is the head; the first column is text and the rest are numbers. */
  rows: string[][];
}

const NOTES = [
  'Operations per second, with half the width of the 95 % interval of the median. B/op: bytes taken from the JavaScript heap by one operation, lines/op: cache lines that it touches, counted, both at the largest size.',
  'n stays what it is: inserts are erased again. "update" is the whole update of a memslot, of both sets, without grace periods.',
];

/** Everything measured, ending in a line end. */
export function renderBench(measured: readonly Measured[], format: BenchFormat, host: BenchHost): string {
  return { text: renderText, markdown: renderMarkdown, csv: renderCsv, json: renderJson }[format](measured, host);
}

function renderText(measured: readonly Measured[], host: BenchHost): string {
  const tables = tablesOf(measured).map(({ title, rows }) => `${title}\n${alignRows(rows).join('\n')}`);
  return `${[hostLine(host), ...tables, notesOf(measured).join('\n'), sentences(measured).join('\n')].join('\n\n')}\n`;
}

function renderMarkdown(measured: readonly Measured[], host: BenchHost): string {
  const tables = tablesOf(measured).map(({ title, rows }) => {
    const [head, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
    return [`## ${title}`, '', head, `|---|${'---:|'.repeat(rows[0].length - 1)}`, ...body].join('\n');
  });
  const list = [...notesOf(measured), ...sentences(measured)].map((line) => `- ${line}`);
  return `${[`# Memslot structures`, hostLine(host), ...tables, list.join('\n')].join('\n\n')}\n`;
}

function renderCsv(measured: readonly Measured[]): string {
  const head = 'operation,structure,n,ns_per_op,ns_low,ns_high,ops_per_s,samples,ops_per_sample,heap_bytes_per_op,lines_per_op,growth_exponent';
  const exponents = new Map(growths(measured).map(({ operation, structure, exponent }) => [`${operation} ${structure}`, exponent]));
  const lines = measured.map((row) => {
    const exponent = exponents.get(`${row.operation} ${row.structure}`) ?? Number.NaN;
    const numbers = [row.ns.median, row.ns.low, row.ns.high, 1e9 / row.ns.median, row.samples, row.opsPerSample, row.bytesPerOp, row.linesPerOp, exponent];
    return [row.operation, row.structure, row.n, ...numbers.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(6)) : ''))].join(',');
  });
  return `${[head, ...lines].join('\n')}\n`;
}

function renderJson(measured: readonly Measured[], host: BenchHost): string {
  const summary = { growth: growths(measured), againstPackages: comparisons(measured), sentences: sentences(measured) };
  return `${JSON.stringify({ benchmark: 'structures', host, measured, ...summary }, null, 2)}\n`;
}

function hostLine({ cpu, node }: BenchHost): string {
  return `Host time on ${cpu}, Node ${node}`;
}

function notesOf(measured: readonly Measured[]): string[] {
  return [...NOTES, growthNote(measured)];
}

function tablesOf(measured: readonly Measured[]): Table[] {
  const exponents = growths(measured);
  return groups(measured).map(({ operation, structures }) => {
    const sizes = [...new Set(measured.filter((row) => row.operation === operation).map(({ n }) => n))];
    const rows = structures.map((structure) => {
      const own = rowsOf(measured, operation, structure);
      const exponent = exponents.find((growth) => growth.operation === operation && growth.structure === structure)?.exponent ?? Number.NaN;
      const bytes = own[own.length - 1].bytesPerOp;
      return [
        structure,
        ...sizes.map((n) => speedOf(own.find((row) => row.n === n))),
        Number.isNaN(bytes) ? '-' : bytes.toFixed(0),
        linesOf(own),
        fixed(exponent),
      ];
    });
    return { title: operation, rows: [['n', ...sizes.map(String), 'B/op', 'lines/op', 'growth'], ...rows] };
  });
}

/** At the largest size. */
function linesOf(rows: readonly Measured[]): string {
  const { linesPerOp } = rows[rows.length - 1];
  return Number.isNaN(linesPerOp) ? '-' : linesPerOp.toFixed(1);
}

/** "13.1 M ±2%". */
function speedOf(row: Measured | undefined): string {
  if (row === undefined) return '-';
  const { median, low, high } = row.ns;
  return `${shortCount(1e9 / median)} ±${Math.ceil((50 * (high - low)) / median)}%`;
}

function shortCount(value: number): string {
  const [scale, unit] = value >= 1e6 ? [1e6, ' M'] : value >= 1e3 ? [1e3, ' k'] : [1, ''];
  const digits = value / scale;
  return `${digits >= 100 ? digits.toFixed(0) : digits.toPrecision(3)}${unit}`;
}

function fixed(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '-';
}

function alignRows(rows: readonly string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]))).join('  '));
}
