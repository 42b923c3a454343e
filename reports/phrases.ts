// Sentences that every form of the report shares, so that terminal, Markdown and page say the same.

import { type ErrorSummary, FIDELITY_LIMITS, type Fidelity, misfit } from './fidelity.js';
import { allCells, type ComparisonCell, type ComparisonTable } from './match.js';
import type { Headline } from './model.js';
import { PUBLISHED_POST } from './published.js';
import { digits, formatRatio, formatSpread } from './units.js';

/** Marks a misfit without colour: nothing within 5 %, then one to three arrows; up is slower than published. */
export function misfitMark(ratio: number): string {
  const far = misfit(ratio);
  const count = far <= 1.05 ? 0 : far <= 1.15 ? 1 : far <= FIDELITY_LIMITS.worst ? 2 : 3;
  return (ratio > 1 ? '▲' : '▼').repeat(count);
}

/** Explains `misfitMark`. */
export const MISFIT_LEGEND =
  'Ratio = simulated / published. ▲ slower, ▼ faster than published: one mark beyond 5 %, two beyond 15 %, three beyond a factor of 1.5.';

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

/** "1.32 at 8 vCPUs, lazy, table 1", or nothing when nothing is measured. */
export function worstPhrase(fidelity: Fidelity, tables: readonly ComparisonTable[]): string | undefined {
  const { worst } = fidelity.all;
  if (worst?.ratio === undefined) return undefined;
  const table = tables.find((candidate) => allCells([candidate]).includes(worst));
  const exceeded = misfit(worst.ratio) > FIDELITY_LIMITS.worst ? ', exceeded' : '';
  return `${formatRatio(worst.ratio)} at ${worst.published.vcpus} vCPUs, ${worst.published.arm}, table ${table?.number ?? '?'} (limit ${FIDELITY_LIMITS.worst.toFixed(2)} either way${exceeded})`;
}

/** "64 vCPUs: 16.5 s lazy, 0.084 s eager; simulated 16.2 s lazy, 0.081 s eager". */
export function headlinePhrase({ vcpus, published, simulated }: Headline): string {
  const pair = (times: { lazy: number; eager: number }) => `${digits(times.lazy, 3)} s lazy, ${digits(times.eager, 2)} s eager`;
  return `${vcpus} vCPUs: ${pair(published)}; simulated ${pair(simulated)}`;
}

/** Says for one table (or all) which cells were fitted and which are predictions. */
export function fitPhrase(cells: readonly ComparisonCell[]): string {
  const fitted = cells.filter((cell) => cell.fitted).length;
  if (fitted === cells.length) return `Fitted: all ${cells.length} cells. Predicted: none.`;
  if (fitted === 0) return `Fitted: none. Predicted: all ${cells.length} cells.`;
  return `Fitted: ${fitted} of ${cells.length} cells. Predicted: ${cells.length - fitted} (marked p).`;
}

/** Says which cells have no simulated number, and why; `undefined` when none is missing. */
export function missingPhrase(cells: readonly ComparisonCell[]): string | undefined {
  const missing = cells.filter((cell) => cell.simulated === undefined);
  if (missing.length === 0) return undefined;
  if (missing.length === cells.length && missing.every((cell) => cell.missing === 'no record')) return `Missing: all ${cells.length} cells (no record).`;
  return `Missing: ${missing.length} of ${cells.length} cells: ${missingGroups(missing).join('; ')}.`;
}

/** "lazy at 16, 32 vCPUs (no record)": one entry per arm and reason. */
function missingGroups(missing: readonly ComparisonCell[]): string[] {
  const groups = new Map<string, number[]>();
  for (const { published, missing: reason } of missing) {
    const key = JSON.stringify([published.arm, reason ?? 'no record']);
    groups.set(key, [...(groups.get(key) ?? []), published.vcpus]);
  }
  return [...groups].map(([key, vcpus]) => {
    const [arm, reason] = JSON.parse(key) as [string, string];
    return `${arm} at ${vcpus.join(', ')} vCPUs (${reason})`;
  });
}

/** Says what one number of a table stands for: exact, one draw, or a median over seeds. */
export function drawPhrase(cells: readonly ComparisonCell[]): string {
  const sensitive = cells.flatMap((cell) => (cell.simulated?.orderSensitive === true ? [cell.simulated] : []));
  if (cells.every((cell) => cell.simulated === undefined)) return '';
  if (sensitive.length === 0) return 'Exact: every seed gives this number, within 0.1 %.';
  const draws = new Set(sensitive.map((one) => one.draws));
  if (draws.size === 1 && draws.has(1)) return 'Depends on the order in which vCPUs first arrive: one seed, so each number is one draw.';
  return `Depends on the order in which vCPUs first arrive: median over ${[...draws].sort((a, b) => a - b).join(' or ')} seeds, with the range over seeds.`;
}

/** The range over seeds of one cell: percent of the median, "1 draw" for a single seed, empty when exact. */
export function rangePhrase({ simulated }: ComparisonCell): string {
  if (simulated === undefined || !simulated.orderSensitive) return '';
  return simulated.draws === 1 ? '1 draw' : formatSpread(simulated.lowSeconds, simulated.highSeconds, simulated.seconds);
}

/** Where the published numbers come from, in one sentence. */
export const SOURCE_PHRASE = `Published: ${PUBLISHED_POST.author}, "${PUBLISHED_POST.title}", ${PUBLISHED_POST.date}, and his reply of 7 March 2022; host: ${PUBLISHED_POST.host}.`;
