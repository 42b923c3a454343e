// The hva index: an interval tree of memslots by host pages, which may overlap and repeat. Models lib/interval_tree.c, written afresh:
// a red-black tree by first page, in which each node knows the greatest last page of its subtree.
//
// Nodes are handed in and out as the arena word of their links; the fields stand HVA_NODE words before. The tree itself is one root word.

import { assert } from '../assert.js';
import type { MemslotMeter } from './memslot-meter.js';
import type { HvaPageRange } from './memslot-sets.js';
import {
  checkTree,
  LEFT,
  lastPageOf,
  linkNode,
  NODE_HVA,
  NODE_NPAGES,
  neighbour,
  outermost,
  parentOf,
  RIGHT,
  replaceNode,
  SUBTREE_LAST,
  unlinkNode,
} from './rb-node.js';

// The host compiles a module's own constants into the code, but loads imported ones anew each time.
const LESS = LEFT;
const MORE = RIGHT;
const END = SUBTREE_LAST;
const FIRST = NODE_HVA;
const NPAGES = NODE_NPAGES;

/** Every node lies in one cache line, fields included: `lines` counts one per node and one for the root. */
export class IntervalTree {
  readonly #words: Int32Array;
  readonly #root: number;
  readonly #meter: MemslotMeter;

  constructor(words: Int32Array, rootWord: number, meter: MemslotMeter) {
    this.#words = words;
    this.#root = rootWord;
    this.#meter = meter;
  }

  insert(node: number): void {
    const words = this.#words;
    const first = words[node + FIRST];
    const last = lastPageOf(words, node);
    let parent = 0;
    let side = 0;
    let visited = 0;
    for (let at = words[this.#root]; at !== 0; at = words[at + side]) {
      parent = at;
      if (words[at + END] < last) words[at + END] = last;
      side = (first - words[at + FIRST]) >>> 31;
      visited++;
    }
    words[node + END] = last;
    this.#meter.treeNodes += visited + linkNode(words, this.#root, node, parent, side, true);
  }

  erase(node: number): void {
    this.#meter.treeNodes += unlinkNode(this.#words, this.#root, node, true);
  }

  /** `next`, which has the same pages, takes the place of `old`. O(1). */
  replace(old: number, next: number): void {
    this.#meter.treeNodes += replaceNode(this.#words, this.#root, old, next, true);
  }

  /** The first node, in order of first page, that overlaps the pages from `first` to `last`, or 0. */
  firstOverlap(first: number, last: number): number {
    const words = this.#words;
    const top = words[this.#root];
    this.#meter.lines++;
    if (top === 0 || words[top + END] < first) return 0;
    return this.#search(top, first, last);
  }

  /** The node after `node` that overlaps the pages from `first` to `last`, or 0. */
  nextOverlap(node: number, first: number, last: number): number {
    const words = this.#words;
    let at = node;
    let visited = 0;
    let found = 0;
    for (;;) {
      const right = words[at + MORE];
      if (right !== 0 && words[right + END] >= first) {
        found = this.#search(right, first, last);
        break;
      }
      at = nextAbove(words, at);
      visited++;
      if (at === 0 || words[at + FIRST] > last) break;
      if (words[at + FIRST] + words[at + NPAGES] > first) {
        found = at;
        break;
      }
    }
    this.#meter.treeNodes += visited;
    this.#meter.lines += visited;
    return found;
  }

  forEachOverlap(range: HvaPageRange, visit: (node: number) => void): void {
    const { first, last } = range;
    for (let node = this.firstOverlap(first, last); node !== 0; node = this.nextOverlap(node, first, last)) visit(node);
  }

  /** Throws when the tree is out of order, out of balance, or wrong about the ends of its subtrees. Returns the number of nodes. */
  checkInvariants(): number {
    const words = this.#words;
    checkTree(words, this.#root, true);
    let count = 0;
    let node = outermost(words, words[this.#root], LESS);
    for (let hva = 0; node !== 0; node = neighbour(words, node, MORE)) {
      if (words[node + FIRST] < hva) assert(false, `host page ${words[node + FIRST]} follows host page ${hva} in the hva tree`);
      hva = words[node + FIRST];
      count++;
    }
    return count;
  }

  /** The first overlapping node of a subtree that ends at `first` or later, or 0. */
  #search(top: number, first: number, last: number): number {
    const words = this.#words;
    let at = top;
    let visited = 1;
    for (; ; visited++) {
      const left = words[at + LESS];
      if (left !== 0 && words[left + END] >= first) {
        at = left;
        continue;
      }
      const hva = words[at + FIRST];
      if (hva > last) at = 0;
      else if (hva + words[at + NPAGES] <= first) {
        at = words[at + MORE];
        if (at !== 0 && words[at + END] >= first) continue;
        at = 0;
      }
      break;
    }
    this.#meter.treeNodes += visited;
    this.#meter.lines += visited;
    return at;
  }
}

/** The nearest ancestor that comes after `node` in order, or 0. */
function nextAbove(words: Int32Array, node: number): number {
  let at = node;
  let parent = parentOf(words, at);
  while (parent !== 0 && words[parent + MORE] === at) {
    at = parent;
    parent = parentOf(words, at);
  }
  return parent;
}
