// Sean Christopherson: what does enabling dirty logging cost? It changes the flags of every memslot, one by one.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatRatio } from '../units.js';
import { AS_PUBLISHED, medianOf, memslotCells, numbersOf, quotient, slotsText, structuresOf, timeColumns, timesText } from './memslot-cells.js';
import type { Answer, Question } from './question.js';

export const FLAGS: Question = {
  id: 'question-flags',
  title: 'What does enabling dirty logging cost?',
  asked: 'Sean Christopherson: "Do you have numbers for the overhead of enabling dirty logging?" He expected it, for each memslot, to be like a move.',
  command: 'mmulab run memslots --test flags,move-inactive --slots 10,100,509,1000,32764 --memslots array,tree,array-hva-tree,btree',
  answer,
};

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const cells = memslotCells(records, { where: { test: 'flags', ...AS_PUBLISHED } });
  const timeOf = (memslots: string, slots: number) => medianOf(cells, { metric: 'flag_change', where: { memslots, slots } });
  const structures = structuresOf(cells);
  const counts = numbersOf(cells, 'slots').filter((slots) => structures.some((name) => timeOf(name, slots) !== undefined));
  const largest = counts.at(-1);
  if (largest === undefined) return undefined;
  const moves = memslotCells(records, { where: { test: 'move-inactive', ...AS_PUBLISHED } });
  return {
    sentence: [
      `With ${slotsText(largest)}, turning dirty logging on for one of them takes ${timesText(structures, (name) => timeOf(name, largest))};`,
      `for all of them, one after the other, that is ${timesText(structures, (name) => times(timeOf(name, largest), largest))}.`,
      ...againstMoves(structures, { moves, slots: largest, timeOf }),
    ].join(' '),
    columns: [{ name: 'memslots', measure: 'count' }, ...timeColumns(structures), { name: 'array / tree', measure: 'ratio' }],
    rows: counts.map((slots) => [slots, ...structures.map((name) => timeOf(name, slots)), quotient(timeOf('array', slots), timeOf('tree', slots))]),
    records: cells,
  };
}

function times(ns: number | undefined, count: number): number | undefined {
  return ns === undefined ? undefined : ns * count;
}

/** The iteration of the move test is two moves. */
function againstMoves(
  structures: readonly string[],
  { moves, slots, timeOf }: { moves: readonly ResultRecord[]; slots: number; timeOf: (memslots: string, slots: number) => number | undefined },
): string[] {
  const parts = structures.flatMap((memslots) => {
    const move = medianOf(moves, { metric: 'iteration', where: { memslots, slots } });
    const ratio = quotient(timeOf(memslots, slots), move === undefined ? undefined : move / 2);
    return ratio === undefined ? [] : [`${formatRatio(ratio)} with ${memslots}`];
  });
  return parts.length === 0 ? [] : [`Against one move of a memslot (move-inactive) that is ${parts.join(', ')}.`];
}
