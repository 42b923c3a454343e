// Changing several memslots: one call each, the whole set at once (Paolo Bonzini), or only the changes at once (Maciej S. Szmigiero).

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatNs } from '../units.js';
import { AS_PUBLISHED, medianOf, memslotCells, numbersOf, structuresOf, timeColumns } from './memslot-cells.js';
import type { Answer, AnswerValue, Question } from './question.js';

const CALLS = ['one-by-one', 'set-regions', 'change-regions'] as const;

export const BATCH: Question = {
  id: 'question-batch',
  title: 'All memslots at once, or only the changes?',
  asked:
    'Paolo Bonzini: "userspace should provide all memslots at once, for an atomic switch" (set-regions: a diff of the old and the new set). Maciej S. Szmigiero had a batch of changes in mind (change-regions), so that changing 10 of 100 memslots does not look at all 100.',
  command:
    'mmulab run memslots --test batch --changes 10 --slots 101,1001,32764 --memslots array,tree,array-hva-tree,btree --call one-by-one,set-regions,change-regions',
  answer,
};

interface Line {
  slots: number;
  changes: number;
  memslots: string;
  times: (number | undefined)[];
}

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const cells = memslotCells(records, { where: { test: 'batch', ...AS_PUBLISHED }, varies: ['changes', 'call'] });
  const lines = numbersOf(cells, 'slots').flatMap((slots) =>
    numbersOf(cells, 'changes').flatMap((changes) =>
      structuresOf(cells).map((memslots): Line => {
        const times = CALLS.map((call) => medianOf(cells, { metric: 'batch', where: { slots, changes, memslots, call } }));
        return { slots, changes, memslots, times };
      }),
    ),
  );
  const answered = lines.filter(({ times }) => times.some((time) => time !== undefined));
  if (answered.length === 0) return undefined;
  return {
    sentence: sentenceOf(answered),
    columns: [
      { name: 'memslots', measure: 'count' },
      { name: 'changes', measure: 'count' },
      { name: 'structure', measure: 'text' },
      ...timeColumns(CALLS),
      { name: 'fastest', measure: 'text', isMinor: true },
    ],
    rows: answered.map(({ slots, changes, memslots, times }): AnswerValue[] => [slots, changes, memslots, ...times, fastest(times)]),
    records: cells,
  };
}

/** The call that takes least time, where there is more than one. */
function fastest(times: readonly (number | undefined)[]): string | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length < 2 ? undefined : CALLS[times.indexOf(Math.min(...known))];
}

function sentenceOf(lines: readonly Line[]): string {
  const last = lines[lines.length - 1];
  const own = lines.filter(({ slots, changes }) => slots === last.slots && changes === last.changes);
  const parts = own.map(({ memslots, times }) => {
    const known = CALLS.flatMap((call, index) => (times[index] === undefined ? [] : [`${formatNs(times[index])} ${call}`]));
    return `with ${memslots} ${known.join(', ')}`;
  });
  return `Changing the flags of ${formatCount(last.changes)} of ${formatCount(last.slots)} memslots takes ${parts.join('; ')}.`;
}
