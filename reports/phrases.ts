// Sentences that every form of the report shares, so that terminal, Markdown and page say the same.

import { type ErrorSummary, type Fidelity, misfit } from './fidelity.js';
import { allCells, type ComparisonCell, type ComparisonTable, type PostComparison } from './match.js';
import type { Headline } from './model.js';
import type { PublishedPost } from './posts/index.js';
import { digits, formatRatio, shortNumber } from './units.js';

/** Marks a misfit without colour: nothing within 5 %, then one to three arrows; up is above the published number. `worst` is the limit of one cell. */
export function misfitMark(ratio: number, worst: number): string {
  return (ratio > 1 ? '▲' : '▼').repeat(misfitClass(misfit(ratio), worst));
}

/** 0 within 5 %, 1 within 15 %, 2 within the limit of one cell, 3 beyond it. */
export function misfitClass(far: number, worst: number): 0 | 1 | 2 | 3 {
  return far <= 1.05 ? 0 : far <= 1.15 ? 1 : far <= worst ? 2 : 3;
}

/** Explains `misfitMark` for one post. */
export function misfitLegend({ limits, quantity }: PublishedPost): string {
  const [up, down] = quantity.better === 'smaller' ? ['slower', 'faster'] : ['faster', 'slower'];
  return `Ratio = simulated / published. ▲ ${up}, ▼ ${down} than published: one mark beyond 5 %, two beyond 15 %, three beyond a factor of ${shortNumber(limits.worst)}.`;
}

/** A number of a post in the largest unit that fits, three digits: "16.5 s", "83.9 ms". */
export function quantityText(value: number, { quantity }: PublishedPost): string {
  const rounded = Number(value.toPrecision(3));
  const [size, symbol] = quantity.scales.find(([one]) => Math.abs(rounded) >= one) ?? quantity.scales[quantity.scales.length - 1];
  return `${digits(value / size, 3)} ${symbol}`;
}

/** "1.04 over 72 cells (limit 1.10)", with the missing cells said. */
export function errorPhrase(summary: ErrorSummary, limit?: number): string {
  if (summary.error === undefined) return `none of ${summary.cells} cells simulated`;
  const over =
    summary.measured === summary.cells
      ? `over ${summary.cells} cells`
      : `over ${summary.measured} of ${summary.cells} cells, ${summary.cells - summary.measured} missing`;
  return `${formatError(summary.error)} ${over}${limit === undefined ? '' : ` (limit ${limit.toFixed(2)}${summary.error > limit ? ', exceeded' : ''})`}`;
}

/** A geometric-mean error with three decimals. */
export function formatError(error: number): string {
  return error.toFixed(3);
}

/** "8 vCPUs, lazy, table 1": where a cell stands. */
export function cellPlace(cell: ComparisonCell, tables: readonly ComparisonTable[]): string {
  const table = tables.find(({ definition }) => definition.id === cell.published.table);
  if (table === undefined) return `${cell.published.row}, ${cell.published.column}`;
  return `${rowText([cell.published.row], table)}, ${columnName(cell, table)}, table ${table.number}`;
}

/** "1.32 at 8 vCPUs, lazy, table 1", or nothing when nothing is measured. */
export function worstPhrase({ all, limits }: Fidelity, tables: readonly ComparisonTable[]): string | undefined {
  const { worst } = all;
  if (worst?.ratio === undefined) return undefined;
  const exceeded = misfit(worst.ratio) > limits.worst ? ', exceeded' : '';
  return `${formatRatio(worst.ratio)} at ${cellPlace(worst, tables)} (limit ${limits.worst.toFixed(2)} either way${exceeded})`;
}

function columnName({ published }: ComparisonCell, { definition }: ComparisonTable): string {
  return definition.columns.find(({ key }) => key === published.column)?.name ?? published.column;
}

/** "16, 32 vCPUs". */
function rowText(keys: readonly string[], { definition }: ComparisonTable): string {
  const labels = keys.map((key) => definition.rows.find((row) => row.key === key)?.label ?? key).join(', ');
  return definition.rowUnit === undefined ? labels : `${labels} ${definition.rowUnit}`;
}

