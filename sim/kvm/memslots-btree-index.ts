// The indices of one memslot set as two B-trees: records by base gfn, and records by range of host pages. A record has no link fields for them.

import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { KeyBTree, RangeBTree } from './btree.js';
import { type Memslot, MS_BASE_GFN, MS_HVA_PAGE, MS_NPAGES } from './memslot.js';
import type { MemslotIndex } from './memslot-index.js';
import type { MemslotMeter } from './memslot-meter.js';
import type { HvaPageRange } from './memslot-sets.js';

export interface BTreeIndexOptions {
  /** Names the regions of the arena. */
  name: string;
  /** Memslots to make room for. */
  capacity: number;
  /** Where work is counted. */
  meter: MemslotMeter;
}

export class BTreeIndex implements MemslotIndex {
  readonly #words: Int32Array;
  readonly #byGfn: KeyBTree;
  readonly #byHva: RangeBTree;

  /** Carves the nodes, line-aligned. Zeroed words are an empty index. */
  constructor(arena: Arena, { name, capacity, meter }: BTreeIndexOptions) {
    this.#words = arena.words;
    this.#byGfn = new KeyBTree(arena, { name: `${name} by gfn`, capacity, meter });
    this.#byHva = new RangeBTree(arena, { name: `${name} by hva`, capacity, meter });
  }

  /** Arena words that an index of `capacity` memslots carves: about 22 for each. */
  static wordsOf(capacity: number): number {
    return KeyBTree.wordsOf(capacity) + RangeBTree.wordsOf(capacity);
  }

  /** Memory of an index without memslots, in bytes: the words of both trees themselves. */
  static readonly emptyBytes = 2 * LINE_WORDS * Int32Array.BYTES_PER_ELEMENT;

  /** Memory of the trees and of their nodes that are in use now, in bytes. */
  get bytes(): number {
    return BTreeIndex.emptyBytes + this.#byGfn.bytes + this.#byHva.bytes;
  }

  insert(slot: Memslot): void {
    const words = this.#words;
    const first = words[slot + MS_HVA_PAGE];
    this.#byGfn.insert(words[slot + MS_BASE_GFN], slot);
    this.#byHva.insert(first, first + words[slot + MS_NPAGES] - 1, slot);
  }

  erase(slot: Memslot): void {
    this.#byGfn.erase(this.#words[slot + MS_BASE_GFN]);
    this.#byHva.erase(this.#words[slot + MS_HVA_PAGE], slot);
  }

  replace(old: Memslot, next: Memslot): void {
    this.#byGfn.replace(this.#words[old + MS_BASE_GFN], next);
    this.#byHva.replace(this.#words[old + MS_HVA_PAGE], old, next);
  }

  floor(gfn: number): Memslot {
    return this.#byGfn.floor(gfn);
  }

  higher(gfn: number): Memslot {
    return this.#byGfn.higher(gfn);
  }

  forEachInHvaRange({ first, last }: HvaPageRange, visit: (slot: Memslot) => void): void {
    this.#byHva.forEachOverlap(first, last, visit);
  }

  forEach(visit: (slot: Memslot) => void): void {
    this.#byGfn.forEach(visit);
  }

  checkInvariants(): void {
    this.#byGfn.checkInvariants();
    this.#byHva.checkInvariants();
  }
}
