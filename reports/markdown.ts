// The report as Markdown: what a mail, a pull request or a README can hold.

import type { StoredRecord } from '../bench/results/index.js';
import { formatAnswer, inOneLine } from './answers.js';
import { checksMarkdown } from './checks-markdown.js';
import { escapeMarkdown } from './escape.js';
import { type Grid, type GridCell, gridOf } from './grid.js';
import { allCells, type ComparisonTable } from './match.js';
import { type AnsweredQuestion, buildModel, type PostReport, type ReportModel } from './model.js';
import type { OtherGroup } from './other-cells.js';
import { drawPhrase, errorPhrase, fitPhrase, headlinePhrase, misfitLegend, missingPhrase, nothingPhrase, sourcePhrase, worstPhrase } from './phrases.js';
import { formatCount, formatNs } from './units.js';

/** The whole report as Markdown that ends with a newline. */
export function renderTablesMarkdown(records: readonly StoredRecord[]): string {
  const model = buildModel(records);
  const sections = [
    ...model.posts.filter((post) => post.isShown).flatMap(postSections),
    model.posts.filter((post) => !post.isMeasured).map((post) => `*${escapeMarkdown(nothingPhrase(post))}*`),
    provenanceSection(model),
    ...model.others.map(otherSection),
    model.checks === undefined ? [] : checksMarkdown(model.checks),
    stallSection(model),
    lockSection(model),
    warningSection(model),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function postSections(report: PostReport): string[][] {
  const { post, tables, questions, isMeasured } = report;
  const measured = isMeasured ? [...tables.map(tableSection), [`*${escapeMarkdown(misfitLegend(post))}*`], fidelitySection(report)] : [];
  const asked = questions.length === 0 ? [] : [['### Questions of the thread'], ...questions.map(questionSection)];
  return [[`## ${escapeMarkdown(post.heading)}`, '', escapeMarkdown(sourcePhrase(post))], ...measured, ...asked];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(escapeMarkdown).join(' | ')} |`;
}

function table(head: readonly string[], leftColumns: number, body: readonly (readonly string[])[]): string[] {
  return [row(head), `|${head.map((_, index) => (index < leftColumns ? '---' : '---:')).join('|')}|`, ...body.map(row)];
}

function tableSection(comparison: ComparisonTable): string[] {
  const cells = allCells([comparison]);
  const grid = gridOf(comparison);
  const notes = [unitNote(grid), fitPhrase(cells), drawPhrase(cells), missingPhrase(comparison)].filter((note) => note !== undefined && note !== '');
  const { title, condition, question, group } = comparison.definition;
  const derived =
    grid.derived === undefined ? [] : [...(grid.derived.hasPublished ? [`${grid.derived.name}, published`] : []), `${grid.derived.name}, simulated`];
  const head = [
    grid.rowHeading,
    ...grid.columns.flatMap(({ heading, hasPublished }) => [...columnHead(heading, hasPublished), ...(grid.withRange ? ['range'] : [])]),
    ...derived,
  ];
  const body = grid.rows.map((one) => [
    one.label,
    ...one.cells.flatMap((cell, index) => cellTexts(cell, { hasPublished: grid.columns[index].hasPublished, withRange: grid.withRange })),
    ...(one.derived === undefined ? [] : [...(grid.derived?.hasPublished === true ? [one.derived.published] : []), one.derived.simulated]),
  ]);
  return [
    `### ${comparison.number}. "${escapeMarkdown(title)}" (${escapeMarkdown([group, condition].filter((part) => part !== undefined).join(', '))})`,
    '',
    escapeMarkdown(question),
    '',
    ...table(head, comparison.definition.rows.every((one) => one.x !== undefined) ? 0 : 1, body),
    '',
    escapeMarkdown(notes.join(' ')),
  ];
}

function unitNote({ unit }: Grid): string {
  return unit === undefined ? '' : `Unit: ${unit}.`;
}

function columnHead(heading: string, hasPublished: boolean): string[] {
  return hasPublished ? [`${heading}, published`, 'simulated', 'ratio'] : [`${heading}, simulated (not measured in the post)`];
}

function cellTexts(cell: GridCell, { hasPublished, withRange }: { hasPublished: boolean; withRange: boolean }): string[] {
  const range = withRange ? [cell.range] : [];
  if (!hasPublished) return [cell.simulated, ...range];
  const ratio = cell.far === undefined ? '-' : `${cell.predicted ? 'p ' : ''}${cell.ratio} ${cell.mark}`.trim();
  return [cell.published, cell.simulated, ratio, ...range];
}

function fidelitySection({ fidelity, tables, headline, fitNote, post }: PostReport): string[] {
  const worst = worstPhrase(fidelity, tables);
  const apart = fidelity.fitted.cells > 0 && fidelity.predicted.cells > 0;
  const body = [
    ['all cells', errorPhrase(fidelity.all, fidelity.limits.all)],
    ...fidelity.subsets.map((subset) => [subset.name, errorPhrase(subset, subset.limit)]),
    ...(apart
      ? [
          ['fitted', errorPhrase(fidelity.fitted)],
          ['predicted', errorPhrase(fidelity.predicted)],
        ]
      : []),
    ...fidelity.tables.map((summary, index) => [`table ${index + 1}`, errorPhrase(summary)]),
    ...(worst === undefined ? [] : [['worst cell', worst]]),
  ];
  const notes = [...(headline === undefined ? [] : [`${headlinePhrase(headline, post)}.`]), fitNote];
  return ['### Fidelity', '', ...table(['cells', 'geometric-mean error'], 2, body), '', ...notes.map(escapeMarkdown)];
}

function questionSection({ question, answer }: AnsweredQuestion): string[] {
  const head = [`#### ${escapeMarkdown(question.title)}`, '', `*${escapeMarkdown(question.asked)}*`, ''];
  if (answer === undefined) return [...head, escapeMarkdown(`Not in these results. To have it: npx ${question.command ?? ''}`)];
  const { columns, rows } = formatAnswer(answer);
  const left = columns.findIndex(({ isNumber }) => isNumber);
  const names = columns.map(({ name }) => name);
  return [
    ...head,
    escapeMarkdown(answer.sentence),
    '',
    ...table(
      names,
      left === -1 ? names.length : left,
      rows.map((one) => one.map(inOneLine)),
    ),
  ];
}

function provenanceSection({ provenance }: ReportModel): string[] {
  if (provenance.records === 0) return [];
  const { profiles, seeds, commits } = provenance;
  if (profiles.length === 0) return [escapeMarkdown(`Commit ${commits.join(', ')}.`)];
  return [escapeMarkdown(`Simulated: profile ${profiles.join('; ')}; seeds ${seeds}; commit ${commits.join(', ')}.`)];
}

function otherSection(group: OtherGroup): string[] {
  const head = [...group.columns, 'metric', group.arms?.name ?? '', 'median', 'range', 'n', `vs ${group.arms?.base ?? 'base'}`];
  const left = group.columns.length + 2;
  const body = group.blocks.flatMap((block) =>
    block.rows.map((one) => [...block.values, one.metric, one.arm, one.median, one.range, String(one.n), one.versusBase]),
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
  const waited = locks.filter(({ hasWaited }) => hasWaited);
  if (waited.length === 0) return [];
  const body = waited.flatMap((group) =>
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