/** "64 vCPUs: 16.5 s lazy, 83.9 ms eager; simulated 16.2 s lazy, 81.0 ms eager". */
export function headlinePhrase({ caption, columns, published, simulated }: Headline, post: PublishedPost): string {
  const list = (values: readonly number[]) => values.map((value, index) => `${quantityText(value, post)} ${columns[index].name}`).join(', ');
  return `${caption}: ${list(published)}; simulated ${list(simulated)}`;
}

/** Says for one table (or all) which cells were fitted and which are predictions. */
export function fitPhrase(cells: readonly ComparisonCell[]): string {
  const published = cells.filter((cell) => cell.published.value !== undefined);
  const fitted = published.filter((cell) => cell.fitted).length;
  const rest = published.length - fitted;
  const beyond = cells.length - published.length;
  const alone = beyond === 0 ? '' : ` Not measured in the post: ${beyond} more, predicted.`;
  if (rest === 0) return `Fitted: all ${published.length} cells. Predicted: none.${alone}`;
  if (fitted === 0) return `Fitted: none. Predicted: all ${published.length} cells.${alone}`;
  return `Fitted: ${fitted} of ${published.length} cells. Predicted: ${rest} (marked p).${alone}`;
}

/** Says which cells of a table have no simulated number, and why; `undefined` when none is missing. */
export function missingPhrase(table: ComparisonTable): string | undefined {
  const cells = allCells([table]);
  const missing = cells.filter((cell) => cell.simulated === undefined);
  if (missing.length === 0) return undefined;
  if (missing.length === cells.length && missing.every((cell) => cell.missing === 'no record')) return `Missing: all ${cells.length} cells (no record).`;
  return `Missing: ${missing.length} of ${cells.length} cells: ${missingGroups(missing, table).join('; ')}.`;
}

/** "lazy at 16, 32 vCPUs (no record)": one entry per column and reason. */
function missingGroups(missing: readonly ComparisonCell[], table: ComparisonTable): string[] {
  const groups = new Map<string, string[]>();
  for (const cell of missing) {
    const key = JSON.stringify([columnName(cell, table), cell.missing ?? 'no record']);
    groups.set(key, [...(groups.get(key) ?? []), cell.published.row]);
  }
  return [...groups].map(([key, rows]) => {
    const [name, reason] = JSON.parse(key) as [string, string];
    return `${name} at ${rowText(rows, table)} (${reason})`;
  });
}

/** Says what one number of a table stands for: exact, one draw, or a median over seeds. */
export function drawPhrase(cells: readonly ComparisonCell[]): string {
  const simulated = cells.flatMap((cell) => cell.simulated ?? []);
  const sensitive = simulated.filter(({ orderSensitive }) => orderSensitive);
  if (simulated.length === 0) return '';
  if (sensitive.length === 0) return 'Exact: every seed gives this number, within 0.1 %.';
  const draws = [...new Set(sensitive.map((one) => one.draws))].sort((a, b) => a - b);
  const what =
    draws.length === 1 && draws[0] === 1
      ? 'one seed, so each number is one draw (--seeds 5 gives a median and a range).'
      : `median over ${draws.join(' or ')} seeds, with the range over seeds.`;
  if (sensitive.length === simulated.length) return `Depends on the order in which vCPUs first arrive: ${what}`;
  return `${sensitive.length} of ${simulated.length} numbers depend on the order in which vCPUs first arrive: ${what} The others are exact.`;
}

/** Where the published numbers of a post come from, in one sentence. */
export function sourcePhrase({ author, title, date, alsoIn, host }: PublishedPost): string {
  return `Published: ${author}, "${title}", ${date}${alsoIn === undefined ? '' : `, ${alsoIn}`}; host: ${host}.`;
}

/** "Eager splitting, 2022: none of the 72 published cells is in these results". */
export function nothingPhrase({ post, tables }: PostComparison): string {
  const count = allCells(tables).filter((cell) => cell.published.value !== undefined).length;
  return `${post.shortName}: no record belongs to a published table, all ${count} cells are missing. "mmulab run ${post.suite}" runs them.`;
}
