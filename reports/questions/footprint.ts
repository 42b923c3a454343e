// Sean Christopherson: a raw array is small. Bytes of the structures, and cache lines that a lookup touches.

import type { ResultRecord } from '../../bench/results/index.js';
import { digits, formatCount, formatMemory } from '../units.js';
import { AS_PUBLISHED, medianOf, memslotCells, numbersOf, slotsText, structuresOf } from './memslot-cells.js';
import type { Answer, AnswerValue, Question } from './question.js';

export const FOOTPRINT: Question = {
  id: 'question-footprint',
  title: 'How much memory does each structure need, and how many cache lines does a lookup touch?',
  asked:
    'Sean Christopherson: "it\'s hard to beat the memory footprint of a raw array". Maciej S. Szmigiero wanted to "pay as you go", and not for the maximum that a kernel was built for.',
  command: 'mmulab run memslots --test setup --slots 10,100,509,32764 --memslots array,tree,array-hva-tree,btree',
  answer,
};

interface Line {
  memslots: string;
  slots: number;
  maxSlots: number;
  empty?: number;
  total: number;
  gfnLines?: number;
  hvaLines?: number;
}

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const cells = memslotCells(records, { where: { test: 'setup', ...AS_PUBLISHED } });
  const lines = numbersOf(cells, 'slots').flatMap((slots) =>
    structuresOf(cells).flatMap((memslots) => numbersOf(cells, 'maxSlots').flatMap((maxSlots) => lineOf(cells, { memslots, slots, maxSlots }))),
  );
  if (lines.length === 0) return undefined;
  return {
    sentence: sentenceOf(lines),
    columns: [
      { name: 'memslots', measure: 'count' },
      { name: 'structure', measure: 'text' },
      { name: 'built for', measure: 'count' },
      { name: 'empty VM', measure: 'bytes', isMinor: true },
      { name: 'whole VM', measure: 'bytes' },
      { name: 'per memslot', measure: 'bytes' },
      { name: 'lines by gfn', measure: 'count' },
      { name: 'lines by hva', measure: 'count' },
    ],
    rows: lines.map((line): AnswerValue[] => [
      line.slots,
      line.memslots,
      line.maxSlots,
      line.empty,
      line.total,
      perMemslot(line),
      line.gfnLines,
      line.hvaLines,
    ]),
    records: cells.filter(({ metrics }) => Object.hasOwn(metrics, 'bytes_total')),
  };
}

function lineOf(cells: readonly ResultRecord[], where: { memslots: string; slots: number; maxSlots: number }): Line[] {
  const total = medianOf(cells, { metric: 'bytes_total', unit: 'bytes', where });
  if (total === undefined) return [];
  const lines = (metric: string) => medianOf(cells, { metric, unit: 'count', where });
  const empty = medianOf(cells, { metric: 'bytes_empty', unit: 'bytes', where });
  return [{ ...where, empty, total, gfnLines: lines('lines_per_gfn_lookup'), hvaLines: lines('lines_per_hva_lookup') }];
}

/** Whole bytes that the memslots add to an empty VM, for each. */
function perMemslot({ empty, total, slots }: Line): number | undefined {
  return empty === undefined || total < empty ? undefined : Math.round((total - empty) / slots);
}

/** The smallest and the largest count of memslots: what is paid as one goes, and what at the end. */
function sentenceOf(lines: readonly Line[]): string {
  const counts = [...new Set(lines.map((line) => line.slots))];
  const ends = [...new Set([counts[0], counts[counts.length - 1]])];
  return ends
    .map((slots) => {
      const own = lines.filter((line) => line.slots === slots);
      const bytes = own.map((line) => `${formatMemory(line.total)} with ${nameOf(line, own)}`).join(', ');
      const touched = own.flatMap((line) => (line.hvaLines === undefined ? [] : [`${linesText(line.hvaLines)} with ${nameOf(line, own)}`]));
      const lookups = touched.length === 0 ? '' : `; cache lines that a lookup by host address touches: ${touched.join(', ')}`;
      return `With ${slotsText(slots)} a VM holds ${bytes}${lookups}.`;
    })
    .join(' ');
}

function linesText(count: number): string {
  return count < 1000 ? digits(count, 3) : formatCount(Math.round(count));
}

/** The structure, with what its kernel was built for where that tells two of them apart. */
function nameOf(line: Line, own: readonly Line[]): string {
  return own.filter((other) => other.memslots === line.memslots).length > 1 ? `${line.memslots} built for ${line.maxSlots}` : line.memslots;
}
