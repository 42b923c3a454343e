// The published tables as data: what David Matlack measured in 2022, and which of his cells were used to choose the machine profile.
// Files live in reports/published and are found relative to this module, so that an installed package works from any folder.

import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../reports/published/', import.meta.url);
const COLUMNS = 'metric,ept,write_percent,initially_all_set,vcpus,eager_page_split,seconds';

/** The two arms of the post: `eager_page_split=N` is lazy. */
export type Arm = 'lazy' | 'eager';

/** One published number. */
export interface PublishedCell {
  /** Name of the metric in mmulab's results, for example `dirty_memory_iter1`. */
  metric: string;
  ept: boolean;
  /** Percent of accesses that write: 100 or 20. */
  writePercent: number;
  /** `undefined` where the post does not say; compared with runs without initially-all-set. */
  initiallyAllSet: boolean | undefined;
  vcpus: number;
  arm: Arm;
  seconds: number;
}

/** The post that the numbers come from. */
export const PUBLISHED_POST = {
  author: 'David Matlack',
  title: '[00/23] Extend Eager Page Splitting to the shadow MMU',
  date: '3 February 2022',
  messageId: '20220203010051.2813563-1-dmatlack@google.com',
  host: 'two-socket Intel, type not stated',
} as const;

/** Which cells were used to choose the constants of the machine profile, and what to say about it. */
export interface Fit {
  isFitted(cell: PublishedCell): boolean;
  note: string;
}

/** The 72 published cells in the order of the file. Throws an Error naming the line when the file is not as expected. */
export function loadPublished(): PublishedCell[] {
  return parsePublished(readFileSync(new URL('eager-split-2022.csv', FOLDER), 'utf8'));
}

/** Parses the text of a published table. Throws an Error with the line number and the reason. */
export function parsePublished(text: string): PublishedCell[] {
  const [header, ...lines] = text.trim().split('\n');
  if (header !== COLUMNS) throw new Error(`Cannot read published table: current header "${header}", expected "${COLUMNS}"`);
  return lines.map((line, index) => parseCell(line, index + 2));
}

function parseCell(line: string, lineNumber: number): PublishedCell {
  const fields = line.split(',');
  const [metric, ept, writePercent, initiallyAllSet, vcpus, eager, seconds] = fields;
  const cell = { metric, ept: ept === 'Y', writePercent: Number(writePercent), vcpus: Number(vcpus), seconds: Number(seconds) };
  if (fields.length !== 7 || !(cell.vcpus > 0) || !(cell.seconds > 0) || !(cell.writePercent > 0)) {
    throw new Error(`Cannot read published table: line ${lineNumber} is "${line}", expected "${COLUMNS}" with positive numbers`);
  }
  return { ...cell, initiallyAllSet: initiallyAllSet === '' ? undefined : initiallyAllSet === 'Y', arm: eager === 'Y' ? 'eager' : 'lazy' };
}

/** Reads `eager-split-2022.fit.json`. Throws an Error when it is not as published/README.md says. */
export function loadFit(): Fit {
  return parseFit(readFileSync(new URL('eager-split-2022.fit.json', FOLDER), 'utf8'));
}

/** Parses the text of a fit file: `fitted` is "all" or a list of selectors over the columns of the CSV. */
export function parseFit(text: string): Fit {
  const { fitted, note } = JSON.parse(text) as { fitted: unknown; note: unknown };
  if (typeof note !== 'string') throw new Error('Cannot read fit file: current note is missing, expected a string');
  if (fitted === 'all') return { isFitted: () => true, note };
  if (!Array.isArray(fitted)) throw new Error(`Cannot read fit file: current fitted is ${JSON.stringify(fitted)}, expected "all" or a list of selectors`);
  const selectors = fitted as Record<string, unknown>[];
  return { isFitted: (cell) => selectors.some((selector) => matchesSelector(cell, selector)), note };
}

function matchesSelector(cell: PublishedCell, selector: Record<string, unknown>): boolean {
  const columns: Record<string, unknown> = {
    metric: cell.metric,
    ept: yesNo(cell.ept),
    write_percent: cell.writePercent,
    initially_all_set: cell.initiallyAllSet === undefined ? '' : yesNo(cell.initiallyAllSet),
    vcpus: cell.vcpus,
    eager_page_split: yesNo(cell.arm === 'eager'),
  };
  return Object.entries(selector).every(([column, value]) => columns[column] === value);
}

function yesNo(value: boolean): string {
  return value ? 'Y' : 'N';
}
