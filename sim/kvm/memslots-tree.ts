// The structure "tree": two sets, each with a red-black tree by gfn and an interval tree by hva.

import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { MEMSLOT_WORDS } from './memslot.js';
import { MemslotMeter } from './memslot-meter.js';
import type { MemslotSetsConfig } from './memslot-sets.js';
import { MemslotTwoSets, type TwoSetsRecord, twoSetsRecordCount, twoSetsRecords, twoSetsWords } from './memslot-two-sets.js';
import { MemslotTreeIndex, TREE_GFN_NODE_BYTES, TREE_ID_NEXT, TREE_INDEX_EMPTY_BYTES, TREE_RECORD_WORDS, treeIndexWords } from './memslots-tree-index.js';

/** The chain's previous record is in the last of the first words of each line: a memslot's fields leave it free. */
const RECORD: TwoSetsRecord = {
  recordWords: TREE_RECORD_WORDS,
  idNext: TREE_ID_NEXT,
  idPrev: [MEMSLOT_WORDS - 1, LINE_WORDS + MEMSLOT_WORDS - 1],
};

/** Arena words of the structure. */
export function memslotsTreeWords(config: MemslotSetsConfig): number {
  return twoSetsWords(config, TREE_RECORD_WORDS) + 2 * treeIndexWords(twoSetsRecordCount(config));
}

export function memslotsTree(arena: Arena, config: MemslotSetsConfig): MemslotTwoSets {
  const meter = new MemslotMeter();
  const records = twoSetsRecords(arena, config, TREE_RECORD_WORDS);
  const indices = [new MemslotTreeIndex(arena, 0, { records, meter }), new MemslotTreeIndex(arena, 1, { records, meter })] as const;
  const emptyBytes = 2 * TREE_INDEX_EMPTY_BYTES;
  const indexBytes = () => ({ emptyBytes, totalBytes: emptyBytes + 2 * records.count * TREE_GFN_NODE_BYTES });
  return new MemslotTwoSets(arena, { name: 'tree', config, record: RECORD, records, meter, indices, indexBytes });
}
