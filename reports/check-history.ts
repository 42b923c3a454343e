// A schedule for a terminal: time runs downwards, and each actor has a column of its own, as the kernel's documents draw a race.

import { cutText, visibleWidth, wrapText } from './align.js';
import type { HistoryStep } from './checks.js';

/** Columns narrower than this are no columns: the actor's name then stands before what it did. */
const COLUMN_WIDTH_MIN = 16;
const GAP = '  ';

/** The steps as lines of at most `width`, under a line that names the actors. Steps of one actor stand in one column. */
export function historyLines(steps: readonly HistoryStep[], { actors, width }: { actors: readonly string[]; width: number }): string[] {
  const numberWidth = Math.max('step'.length, ...steps.map(({ step }) => String(step).length));
  const columnWidth = Math.floor((width - numberWidth) / Math.max(1, actors.length)) - GAP.length;
  if (columnWidth < COLUMN_WIDTH_MIN) return listLines(steps, { actors, width, numberWidth });
  const line = (number: string, actor: number, text: string): string =>
    `${number.padStart(numberWidth)}${GAP}${' '.repeat(actor * (columnWidth + GAP.length))}${text}`.trimEnd();
  const head = actors.map((name) => padded(cutText(name, columnWidth), columnWidth)).join(GAP);
  const body = steps.flatMap(({ step, actor, what }) =>
    wrapText(what, columnWidth, ' ').map((part, index) => line(index === 0 ? String(step) : '', actor, part)),
  );
  return [`${'step'.padStart(numberWidth)}${GAP}${head}`.trimEnd(), ...body];
}

function listLines(steps: readonly HistoryStep[], { actors, width, numberWidth }: { actors: readonly string[]; width: number; numberWidth: number }): string[] {
  const margin = ' '.repeat(numberWidth + GAP.length);
  return steps.flatMap(({ step, actor, what }) => {
    const [first, ...rest] = wrapText(`${actors[actor]}: ${what}`, Math.max(COLUMN_WIDTH_MIN, width - margin.length), GAP);
    return [`${String(step).padStart(numberWidth)}${GAP}${first}`, ...rest.map((part) => `${margin}${part}`)];
  });
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - visibleWidth(text)));
}
