// Sean Christopherson: dropping every mapping of the guest when one memslot is deleted or moved is the far bigger problem. What vCPUs pay for it that
// run in other memslots.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatNs, formatRatio } from '../units.js';
import { medianOf, memslotCells, numbersOf, quotient, structuresOf, timeColumns } from './memslot-cells.js';
import type { Answer, AnswerValue, Question } from './question.js';

export const ZAP: Question = {
  id: 'question-zap',
  title: 'What does zapping everything cost vCPUs that use other memslots?',
  asked: 'Sean Christopherson: "x86\'s "zap everything" implementation is a far bigger problem".',
  command: 'mmulab run memslots --test zap --vcpus 1,8,64 --slots 509 --zap-all Y,N --memslots tree',
  answer,
};

interface Line {
  memslots: string;
  slots: number;
  vcpus: number;
  zapAll: Measured;
  zapOne: Measured;
}

interface Measured {
  alone?: number;
  beside?: number;
  move?: number;
}

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const cells = memslotCells(records, { where: { test: 'zap' }, varies: ['vcpus', 'zapAll'] });
  const lines = structuresOf(cells).flatMap((memslots) =>
    numbersOf(cells, 'slots').flatMap((slots) =>
      numbersOf(cells, 'vcpus').map((vcpus): Line => {
        const measured = (zapAll: boolean) => measure(cells, { memslots, slots, vcpus, zapAll });
        return { memslots, slots, vcpus, zapAll: measured(true), zapOne: measured(false) };
      }),
    ),
  );
  const answered = lines.filter(({ zapAll, zapOne }) => zapAll.beside !== undefined || zapOne.beside !== undefined);
  if (answered.length === 0) return undefined;
  return {
    sentence: sentenceOf(answered),
    columns: [
      { name: 'structure', measure: 'text' },
      { name: 'memslots', measure: 'count' },
      { name: 'vCPUs', measure: 'count' },
      ...timeColumns(['pass alone', 'beside zap-all', 'beside zap-one']),
      { name: 'zap-all / alone', measure: 'ratio', isMinor: true },
      { name: 'zap-one / alone', measure: 'ratio', isMinor: true },
      ...timeColumns(['move zap-all', 'move zap-one']),
    ],
    rows: answered.map(({ memslots, slots, vcpus, zapAll, zapOne }): AnswerValue[] => [
      ...[memslots, slots, vcpus, zapAll.alone ?? zapOne.alone, zapAll.beside, zapOne.beside],
      ...[quotient(zapAll.beside, zapAll.alone), quotient(zapOne.beside, zapOne.alone), zapAll.move, zapOne.move],
    ]),
    records: cells,
  };
}

function measure(cells: readonly ResultRecord[], where: ResultRecord['options']): Measured {
  const time = (metric: string) => medianOf(cells, { metric, where });
  return { alone: time('guest_pass_alone'), beside: time('guest_pass'), move: time('move') };
}

/** Of the most vCPUs, for each structure. */
function sentenceOf(lines: readonly Line[]): string {
  const vcpus = Math.max(...lines.map((line) => line.vcpus));
  const own = lines.filter((line) => line.vcpus === vcpus);
  const parts = own.map(({ memslots, slots, zapAll, zapOne }) => {
    const all = describe(zapAll, 'when every move zaps everything');
    const one = describe(zapOne, 'when it zaps the moved memslot alone');
    return `with ${memslots} and ${slots} memslots, ${[all, one].filter((part) => part !== undefined).join(', and ')}`;
  });
  return `At ${vcpus} vCPUs, ${parts.join('; ')}.`;
}

function describe({ alone, beside, move }: Measured, when: string): string | undefined {
  if (beside === undefined) return undefined;
  const ratio = quotient(beside, alone);
  const pass = ratio === undefined ? `a pass takes ${formatNs(beside)}` : `a pass takes ${formatRatio(ratio)} times as long as alone`;
  return `${pass} ${when}${move === undefined ? '' : ` (${formatNs(move)} a move)`}`;
}
