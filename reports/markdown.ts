// The report as Markdown: what a mail, a pull request or a README can hold.

import type { ResultRecord } from '../bench/results/index.js';
import { escapeMarkdown } from './escape.js';
import { FIDELITY_LIMITS } from './fidelity.js';
import { allCells, type ComparisonCell, type ComparisonTable } from './match.js';
import { buildModel, type ReportModel } from './model.js';
import type { OtherGroup } from './other-cells.js';
import {
  drawPhrase,
  errorPhrase,
  fitPhrase,
  headlinePhrase,
  MISFIT_LEGEND,
  misfitMark,
  missingPhrase,
  rangePhrase,
  SOURCE_PHRASE,
  worstPhrase,
} from './phrases.js';
import { decimalsFor, formatCount, formatNs, formatRatio } from './units.js';

/** The whole report as Markdown that ends with a newline. */
export function renderTablesMarkdown(records: readonly ResultRecord[]): string {
  const model = buildModel(records);
  const sections = [
    ...model.tables.map(tableSection),
    [`*${escapeMarkdown(MISFIT_LEGEND)} Times in seconds.*`],
    fidelitySection(model),
    ...model.others.map(otherSection),
    stallSection(model),
    lockSection(model),
    warningSection(model),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(escapeMarkdown).join(' | ')} |`;
}

function table(head: readonly string[], leftColumns: number, body: readonly (readonly string[])[]): string[] {
  return [row(head), `|${head.map((_, index) => (index < leftColumns ? '---' : '---:')).join('|')}|`, ...body.map(row)];
}

function tableSection(comparison: ComparisonTable): string[] {
  const cells = allCells([comparison]);
  const decimals = decimalsFor(cells.map((cell) => cell.published.seconds));
  const arms = ['N', 'Y'].flatMap((split) => [`eager_page_split=${split}, published`, 'simulated', 'ratio', 'range']);
  const body = comparison.rows.map((one) => [String(one.vcpus), ...armTexts(one.lazy, decimals), ...armTexts(one.eager, decimals)]);
  const notes = [fitPhrase(cells), drawPhrase(cells), missingPhrase(cells)].filter((note) => note !== undefined && note !== '');
  const { title, condition, question } = comparison.definition;
  return [
    `### ${comparison.number}. "${escapeMarkdown(title)}" (${escapeMarkdown(condition)})`,
    '',
    escapeMarkdown(question),
    '',
    ...table(['vCPUs', ...arms], 0, body),
    '',
    escapeMarkdown(notes.join(' ')),
  ];
}

function armTexts(cell: ComparisonCell, decimals: number): string[] {
  const published = cell.published.seconds.toFixed(decimals);
  if (cell.simulated === undefined || cell.ratio === undefined) return [published, 'missing', '-', ''];
  const ratio = `${cell.fitted ? '' : 'p '}${formatRatio(cell.ratio)} ${misfitMark(cell.ratio)}`.trim();
  return [published, cell.simulated.seconds.toFixed(decimals), ratio, rangePhrase(cell)];
}

function fidelitySection({ fidelity, tables, headline, fitNote, provenance }: ReportModel): string[] {
  const worst = worstPhrase(fidelity, tables);
  const body = [
    ['all cells', errorPhrase(fidelity.all, FIDELITY_LIMITS.all)],
    ['dirty memory', errorPhrase(fidelity.dirtyMemory, FIDELITY_LIMITS.dirtyMemory)],
    ...fidelity.tables.map((summary, index) => [`table ${index + 1}`, errorPhrase(summary)]),
    ...(worst === undefined ? [] : [['worst cell', worst]]),
  ];
  const notes = [
    ...(headline === undefined ? [] : [`${headlinePhrase(headline)}.`]),
    fitNote,
    SOURCE_PHRASE,
    `Simulated: profile ${provenance.profiles.join('; ')}; seeds ${provenance.seeds}; commit ${provenance.commits.join(', ')}.`,
  ];
  return ['### Fidelity', '', ...table(['cells', 'geometric-mean error'], 2, body), '', ...notes.map(escapeMarkdown)];
}

function otherSection(group: OtherGroup): string[] {
  const head = [...group.columns, 'metric', 'split', 'median', 'range', 'n', 'vs lazy'];
  const left = group.columns.length + 2;
  const body = group.blocks.flatMap((block) =>
    block.rows.map((one) => [...block.values, one.metric, one.split, one.median, one.range, String(one.n), one.versusLazy]),
  );
  const notes = group.blocks.flatMap((block) => block.notes.map((note) => `- ${escapeMarkdown(`${block.label}: ${note}`)}`));
  return [
    `### Other cells: ${escapeMarkdown(group.title)}`,
    '',
    `Common: ${escapeMarkdown(group.common.join(', '))}`,
    '',
    ...table(head, left, body),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ];
}

function stallSection({ stalls }: ReportModel): string[] {
  if (stalls.length === 0) return [];
  const body = stalls.map((one) => [
    ...[String(one.vcpus), one.label, one.form, one.phase, one.kind, formatCount(one.count)],
    ...[one.p50Ns, one.p99Ns, one.p999Ns, one.maxNs].map(formatNs),
  ]);
  return ['### Stalls of guest accesses', '', ...table(['vCPUs', 'cell', 'form', 'phase', 'kind', 'count', 'p50', 'p99', 'p99.9', 'max'], 5, body)];
}

function lockSection({ locks }: ReportModel): string[] {
  if (locks.length === 0) return [];
  const body = locks.flatMap((group) =>
    group.rows.map((one) => [
      ...[group.label, String(one.vcpus), one.lock, one.site, formatCount(one.acquisitions), `${(100 * one.contended).toFixed(1)} %`],
      ...[one.waitNsMean, one.waitNsMax, one.holdNsMean, one.holdNsMax].map(formatNs),
    ]),
  );
  const head = ['cell', 'vCPUs', 'lock', 'call site', 'acquisitions', 'contended', 'wait mean', 'wait max', 'hold mean', 'hold max'];
  return ['### Locks', '', ...table(head, 4, body)];
}

function warningSection({ warnings }: ReportModel): string[] {
  if (warnings.length === 0) return [];
  return ['### Warnings', '', ...warnings.map(({ code, message, where }) => `- ${escapeMarkdown(`${code}: ${message} (${where})`)}`)];
}
