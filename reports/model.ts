// Everything that a report says, worked out once; the renderers only lay it out.

import { isCell, isCheck, type ResultRecord, type StoredRecord } from '../bench/results/index.js';
import { type ChecksReport, checksReport } from './checks.js';
import { cleanText } from './escape.js';
import { type Fidelity, fidelityOf } from './fidelity.js';
import { differingOptions, groupBy, optionText, profileText, seedsText } from './labels.js';
import { type LockGroup, lockGroups, type StallRow, stallRows } from './locks-and-stalls.js';
import { allCells, type ComparisonTable, comparePosts, type PostComparison, recordsInTables } from './match.js';
import { type OtherGroup, otherGroups } from './other-cells.js';
import type { PublishedPost } from './posts/index.js';
import type { Answer, ComparedNumber, Question } from './questions/index.js';

/** A warning of one or more records. */
export interface ReportWarning {
  code: string;
  message: string;
  /** Canonical keys of the cells that carry it. */
  cells: string[];
  /** The same for people: the first cell by what tells it apart, and how many there are. */
  where: string;
}

/** Where the numbers come from; each list is sorted and free of repetitions. */
export interface Provenance {
  records: number;
  commits: string[];
  profiles: string[];
  engines: string[];
  seeds: string;
  hosts: string[];
  /** Earliest start, ISO 8601; empty without records. */
  startedAt: string;
  wallSeconds: number;
}

/** One row of a published table with every column simulated: what is shown first. In the post's unit, in the order of the columns. */
export interface Headline {
  caption: string;
  columns: { name: string; color: number }[];
  published: number[];
  simulated: number[];
}

/** A question of a thread, with its answer where the cells are there. */
export interface AnsweredQuestion {
  question: Question;
  answer?: Answer;
}

/** What a report says about one post. */
export interface PostReport extends PostComparison {
  fidelity: Fidelity;
  /** What the fit file says about fitted and predicted cells. */
  fitNote: string;
  headline?: Headline;
  questions: AnsweredQuestion[];
  /** Some published cell has a simulated number. */
  isMeasured: boolean;
  /** Some record answers a cell or a question: the post has something to show. */
  isShown: boolean;
}

/** What a report says. */
export interface ReportModel {
  posts: PostReport[];
  others: OtherGroup[];
  locks: LockGroup[];
  stalls: StallRow[];
  warnings: ReportWarning[];
  /** Interleavings that were checked; absent where no record is of one. */
  checks?: ChecksReport;
  provenance: Provenance;
}

/** Builds the model. The order of `records` does not matter. */
export function buildModel(records: readonly StoredRecord[]): ReportModel {
  const all = cleanRecords(records);
  const checks = all.filter(isCheck);
  const sorted = all.filter(isCell);
  // Checks alone say nothing of posts, not even that their cells are missing.
  const posts = (sorted.length === 0 && checks.length > 0 ? [] : comparePosts(sorted)).map((comparison) => toPostReport(comparison, sorted));
  const published = recordsInTables(posts.flatMap(({ tables }) => tables));
  const answered = new Set(posts.flatMap(({ questions }) => questions.flatMap(({ answer }) => answer?.records ?? [])));
  const others = sorted.filter((record) => !published.has(record) && !answered.has(record));
  // What differs is looked for among cells of one suite that stand together: options of another suite tell nothing apart.
  const parts = [sorted.filter((record) => published.has(record)), sorted.filter((record) => !published.has(record))].flatMap(bySuite);
  return {
    posts,
    others: otherGroups(others, sorted),
    locks: parts.flatMap((part) => lockGroups(part, differingOptions(part))),
    stalls: bySuite(sorted).flatMap((part) => stallRows(part, differingOptions(part.filter((record) => !published.has(record))))),
    warnings: parts.flatMap(collectWarnings),
    ...(checks.length > 0 && { checks: checksReport(checks) }),
    provenance: provenanceOf(all),
  };
}

function bySuite(records: readonly ResultRecord[]): ResultRecord[][] {
  return groupBy(records, (record) => record.suite);
}

