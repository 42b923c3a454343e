// The structure "btree": two sets, each with a B-tree by gfn and one by hva. A record is one line and has links for the id hash alone.

import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { MEMSLOT_WORDS } from './memslot.js';
import { MemslotMeter } from './memslot-meter.js';
import type { MemslotSetsConfig } from './memslot-sets.js';
import { MemslotTwoSets, type TwoSetsRecord, twoSetsRecords, twoSetsWords } from './memslot-two-sets.js';
import { BTreeIndex } from './memslots-btree-index.js';

const RECORD: TwoSetsRecord = {
  recordWords: LINE_WORDS,
  idNext: [MEMSLOT_WORDS, MEMSLOT_WORDS + 1],
  idPrev: [MEMSLOT_WORDS + 2, MEMSLOT_WORDS + 3],
};

/** Arena words of the structure. */
export function memslotsBTreeWords(config: MemslotSetsConfig): number {
  return twoSetsWords(config, RECORD.recordWords) + 2 * BTreeIndex.wordsOf(config.capacity);
}

export function memslotsBTree(arena: Arena, config: MemslotSetsConfig): MemslotTwoSets {
  const meter = new MemslotMeter();
  const records = twoSetsRecords(arena, config, RECORD.recordWords);
  const index = (set: number): BTreeIndex => new BTreeIndex(arena, { name: `memslot set ${set}`, capacity: config.capacity, meter });
  const indices = [index(0), index(1)] as const;
  const indexBytes = () => ({ emptyBytes: 2 * BTreeIndex.emptyBytes, totalBytes: indices[0].bytes + indices[1].bytes });
  return new MemslotTwoSets(arena, { name: 'btree', config, record: RECORD, records, meter, indices, indexBytes });
}
