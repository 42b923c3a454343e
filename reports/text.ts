// The report for a terminal: the published tables with simulated numbers and ratios, fidelity, then everything else. Fits 80 columns.

import type { ResultRecord } from '../bench/results/index.js';
import { type Align, alignColumns, alignFitting, cutText, type TextCell, wrapText } from './align.js';
import { FIDELITY_LIMITS, misfit } from './fidelity.js';
import { allCells, type ComparisonCell, type ComparisonTable } from './match.js';
import { buildModel, type ReportModel } from './model.js';
import type { OtherBlock, OtherGroup } from './other-cells.js';
import { drawPhrase, errorPhrase, fitPhrase, headlinePhrase, missingPhrase, rangePhrase, SOURCE_PHRASE, worstPhrase } from './phrases.js';
import { decimalsFor, formatCount, formatNs, formatRatio } from './units.js';

/** Lock rows beyond this are left to the page, CSV and JSON. */
const LOCK_ROWS = 8;
const LOCK_NAME_WIDTH = 30;
const WARNING_ROWS = 20;
const MIN_WIDTH = 40;

/** How to print: columns available, and whether to use colour. */
export interface TextOptions {
  width: number;
  color: boolean;
}

type Paint = (text: string) => string;
type Palette = Record<'bold' | 'dim' | 'warm' | 'hot', Paint>;

