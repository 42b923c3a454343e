// The memslot structures by name: what the arena must have for one, and how to make it.

import type { Arena } from '../memory/arena.js';
import { MemslotArray, memslotArrayWords } from './memslot-array.js';
import { MemslotArrayHvaTree, memslotArrayHvaTreeWords } from './memslot-array-hva-tree.js';
import { MemslotMeter } from './memslot-meter.js';
import type { MemslotSets, MemslotSetsConfig, MemslotStructure } from './memslot-sets.js';
import { memslotsBTree, memslotsBTreeWords } from './memslots-btree.js';
import { memslotsTree, memslotsTreeWords } from './memslots-tree.js';

export interface MemslotStructureKind {
  /** Words that `create` carves. */
  arenaWords(config: MemslotSetsConfig): number;
  /** Attaches to the structure in the arena; words that are all zero are one without memslots. Each thread creates its own. */
  create(arena: Arena, config: MemslotSetsConfig): MemslotSets;
}

export const memslotStructures: Record<MemslotStructure, MemslotStructureKind> = {
  array: { arenaWords: memslotArrayWords, create: (arena, config) => new MemslotArray(arena, config, new MemslotMeter()) },
  tree: { arenaWords: memslotsTreeWords, create: memslotsTree },
  btree: { arenaWords: memslotsBTreeWords, create: memslotsBTree },
  'array-hva-tree': { arenaWords: memslotArrayHvaTreeWords, create: (arena, config) => new MemslotArrayHvaTree(arena, config, new MemslotMeter()) },
};
