// The report for a terminal: each post's tables with simulated numbers and ratios, fidelity and questions, then everything else. Fits 80 columns.

import type { StoredRecord } from '../bench/results/index.js';
import { type Align, alignFitting, cutText, wrapText } from './align.js';
import { checksLines } from './checks-text.js';
import { buildModel, type ReportModel } from './model.js';
import type { OtherBlock, OtherGroup } from './other-cells.js';
import { nothingPhrase } from './phrases.js';
import { type Page, paletteOf, plain } from './text-page.js';
import { postLines } from './text-tables.js';
import { formatCount, formatNs } from './units.js';

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

/** The whole report as text that ends with a newline. Lines keep to `options.width` when that is at least 72. */
export function renderTablesText(records: readonly StoredRecord[], options: TextOptions): string {
  const model = buildModel(records);
  const page = { width: Math.max(MIN_WIDTH, options.width), palette: paletteOf(options.color) };
  const sections = [
    ...model.posts.filter((post) => post.isShown).flatMap((post) => postLines(post, page)),
    nothingLines(model, page),
    profileLines(model, page),
    ...model.others.map((group) => groupLines(group, page)),
    model.checks === undefined ? [] : checksLines(model.checks, page),
    stallLines(model, page),
    lockLines(model, page),
    warningLines(model, page),
  ];
  const printed = sections.filter((lines) => lines.length > 0);
  return `${printed.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Posts of which these results have nothing. */
function nothingLines({ posts }: ReportModel, { width }: Page): string[] {
  return posts.filter((post) => !post.isMeasured).flatMap((post) => wrapText(nothingPhrase(post), width, '  '));
}

function profileLines({ provenance }: ReportModel, { width, palette }: Page): string[] {
  return provenance.profiles.flatMap((profile) => wrapText(`Profile: ${profile}.`, width).map(palette.dim));
}

function groupLines(group: OtherGroup, page: Page): string[] {
  const { width, palette } = page;
  return [
    ...wrapText(`Other cells: ${group.title}`, width).map(palette.bold),
    ...wrapText(`common: ${group.common.join(' ')}`, width, '  ').map(palette.dim),
    ...group.blocks.flatMap((block) => blockLines(block, group, page)),
  ];
}

function blockLines(block: OtherBlock, { arms }: OtherGroup, { width, palette }: Page): string[] {
  const withBase = block.rows.some((row) => row.versusBase !== '');
  const head = ['metric', arms?.name ?? '', 'median', 'range', 'n', ...(withBase ? [`vs ${arms?.base}`] : [])].map((text) => plain(text, palette.dim));
  const body = block.rows.map((row) => [
    plain(row.metric),
    plain(row.arm),
    plain(row.median),
    plain(row.range),
    plain(String(row.n)),
    ...(withBase ? [plain(row.versusBase)] : []),
  ]);
  const aligns: Align[] = ['left', 'left', 'right', 'right', 'right', ...(withBase ? ['left' as const] : [])];
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