function toPostReport(comparison: PostComparison, records: readonly ResultRecord[]): PostReport {
  const { post, tables } = comparison;
  const fidelity = fidelityOf(comparison);
  const compared = allCells(tables).map(comparedNumber);
  const questions = post.questions.map((question) => ({ question, answer: question.answer(records, compared) }));
  const isMeasured = recordsInTables(tables).size > 0;
  return {
    ...comparison,
    fidelity,
    fitNote: comparison.fit.note,
    headline: headlineOf(post, tables),
    questions,
    isMeasured,
    isShown: isMeasured || questions.some(({ answer }) => answer !== undefined && answer.records.length > 0),
  };
}

function comparedNumber({ published, simulated }: ReturnType<typeof allCells>[number]): ComparedNumber {
  return { fields: published.fields, published: published.value, simulated: simulated?.value, record: simulated?.record };
}

/** Copies, sorted by cell, without control characters in any string or name: none reaches a terminal, whatever prints it. */
export function cleanRecords<T extends StoredRecord>(records: readonly T[]): T[] {
  const copies = records.map(withoutControls);
  return copies.sort((a, b) => (a.cell < b.cell ? -1 : a.cell > b.cell ? 1 : 0));
}

/** A copy without control characters in any string or name. */
export function withoutControls<T>(value: T): T {
  return cleanValue(value) as T;
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [cleanText(name), cleanValue(one)]));
}

function headlineOf({ headline }: PublishedPost, tables: readonly ComparisonTable[]): Headline | undefined {
  const table = tables.find(({ definition }) => definition.id === headline?.table);
  if (headline === undefined || table === undefined) return undefined;
  const isShown = ({ key }: { key: string }) => headline.columns?.includes(key) !== false;
  for (const { definition, cells: all } of [...table.rows].reverse()) {
    const cells = all.filter((_, index) => isShown(table.definition.columns[index]));
    const published = cells.flatMap((cell) => cell.published.value ?? []);
    const simulated = cells.flatMap((cell) => cell.simulated?.value ?? []);
    if (headline.row !== undefined && headline.row !== definition.key) continue;
    if (published.length < cells.length || simulated.length < cells.length) continue;
    const columns = table.definition.columns.filter(isShown).map(({ name, color }) => ({ name, color }));
    return { caption: headline.caption(definition.label), columns, published, simulated };
  }
  return undefined;
}

function collectWarnings(records: readonly ResultRecord[]): ReportWarning[] {
  const names = differingOptions(records);
  const found = new Map<string, ResultRecord[]>();
  for (const record of records) {
    for (const { code, message } of record.warnings) {
      const key = JSON.stringify([code, message]);
      found.set(key, [...(found.get(key) ?? []), record]);
    }
  }
  return [...found].map(([key, own]) => {
    const [code, message] = JSON.parse(key) as [string, string];
    const first = `${own[0].engine} ${optionText(own[0], names)}`.trim();
    const where = own.length === 1 ? first : `${own.length} of ${records.length} cells, the first: ${first}`;
    return { code, message, cells: own.map((record) => record.cell), where };
  });
}

function provenanceOf(records: readonly StoredRecord[]): Provenance {
  const starts = records.map((record) => record.wall.startedAt).sort();
  const cells = records.filter(isCell);
  const engines = records.map((record) => (isCheck(record) ? 'explore' : record.engine));
  return {
    records: records.length,
    commits: unique(records.map((record) => record.commit)),
    profiles: unique(cells.map((record) => profileText(record.profile))),
    engines: unique(engines),
    seeds: seedsText(cells.flatMap((record) => record.seeds)),
    hosts: unique(records.map((record) => hostText(record.host))),
    startedAt: starts[0] ?? '',
    wallSeconds: records.reduce((sum, record) => sum + record.wall.seconds, 0),
  };
}

function hostText(host: ResultRecord['host']): string {
  const memory = (host.memoryBytes / 1024 ** 3).toFixed(1);
  return `${host.cpu}, ${host.cores} cores, ${memory} GiB, ${host.platform} ${host.arch}, node ${host.node.replace(/^v/, '')}`;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
