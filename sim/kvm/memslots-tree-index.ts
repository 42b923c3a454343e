// The indices of one memslot set as trees: by gfn a red-black tree, by hva an interval tree. Models gfn_tree and hva_tree of struct
// kvm_memslots, and gfn_node[] and hva_node[] of struct kvm_memory_slot.
//
// A record is two cache lines, one for each set. A line holds what the interval tree of its set compares (for set 0 these are the memslot's
// own fields, for set 1 copies) and its node, so that a lookup touches one line per node whichever set is active. The nodes by gfn stand
// apart, close together, each at the place that its record has among the records.
//
//     word   0..2                  3..7           8..10   11..14    15
//     line 0 base gfn, npages, hva other fields   unused  hva node  next of the same id hash
//     line 1 base gfn, npages, hva unused         unused  hva node  next of the same id hash

import { assert } from '../assert.js';
import type { Word } from '../engine/cpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import { IntervalTree } from './interval-tree.js';
import { type Memslot, MS_BASE_GFN, MS_HVA_PAGE, MS_NPAGES, NO_MEMSLOT } from './memslot.js';
import type { MemslotIndex } from './memslot-index.js';
import type { MemslotMeter } from './memslot-meter.js';
import type { MemslotRecords } from './memslot-records.js';
import type { HvaPageRange } from './memslot-sets.js';
import { GFN_NODE_WORDS, HVA_NODE, NODE_GFN } from './rb-node.js';
import { RbTree } from './rbtree.js';

/** Words of a record that both sets' trees can hold. */
export const TREE_RECORD_WORDS = 2 * LINE_WORDS;
/** Word of a record, by set, that links the records of one id hash chain. */
export const TREE_ID_NEXT = [LINE_WORDS - 1, 2 * LINE_WORDS - 1] as const;
/** Memory of an index without memslots, in bytes: the two roots. */
export const TREE_INDEX_EMPTY_BYTES = LINE_WORDS * Int32Array.BYTES_PER_ELEMENT;
/** Memory of a memslot's node by gfn, in bytes. */
export const TREE_GFN_NODE_BYTES = GFN_NODE_WORDS * Int32Array.BYTES_PER_ELEMENT;
/** From words of a record to words of its node by gfn. */
const GFN_NODE_SHIFT = 3;

/** Words that one index carves: the roots, and the nodes by gfn of so many records. */
export function treeIndexWords(recordCount: number): number {
  return LINE_WORDS + carvedWords(recordCount * GFN_NODE_WORDS);
}

export class MemslotTreeIndex implements MemslotIndex {
  readonly #words: Int32Array;
  readonly #meter: MemslotMeter;
  /** The first record, and its node by gfn. */
  readonly #recordBase: Memslot;
  readonly #gfnBase: Word;
  /** From a record to its line, and to its node by hva. */
  readonly #line: number;
  readonly #hvaNode: number;
  readonly #gfnTree: RbTree;
  readonly #hvaTree: IntervalTree;

  /** `set` is 0 or 1: whose nodes within a record these are. */
  constructor(arena: Arena, set: number, { records, meter }: { records: MemslotRecords; meter: MemslotMeter }) {
    assert(records.recordWords === GFN_NODE_WORDS << GFN_NODE_SHIFT, `a record has ${records.recordWords} words, expected ${TREE_RECORD_WORDS}`);
    this.#words = arena.words;
    this.#meter = meter;
    this.#line = set * LINE_WORDS;
    this.#hvaNode = this.#line + HVA_NODE;
    const roots = arena.carveLine('memslot trees');
    this.#recordBase = records.base;
    this.#gfnBase = arena.carve('memslot gfn nodes', records.capacity * GFN_NODE_WORDS);
    this.#gfnTree = new RbTree(arena.words, roots, meter);
    this.#hvaTree = new IntervalTree(arena.words, roots + 1, meter);
  }

  insert(slot: Memslot): void {
    this.#copyKeys(slot);
    this.#gfnTree.insert(this.#newGfnNode(slot));
    this.#hvaTree.insert(slot + this.#hvaNode);
  }

  erase(slot: Memslot): void {
    this.#gfnTree.erase(this.#gfnNode(slot));
    this.#hvaTree.erase(slot + this.#hvaNode);
  }

  /** As in the patch, whose interval tree cannot replace: by hva an erase and an insert. */
  replace(old: Memslot, next: Memslot): void {
    this.#copyKeys(next);
    this.#gfnTree.replace(this.#gfnNode(old), this.#newGfnNode(next));
    this.#hvaTree.erase(old + this.#hvaNode);
    this.#hvaTree.insert(next + this.#hvaNode);
  }

  floor(gfn: number): Memslot {
    return this.#slotOf(this.#gfnTree.floor(gfn));
  }

  higher(gfn: number): Memslot {
    return this.#slotOf(this.#gfnTree.higher(gfn));
  }

  forEachInHvaRange(range: HvaPageRange, visit: (slot: Memslot) => void): void {
    const { first, last } = range;
    const tree = this.#hvaTree;
    for (let node = tree.firstOverlap(first, last); node !== 0; node = tree.nextOverlap(node, first, last)) {
      if (this.#line !== 0) this.#meter.lines++;
      visit(node - this.#hvaNode);
    }
  }

  forEach(visit: (slot: Memslot) => void): void {
    const tree = this.#gfnTree;
    for (let node = tree.first(); node !== 0; node = tree.next(node)) {
      this.#meter.lines++;
      visit(this.#slotOf(node));
    }
  }

  checkInvariants(): void {
    const inGfn = this.#gfnTree.checkInvariants();
    const inHva = this.#hvaTree.checkInvariants();
    if (inGfn !== inHva) assert(false, `${inGfn} memslots in the gfn tree, ${inHva} in the hva tree`);
  }

  /** Set 0 compares the memslot's own fields, which readers of the other set may be reading: they are not written again. */
  #copyKeys(slot: Memslot): void {
    if (this.#line === 0) return;
    const words = this.#words;
    const line = slot + this.#line;
    words[line + MS_BASE_GFN] = words[slot + MS_BASE_GFN];
    words[line + MS_NPAGES] = words[slot + MS_NPAGES];
    words[line + MS_HVA_PAGE] = words[slot + MS_HVA_PAGE];
  }

  #gfnNode(slot: Memslot): Word {
    return this.#gfnBase + ((slot - this.#recordBase) >> GFN_NODE_SHIFT);
  }

  #newGfnNode(slot: Memslot): Word {
    const node = this.#gfnNode(slot);
    this.#words[node + NODE_GFN] = this.#words[slot + MS_BASE_GFN];
    return node;
  }

  /** Whoever looks up reads the fields next, which are in another line than the node. */
  #slotOf(node: Word): Memslot {
    if (node === 0) return NO_MEMSLOT;
    this.#meter.lines++;
    return this.#recordBase + ((node - this.#gfnBase) << GFN_NODE_SHIFT);
  }
}
