// David Hildenbrand: the rmap is allocated for every memslot, also where the TDP MMU never uses it. Arithmetic; no cell is needed.

import { formatMemory } from '../units.js';
import type { Answer, Question } from './question.js';

/** One rmap head is one pointer. */
const HEAD_BYTES = 8;
const TIB = 1024 ** 4;
const LEVELS: readonly { name: string; pageBytes: number }[] = [
  { name: '4 KiB', pageBytes: 4 * 1024 },
  { name: '2 MiB', pageBytes: 2 * 1024 ** 2 },
  { name: '1 GiB', pageBytes: 1024 ** 3 },
];

export const RMAP_WASTE: Question = {
  id: 'question-rmap',
  title: 'What does the rmap of an unused shadow MMU cost?',
  asked: 'David Hildenbrand: "8 bytes per 4k page, 8 bytes per 2M page, 8 bytes per 1G page. [...] For a 1 TB memslot we might "waste" > 2 GB on rmap arrays."',
  answer: () => rmapWaste(TIB),
};

/** Heads of one level: one for each page of that size that the memslot touches. The memslot is taken as aligned to 1 GiB. */
export function rmapHeads(memslotBytes: number, pageBytes: number): number {
  return Math.ceil(memslotBytes / pageBytes);
}

/** The table for a memslot of some size: heads, bytes that are always allocated, and bytes when allocation waits for a shadow root. */
export function rmapWaste(memslotBytes: number): Answer {
  const levels = LEVELS.map(({ name, pageBytes }) => {
    const heads = rmapHeads(memslotBytes, pageBytes);
    return { name, heads, bytes: heads * HEAD_BYTES };
  });
  const total = levels.reduce((sum, level) => sum + level.bytes, 0);
  const size = formatMemory(memslotBytes);
  return {
    sentence:
      `A memslot of ${size} has ${size} / 4 KiB = ${levels[0].heads} heads for small pages, and so on up; at ${HEAD_BYTES} bytes each they take ${formatMemory(total)}, ` +
      `${((100 * total) / memslotBytes).toFixed(2)} % of the memslot. Allocated lazily they take nothing until the first shadow root (a nested guest), and the same from then on.`,
    columns: [
      { name: 'pages of', measure: 'text' },
      { name: 'heads = memslot / page', measure: 'count' },
      { name: `always: heads x ${HEAD_BYTES}`, measure: 'bytes' },
      { name: 'lazy, TDP MMU alone', measure: 'bytes' },
      { name: 'lazy, with a shadow root', measure: 'bytes' },
    ],
    rows: [
      ...levels.map(({ name, heads, bytes }) => [name, heads, bytes, 0, bytes]),
      ['all', levels.reduce((sum, level) => sum + level.heads, 0), total, 0, total],
    ],
    records: [],
  };
}
