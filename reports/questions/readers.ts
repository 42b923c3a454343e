// Readers that look memslots up while an updater changes them as fast as it can.

import type { ResultRecord } from '../../bench/results/index.js';
import { medianOf, memslotCells, numbersOf, quotient, structuresOf, timeColumns, timesText } from './memslot-cells.js';
import type { Answer, AnswerValue, Question } from './question.js';

export const READERS: Question = {
  id: 'question-readers',
  title: 'Do readers notice an updater?',
  asked:
    'Maciej S. Szmigiero: two sets are needed "so the VM continues to run on the currently active set". Every lookup is checked: none may see a torn set, a half-moved memslot or a freed one.',
  command: 'mmulab run memslots --test readers --slots 509 --vcpus 2 --memslots array,tree,array-hva-tree,btree',
  answer,
};

interface Line {
  engine: ResultRecord['engine'];
  memslots: string;
  slots: number;
  vcpus: number;
  alone?: number;
  beside?: number;
  update?: number;
}

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const engines = ['virtual', 'threads'] as const;
  const used: ResultRecord[] = [];
  const lines = engines.flatMap((engine) => {
    const cells = memslotCells(records, { where: { test: 'readers' }, varies: ['vcpus'], engine });
    used.push(...cells);
    return linesOf(cells, engine);
  });
  const answered = lines.filter(({ alone, beside, update }) => alone !== undefined && beside !== undefined && update !== undefined);
  if (answered.length === 0) return undefined;
  return {
    sentence: sentenceOf(answered),
    columns: [
      { name: 'engine', measure: 'text' },
      { name: 'structure', measure: 'text' },
      { name: 'memslots', measure: 'count' },
      { name: 'readers', measure: 'count' },
      ...timeColumns(['lookup alone', 'beside']),
      { name: 'slower', measure: 'ratio' },
      ...timeColumns(['update']),
    ],
    rows: answered.map(({ engine, memslots, slots, vcpus, alone, beside, update }): AnswerValue[] => [
      engine,
      memslots,
      slots,
      vcpus,
      alone,
      beside,
      quotient(beside, alone),
      update,
    ]),
    records: used,
  };
}

function linesOf(cells: readonly ResultRecord[], engine: Line['engine']): Line[] {
  return structuresOf(cells).flatMap((memslots) =>
    numbersOf(cells, 'slots').flatMap((slots) =>
      numbersOf(cells, 'vcpus').map((vcpus): Line => {
        const time = (metric: string) => medianOf(cells, { metric, where: { memslots, slots, vcpus } });
        return { engine, memslots, slots, vcpus, alone: time('lookup_alone'), beside: time('lookup'), update: time('update') };
      }),
    ),
  );
}

/** Of the engine that comes first, with the most memslots and readers. */
function sentenceOf(lines: readonly Line[]): string {
  const { engine } = lines[0];
  const own = lines.filter((line) => line.engine === engine);
  const slots = Math.max(...own.map((line) => line.slots));
  const vcpus = Math.max(...own.filter((line) => line.slots === slots).map((line) => line.vcpus));
  const chosen = own.filter((line) => line.slots === slots && line.vcpus === vcpus);
  const text = (pick: (line: Line) => number | undefined): string => {
    const timeOf = (name: string) => chosen.filter((line) => line.memslots === name).map(pick)[0];
    return timesText([...new Set(chosen.map((line) => line.memslots))], timeOf);
  };
  return `With ${slots} memslots and ${vcpus} readers (${engine} engine) a checked lookup beside the updater takes ${text(({ beside }) => beside)}; an update takes ${text(({ update }) => update)}.`;
}
