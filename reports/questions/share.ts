// vCPUs that fault in memslots of their own, while all of them remember the one found last in one word.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatRatio } from '../units.js';
import { medianOf, memslotCells, numbersOf, quotient, structuresOf, timeColumns } from './memslot-cells.js';
import type { Answer, AnswerValue, Question } from './question.js';

export const SHARE: Question = {
  id: 'question-share',
  title: 'Should each vCPU remember the memslot that it found last?',
  asked: 'The array and the patch keep one "lru slot" for the whole VM; later kernels keep one for each vCPU.',
  command: 'mmulab run memslots --test share --vcpus 64 --mmu shadow,tdp --last-used shared,vcpu --memslots array,tree',
  answer,
};

/** Faults take mmu_lock for write in the first, for read in the second. */
const MMUS = ['shadow', 'tdp'];

interface Line {
  mmu: string;
  memslots: string;
  slots: number;
  vcpus: number;
  shared?: number;
  own?: number;
}

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const cells = memslotCells(records, { where: { test: 'share' }, varies: ['vcpus', 'lastUsed', 'mmu'] });
  const lines = MMUS.flatMap((mmu) => {
    const ofMmu = cells.filter((cell) => cell.options.mmu === mmu);
    return structuresOf(ofMmu).flatMap((memslots) =>
      numbersOf(ofMmu, 'slots').flatMap((slots) =>
        numbersOf(ofMmu, 'vcpus').map((vcpus): Line => {
          const time = (lastUsed: string) => medianOf(ofMmu, { metric: 'guest_pass', where: { memslots, slots, vcpus, lastUsed } });
          return { mmu, memslots, slots, vcpus, shared: time('shared'), own: time('vcpu') };
        }),
      ),
    );
  });
  const answered = lines.filter(({ shared, own }) => shared !== undefined || own !== undefined);
  if (!answered.some(({ shared, own }) => quotient(shared, own) !== undefined)) return undefined;
  return {
    sentence: sentenceOf(answered),
    columns: [
      { name: 'MMU', measure: 'text' },
      { name: 'structure', measure: 'text' },
      { name: 'memslots', measure: 'count' },
      { name: 'vCPUs', measure: 'count' },
      ...timeColumns(['one for all', 'one for each vCPU']),
      { name: 'ratio', measure: 'ratio' },
    ],
    rows: answered.map(({ mmu, memslots, slots, vcpus, shared, own }): AnswerValue[] => [mmu, memslots, slots, vcpus, shared, own, quotient(shared, own)]),
    records: cells,
  };
}

/** Of the most vCPUs that were run both ways. */
function sentenceOf(lines: readonly Line[]): string {
  const both = lines.filter(({ shared, own }) => quotient(shared, own) !== undefined);
  const vcpus = Math.max(...both.map((line) => line.vcpus));
  const parts = both
    .filter((line) => line.vcpus === vcpus)
    .map(({ mmu, memslots, shared, own }) => `${formatRatio(quotient(shared, own) ?? Number.NaN)} with ${memslots} under the ${mmu} MMU`);
  return `At ${vcpus} vCPUs, a pass with one word for all vCPUs takes this many times one with a word for each: ${parts.join(', ')}.`;
}
