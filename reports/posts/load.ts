// Reads a post's numbers and its fit statement from reports/published. Files are found relative to this module, so that an installed package works
// from any folder.

import { readFileSync } from 'node:fs';
import type { PublishedCell, PublishedPost, Selector } from './post.js';

const FOLDER = new URL('../../../reports/published/', import.meta.url);

/** Which cells were used to choose the constants of the machine profile, and what to say about it. */
export interface Fit {
  isFitted(cell: PublishedCell): boolean;
  note: string;
}

/** The published cells in the order of the file, then the unmeasured ones. Throws an Error naming the line when the file is not as the definition says. */
export function loadCells(post: PublishedPost): PublishedCell[] {
  return parseCells(readFileSync(new URL(`${post.id}.csv`, FOLDER), 'utf8'), post);
}

/** Parses the text of a post's CSV. Throws an Error with the line number and the reason, also for a cell that is there twice or not at all. */
export function parseCells(text: string, post: PublishedPost): PublishedCell[] {
  const expected = post.csv.columns.join(',');
  const [header, ...lines] = text.trim().split('\n');
  if (header !== expected) throw new Error(`Cannot read ${post.id}.csv: current header "${header}", expected "${expected}"`);
  const published = lines.map((line, index) => parseLine(line, { post, where: `line ${index + 2}` }));
  const unmeasured = (post.unmeasured ?? []).map((fields) => placeCell(fields, { post, where: JSON.stringify(fields) }));
  const cells = [...published, ...unmeasured];
  checkComplete(cells, post);
  return cells;
}

interface Place {
  post: PublishedPost;
  where: string;
}

function parseLine(line: string, place: Place): PublishedCell {
  const { columns, value } = place.post.csv;
  const texts = line.split(',');
  const fields = Object.fromEntries(columns.map((column, index) => [column, texts[index] ?? '']));
  const number = fields[value] === '' ? Number.NaN : Number(fields[value]);
  if (texts.length !== columns.length || !(Number.isFinite(number) && number > 0)) {
    throw new Error(`Cannot read ${place.post.id}.csv: ${place.where} is "${line}", expected "${columns.join(',')}" with a ${value} above zero`);
  }
  return { ...placeCell(fields, place), value: number };
}

function placeCell(fields: Readonly<Record<string, string>>, { post, where }: Place): PublishedCell {
  const [row, column] = [fields[post.csv.row], fields[post.csv.column]];
  const table = post.tables.find((one) => matchesSelector(fields, one.where));
  if (table === undefined || !hasKey(table.rows, row) || !hasKey(table.columns, column)) {
    throw new Error(`Cannot read ${post.id}.csv: ${where} is in no table, expected ${post.csv.row} and ${post.csv.column} of a table of the post`);
  }
  return { table: table.id, row, column, metric: post.metricOf(fields), fields };
}

function hasKey(list: readonly { key: string }[], key: string): boolean {
  return list.some((one) => one.key === key);
}

function checkComplete(cells: readonly PublishedCell[], post: PublishedPost): void {
  for (const { id, rows, columns } of post.tables) {
    for (const row of rows) {
      for (const column of columns) {
        const count = cells.filter((cell) => cell.table === id && cell.row === row.key && cell.column === column.key).length;
        if (count !== 1) throw new Error(`Cannot read ${post.id}.csv: current ${count} cells for ${column.key} at ${row.key} of table "${id}", expected 1`);
      }
    }
  }
}

/** Reads a post's fit statement. Throws an Error when it is not as published/README.md says. */
export function loadFit(post: PublishedPost): Fit {
  return parseFit(readFileSync(new URL(`${post.id}.fit.json`, FOLDER), 'utf8'), post);
}

/** Parses the text of a fit file: `fitted` is "all" or a list of selectors over the columns of the CSV. A place without a published number is never fitted. */
export function parseFit(text: string, post: Pick<PublishedPost, 'id' | 'csv'>): Fit {
  const { fitted, note } = JSON.parse(text) as { fitted: unknown; note: unknown };
  const fail = (problem: string): never => {
    throw new Error(`Cannot read ${post.id}.fit.json: ${problem}`);
  };
  if (typeof note !== 'string') return fail('current note is missing, expected a string');
  if (fitted === 'all') return { isFitted: (cell) => cell.value !== undefined, note };
  if (!Array.isArray(fitted) || !fitted.every(isSelector)) {
    return fail(`current fitted is ${JSON.stringify(fitted)}, expected "all" or a list of selectors`);
  }
  const unknown = fitted.flatMap((selector) => Object.keys(selector)).find((name) => !post.csv.columns.includes(name));
  if (unknown !== undefined) return fail(`current selector names "${unknown}", expected one of ${post.csv.columns.join(', ')}`);
  return { isFitted: (cell) => cell.value !== undefined && fitted.some((selector) => matchesSelector(cell.fields, selector)), note };
}

function isSelector(value: unknown): value is Selector {
  const isValue = (one: unknown) => typeof one === 'string' || typeof one === 'number';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => isValue(one) || (Array.isArray(one) && one.every(isValue)));
}

/** Whether a line of the CSV has the values that a selector asks for. */
export function matchesSelector(fields: Readonly<Record<string, string>>, selector: Selector): boolean {
  return Object.entries(selector).every(([column, wanted]) => [wanted].flat().some((value) => String(value) === fields[column]));
}
