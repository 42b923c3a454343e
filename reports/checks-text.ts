// Checked interleavings for a terminal: the table of many checks, and all that there is to say about one.

import type { CheckRecord } from '../bench/results/index.js';
import { type Align, alignFitting, wrapText } from './align.js';
import { historyLines } from './check-history.js';
import { type CheckRow, type ChecksReport, checkRow, countOf, type HistoryStep, shortHistory } from './checks.js';
import { withoutControls } from './model.js';
import { type Page, paletteOf, plain } from './text-page.js';
import { digits, formatCount } from './units.js';

/** Columns that a narrow page leaves out, the first first: steps, schedules per minute, pruned. */
const DROP_ORDER = [6, 8, 5];

const COARSE = 'A coarse step made stores visible in its midst; what could have come in between was not tried. A choice point before the fence mends that.';

/** The table of all checks, protocol by protocol; below each what a row has no room for. */
export function checksLines({ protocols, right, planted }: ChecksReport, page: Page): string[] {
  const { width, palette } = page;
  const blocks = protocols.map(({ name, summary }) => {
    const rows = [...right, ...planted].filter(({ protocol }) => protocol === name);
    return ['', ...wrapText(`${name}: ${summary}`, width).map(palette.bold), ...rowLines(rows, page), ...rows.flatMap((row) => noteLines(row, page))];
  });
  const coarse = [...right, ...planted].some((row) => row.coarse > 0) ? ['', ...wrapText(COARSE, width)] : [];
  return [palette.bold('Checked interleavings'), ...blocks.flat(), ...coarse];
}

function rowLines(rows: readonly CheckRow[], { width, palette }: Page): string[] {
  const head = ['version', 'vCPUs', 'order', 'verdict', 'schedules', 'pruned', 'steps', 'time', 'per min'].map((text) => plain(text, palette.dim));
  const body = rows.map((row) =>
    [
      ...[row.plant?.name ?? 'right', String(row.vcpus), row.memoryOrder, row.word],
      ...[row.schedules, row.pruned, row.steps].map(formatCount),
      ...[timeText(row), row.perMinute === undefined ? '-' : formatCount(row.perMinute)],
    ].map((text) => plain(text)),
  );
  const aligns: Align[] = ['left', 'right', 'left', 'left', 'right', 'right', 'right', 'right', 'right'];
  return alignFitting([head, ...body], aligns, { width: width - 2, dropOrder: DROP_ORDER }).map((line) => `  ${line}`);
}

/** What breaks, where a search ended early, and how to run the failure again; nothing for a row that holds in all schedules. */
function noteLines(row: CheckRow, { width, palette }: Page): string[] {
  if (row.word === 'holds') return [];
  const { failure } = row;
  const name = `${row.plant?.name ?? 'right'}, ${vcpusText(row)}, ${row.memoryOrder}`;
  const text = failure === undefined ? `${name}: ${row.verdict}` : `${name}: ${row.verdict}: ${failure.message}`;
  const command = failure === undefined ? [] : [palette.dim(`    ${failure.command}`)];
  return [...wrapText(text, width - 2, '  ').map((line) => `  ${line}`), ...command];
}

/** A check, and what ran where it was the replay of a schedule that broke nothing. */
export interface OneCheck {
  record: CheckRecord;
  replayed?: { history: readonly HistoryStep[]; traceHash: string };
}

/** All about one check, ending in a line end. The first line says what came out; after a failure the last one is the command that replays it. */
export function renderCheckText({ record, replayed }: OneCheck, { width, color }: { width: number; color: boolean }): string {
  const clean = withoutControls(record);
  const row = checkRow(clean);
  const page = { width: Math.max(40, width), palette: paletteOf(color) };
  const lines = row.failure !== undefined ? failureLines(row, page) : heldLines(row, clean, page);
  if (replayed !== undefined && row.failure === undefined) lines.push('', ...replayLines(replayed, clean.actors, page));
  return `${lines.join('\n')}\n`;
}

function failureLines(row: CheckRow, { width, palette }: Page): string[] {
  const { failure } = row;
  if (failure === undefined) return [];
  return [
    palette.bold(`Broken: ${failure.claim}: ${failure.message}`),
    ...wrapText(whatText(row), width),
    '',
    ...historyLines(failure.steps, { actors: failure.actors, width }),
    '',
    leftOutText(failure.leftOut),
    `Trace ${failure.traceHash}${scheduleText(row)}. To run it again:`,
    failure.command,
  ];
}

function heldLines(row: CheckRow, { claims }: CheckRecord, { width, palette }: Page): string[] {
  const list = claims.flatMap(({ name, claim }) => wrapText(`${name}: ${claim}`, width - 2, '  ').map((line) => `  ${line}`));
  return [
    palette.bold(`${row.protocol}: ${row.plant === undefined ? row.verdict : `planted bug ${row.verdict}`}`),
    ...wrapText(whatText(row), width),
    ...list,
    ...(row.scheduler === 'replay' ? [] : wrapText(effortText(row), width)),
    ...(row.coarse > 0 ? wrapText(COARSE, width) : []),
    ...(row.word === 'unfinished' ? wrapText('Nothing broke so far, which is no proof: schedules are left that nobody has run.', width) : []),
  ];
}

function effortText(row: CheckRow): string {
  const time = row.perMinute === undefined ? timeText(row) : `${timeText(row)}, ${formatCount(row.perMinute)} schedules per minute`;
  const steps = `${formatCount(row.steps)} steps, the longest schedule has ${formatCount(row.longest)}`;
  return `${countOf(row.schedules)}, ${formatCount(row.pruned)} pruned, ${steps}; ${time}`;
}

function replayLines({ history, traceHash }: NonNullable<OneCheck['replayed']>, actors: readonly string[], { width }: Page): string[] {
  const clean = withoutControls({ history, traceHash });
  const steps = shortHistory(clean.history);
  return [...historyLines(steps, { actors, width }), '', leftOutText(history.length - steps.length), `Trace ${clean.traceHash}`];
}

/** "write-protect with the planted bug no-retry (it believes ...), 2 vCPUs, memory order sc, exhaustive". */
function whatText(row: CheckRow): string {
  const version = row.plant === undefined ? 'the right version' : `with the planted bug ${row.plant.name} (${row.plant.what})`;
  return `${row.protocol}, ${version}; ${vcpusText(row)}, memory order ${row.memoryOrder}, ${row.scheduler}`;
}

function scheduleText({ scheduler, schedules, pruned }: CheckRow): string {
  return scheduler === 'replay' ? '' : ` (schedule ${formatCount(schedules)}, ${formatCount(pruned)} pruned)`;
}

function leftOutText(steps: number): string {
  if (steps === 0) return 'No step is left out.';
  return `${formatCount(steps)} ${steps === 1 ? 'step is' : 'steps are'} left out: what others do does not depend on ${steps === 1 ? 'it' : 'them'}.`;
}

function vcpusText({ vcpus }: CheckRow): string {
  return `${vcpus} ${vcpus === 1 ? 'vCPU' : 'vCPUs'}`;
}

/** "3.42 s", "<0.01 s". */
export function timeText({ seconds }: Pick<CheckRow, 'seconds'>): string {
  return seconds < 0.01 ? '<0.01 s' : seconds < 10 ? `${seconds.toFixed(2)} s` : `${digits(seconds, 4)} s`;
}