/** The whole report as text that ends with a newline. Lines keep to `options.width` when that is at least 72. */
export function renderTablesText(records: readonly ResultRecord[], options: TextOptions): string {
  const model = buildModel(records);
  const page = { width: Math.max(MIN_WIDTH, options.width), palette: paletteOf(options.color) };
  const hasPublished = model.fidelity.all.measured > 0;
  const sections = [
    ...(hasPublished ? model.tables.map((table) => tableLines(table, page)) : []),
    hasPublished ? fidelityLines(model, page) : wrapText('No record belongs to a published table.', page.width),
    ...model.others.map((group) => groupLines(group, page)),
    stallLines(model, page),
    lockLines(model, page),
    warningLines(model, page),
  ];
  const printed = sections.filter((lines) => lines.length > 0);
  return `${printed.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

interface Page {
  width: number;
  palette: Palette;
}

function paletteOf(color: boolean): Palette {
  const code = (open: number, close: number): Paint => (color ? (text) => (text === '' ? '' : `\u001b[${open}m${text}\u001b[${close}m`) : (text) => text);
  return { bold: code(1, 22), dim: code(2, 22), warm: code(33, 39), hot: code(31, 39) };
}

function plain(text: string, paint?: Paint): TextCell {
  return { text, paint };
}

function tableLines(table: ComparisonTable, page: Page): string[] {
  const { palette } = page;
  const cells = allCells([table]);
  const title = wrapText(`${table.number}. "${table.definition.title}" (${table.definition.condition})`, page.width).map(palette.bold);
  const notes = [fitPhrase(cells), drawPhrase(cells), missingPhrase(cells)].filter((note) => note !== undefined && note !== '').join(' ');
  return [...title, ...comparisonRows(table, page), ...wrapText(notes, page.width).map(palette.dim)];
}

function comparisonRows(table: ComparisonTable, { width, palette }: Page): string[] {
  const decimals = decimalsFor(allCells([table]).map((cell) => cell.published.seconds));
  const withRange = width >= 76;
  const arm = withRange ? ['published', 'simulated', 'ratio', 'range'] : ['published', 'simulated', 'ratio'];
  const head = ['vCPUs', ...arm, ...arm].map((text) => plain(text));
  const body = table.rows.map((row) => [
    plain(String(row.vcpus)),
    ...[row.lazy, row.eager].flatMap((cell) => armCells(cell, decimals, palette).slice(0, arm.length)),
  ]);
  const [headLine, ...lines] = alignColumns(
    [head, ...body],
    head.map((): Align => 'right'),
  );
  return [palette.dim(armHeading(headLine)), palette.dim(headLine), ...lines];
}

/** The line over the columns that names the arms, each over its first column. */
function armHeading(headLine: string): string {
  const first = headLine.indexOf('published');
  const second = headLine.indexOf('published', first + 1);
  return `${'eager_page_split=N'.padStart(first + 18).padEnd(second)}eager_page_split=Y`;
}

function armCells(cell: ComparisonCell, decimals: number, palette: Palette): TextCell[] {
  const published = plain(cell.published.seconds.toFixed(decimals));
  if (cell.simulated === undefined || cell.ratio === undefined) return [published, plain('missing', palette.hot), plain('-'), plain('')];
  const far = misfit(cell.ratio);
  const paint = far > FIDELITY_LIMITS.worst ? palette.hot : far > 1.15 ? palette.warm : undefined;
  const predicted = cell.fitted ? '' : 'p';
  return [
    published,
    plain(cell.simulated.seconds.toFixed(decimals)),
    plain(`${predicted}${formatRatio(cell.ratio)}`, paint),
    plain(rangePhrase(cell), palette.dim),
  ];
}

function fidelityLines(model: ReportModel, { width, palette }: Page): string[] {
  const { fidelity, tables } = model;
  const worst = worstPhrase(fidelity, tables);
  const rows: [string, string][] = [
    ['all cells', errorPhrase(fidelity.all, FIDELITY_LIMITS.all)],
    ['dirty memory', errorPhrase(fidelity.dirtyMemory, FIDELITY_LIMITS.dirtyMemory)],
    ...fidelity.tables.map((summary, index): [string, string] => [`table ${index + 1}`, errorPhrase(summary)]),
    ...(worst === undefined ? [] : [['worst cell', worst] as [string, string]]),
  ];
  const headline = model.headline === undefined ? [] : wrapText(headlinePhrase(model.headline), width);
  const lines = rows.flatMap(([name, value]) => wrapText(`${name.padEnd(12)}  ${value}`.replace(/ (?= )/g, '\u00a0'), width, '\u00a0'.repeat(14)));
  return [
    palette.bold('Fidelity: geometric-mean error exp(mean |ln(simulated / published)|)'.slice(0, width)),
    ...lines.map((line) => line.replace(/\u00a0/g, ' ')),
    ...headline,
    ...[model.fitNote, SOURCE_PHRASE, ...model.provenance.profiles.map((profile) => `Profile: ${profile}.`)].flatMap((note) =>
      wrapText(note, width).map(palette.dim),
    ),
  ];
}

function groupLines(group: OtherGroup, page: Page): string[] {
  const { width, palette } = page;
  return [
    ...wrapText(`Other cells: ${group.title}`, width).map(palette.bold),
    ...wrapText(`common: ${group.common.join(' ')}`, width, '  ').map(palette.dim),
    ...group.blocks.flatMap((block) => blockLines(block, page)),
  ];
}

function blockLines(block: OtherBlock, { width, palette }: Page): string[] {
  const withLazy = block.rows.some((row) => row.versusLazy !== '');
  const head = ['metric', 'split', 'median', 'range', 'n', ...(withLazy ? ['vs lazy'] : [])].map((text) => plain(text, palette.dim));
  const body = block.rows.map((row) => [
    plain(row.metric),
    plain(row.split),
    plain(row.median),
    plain(row.range),
    plain(String(row.n)),
    ...(withLazy ? [plain(row.versusLazy)] : []),
  ]);
  const aligns: Align[] = ['left', 'left', 'right', 'right', 'right', ...(withLazy ? ['left' as const] : [])];
  return [
    '',
    ...wrapText(block.label, width, '  '),
    ...alignFitting([head, ...body], aligns, { width, dropOrder: [4, 3] }),
    ...block.notes.flatMap((note) => wrapText(note, width, '  ')),
  ];
}

function stallLines({ stalls }: ReportModel, { width, palette }: Page): string[] {
  if (stalls.length === 0) return [];
  const head = ['form', 'phase', 'kind', 'p50', 'p99', 'p99.9', 'max'].map((text) => plain(text, palette.dim));
  const labels = [...new Set(stalls.map((row) => `vcpus=${row.vcpus} ${row.label}`))];
  const blocks = labels.flatMap((label) => {
    const own = stalls.filter((row) => `vcpus=${row.vcpus} ${row.label}` === label);
    const body = own.map((row) => [row.form, row.phase, row.kind, ...[row.p50Ns, row.p99Ns, row.p999Ns, row.maxNs].map(formatNs)].map((text) => plain(text)));
    const aligns: Align[] = ['left', 'left', 'left', 'right', 'right', 'right', 'right'];
    return ['', ...wrapText(label, width, '  '), ...alignFitting([head, ...body], aligns, { width, dropOrder: [1, 5] })];
  });
  return [palette.bold('Stalls of guest accesses, from the exit to the retry'), ...blocks.slice(1)];
}

function lockLines({ locks }: ReportModel, { width, palette }: Page): string[] {
  const largest = locks.flatMap((group) => {
    const vcpus = Math.max(...group.rows.map((row) => row.vcpus));
    return group.rows.filter((row) => row.vcpus === vcpus && row.waitNsTotal > 0).map((row) => ({ group, row }));
  });
  if (largest.length === 0) return [];
  largest.sort((a, b) => b.row.waitNsTotal - a.row.waitNsTotal);
  const shown = largest.slice(0, LOCK_ROWS);
  const head = ['lock, site', 'vCPUs', 'taken', 'contended', 'wait mean', 'wait max', 'hold mean', 'hold max'].map((text) => plain(text, palette.dim));
  const body = shown.map(({ row }) => {
    const site = cutText(`${row.lock}, ${row.site}`, LOCK_NAME_WIDTH);
    const numbers = [row.waitNsMean, row.waitNsMax, row.holdNsMean, row.holdNsMax].map(formatNs);
    return [site, String(row.vcpus), formatCount(row.acquisitions), `${(100 * row.contended).toFixed(1)} %`, ...numbers].map((text) => plain(text));
  });
  const aligns: Align[] = ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'];
  const lines = alignFitting([head, ...body], aligns, { width, dropOrder: [7, 5, 2] });
  const rest = largest.length > shown.length ? [palette.dim(`${largest.length - shown.length} more in the page, Markdown and JSON forms`)] : [];
  const labelled = lines.flatMap((line, index) =>
    index === 0 ? [line] : [line, ...wrapText(shown[index - 1].group.label, width - 2).map((part) => palette.dim(`  ${part}`))],
  );
  return [palette.bold('Locks: call sites with most time waited, at the largest vCPU count'.slice(0, width)), ...labelled, ...rest];
}

function warningLines({ warnings }: ReportModel, { width, palette }: Page): string[] {
  if (warnings.length === 0) return [];
  const lines = warnings.slice(0, WARNING_ROWS).flatMap(({ code, message, where }) => wrapText(`${code}: ${message} (${where})`, width, '  '));
  const rest = warnings.length > WARNING_ROWS ? [palette.dim(`${warnings.length - WARNING_ROWS} more in the page, CSV and JSON forms`)] : [];
  return [palette.warm(palette.bold('Warnings')), ...lines, ...rest];
}
