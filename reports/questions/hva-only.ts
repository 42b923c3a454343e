// Sean Christopherson's counter-proposal: keep the array, add a tree for lookups by host address alone. Beside both, test by test.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatRatio } from '../units.js';
import { AS_PUBLISHED, medianOf, memslotCells, numbersOf, quotient, structuresOf, timeColumns } from './memslot-cells.js';
import type { Answer, AnswerValue, Question } from './question.js';

/** A test reaches the tree when it takes at most this much more. */
const REACHED = 1.05;

const TESTS: readonly { test: string; metric: string }[] = [
  ...['map', 'unmap', 'unmap-chunked', 'move-active', 'move-inactive', 'rw'].map((test) => ({ test, metric: 'iteration' })),
  { test: 'setup', metric: 'slot_setup' },
];

export const HVA_ONLY: Question = {
  id: 'question-hva-only',
  title: 'Would faster lookups by host address alone have sufficed?',
  asked:
    'Sean Christopherson: "would it be sufficient to focus on speeding up just the hva lookups?" Here as array-hva-tree: the array stays, an interval tree resolves a host address to an id.',
  command:
    'mmulab run memslots --test map,unmap,unmap-chunked,move-active,move-inactive,rw,setup --slots 10,100,509,8194 --memslots array,tree,array-hva-tree,btree',
  answer,
};

interface Line {
  test: string;
  slots: number;
  times: (number | undefined)[];
  /** array-hva-tree / tree. */
  ratio?: number;
}

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const byTest = TESTS.map(({ test, metric }) => ({ test, metric, cells: memslotCells(records, { where: { test, ...AS_PUBLISHED } }) }));
  const all = byTest.flatMap(({ cells }) => cells);
  const structures = structuresOf(all);
  const lines = byTest.flatMap(({ test, metric, cells }) =>
    numbersOf(cells, 'slots').flatMap((slots): Line[] => {
      const timeOf = (memslots: string) => medianOf(cells, { metric, where: { memslots, slots } });
      if (timeOf('array-hva-tree') === undefined) return [];
      return [{ test, slots, times: structures.map(timeOf), ratio: quotient(timeOf('array-hva-tree'), timeOf('tree')) }];
    }),
  );
  const compared = lines.filter((line) => line.ratio !== undefined);
  if (compared.length === 0) return undefined;
  return {
    sentence: sentenceOf(compared),
    columns: [
      { name: 'test', measure: 'text' },
      { name: 'memslots', measure: 'count' },
      ...timeColumns(structures),
      { name: 'array-hva-tree / tree', measure: 'ratio' },
    ],
    rows: lines.map(({ test, slots, times, ratio }): AnswerValue[] => [test, slots, ...times, ratio]),
    records: all.filter(({ options }) => lines.some((line) => line.test === options.test && line.slots === options.slots)),
  };
}

function sentenceOf(lines: readonly Line[]): string {
  const tests = [...new Set(lines.map((line) => line.test))];
  const farthest = tests.map((test) => lines.filter((line) => line.test === test).reduce((a, b) => ((b.ratio ?? 0) > (a.ratio ?? 0) ? b : a)));
  const reached = farthest.filter((line) => (line.ratio ?? 0) <= REACHED).map((line) => line.test);
  const missed = farthest.filter((line) => (line.ratio ?? 0) > REACHED);
  const where = (line: Line) => `${line.test} (${formatRatio(line.ratio ?? Number.NaN)} at ${formatCount(line.slots)})`;
  const within = `It comes within 5 % of the tree, at every count of memslots that was run, for ${reached.length === 0 ? 'no test' : reached.join(', ')}`;
  return missed.length === 0 ? `${within}; no test is left.` : `${within}; not for ${missed.map(where).join(', ')}, each with its farthest ratio to the tree.`;
}
