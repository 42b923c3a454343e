// The gfn index: a red-black tree of memslots by base gfn. Memslots never overlap in gfn, so the base alone orders them.
//
// Nodes are handed in and out as the arena word of their links, behind which the base gfn stands: a lookup needs nothing else, so nodes lie
// close together, apart from the memslots. (Embedded in records of two lines, a lookup among 32764 took the host three times as long.)
// The tree itself is one root word.

import { assert } from '../assert.js';
import type { MemslotMeter } from './memslot-meter.js';
import { checkTree, LEFT, linkNode, NODE_GFN, neighbour, outermost, RIGHT, replaceNode, unlinkNode } from './rb-node.js';

// The host compiles a module's own constants into the code, but loads imported ones anew each time.
const LESS = LEFT;
const MORE = RIGHT;
const BASE = NODE_GFN;

/** `lines` counts one per node, as if no two shared one, and one for the root. Word `NODE_GFN` of the arena is read for want of a child. */
export class RbTree {
  readonly #words: Int32Array;
  readonly #root: number;
  readonly #meter: MemslotMeter;

  constructor(words: Int32Array, rootWord: number, meter: MemslotMeter) {
    this.#words = words;
    this.#root = rootWord;
    this.#meter = meter;
  }

  /** Adds a node whose base gfn no other node has. */
  insert(node: number): void {
    const words = this.#words;
    const gfn = words[node + BASE];
    let parent = 0;
    let side = 0;
    let visited = 0;
    for (let at = words[this.#root]; at !== 0; at = words[at + side]) {
      parent = at;
      side = (gfn - words[at + BASE]) >>> 31;
      visited++;
    }
    this.#meter.treeNodes += visited + linkNode(words, this.#root, node, parent, side, false);
  }

  erase(node: number): void {
    this.#meter.treeNodes += unlinkNode(this.#words, this.#root, node, false);
  }

  /** `next`, which has the same base gfn, takes the place of `old`. O(1). */
  replace(old: number, next: number): void {
    this.#meter.treeNodes += replaceNode(this.#words, this.#root, old, next, false);
  }

  /**
   * The node with the greatest base gfn that is not above `gfn`, or 0. Counts the nodes down to that one, where search_memslots() ends when the
   * memslot holds `gfn`, as it nearly always does; here the walk may go on.
   */
  floor(gfn: number): number {
    const words = this.#words;
    let at = words[this.#root];
    if (at === 0) return 0;
    let found = 0;
    let depth = 0;
    let visited = 0;
    let base = words[at + BASE];
    do {
      const left = words[at + LESS];
      const right = words[at + MORE];
      const leftBase = words[left + BASE]; // both children's lines are on the way when the host learns that it guessed the wrong one
      const rightBase = words[right + BASE];
      visited++;
      if (gfn < base) {
        at = left;
        base = leftBase;
      } else {
        found = at;
        depth = visited;
        if (gfn === base) break;
        at = right;
        base = rightBase;
      }
    } while (at !== 0);
    this.#count(found === 0 ? visited : depth);
    return found;
  }

  /** The node with the smallest base gfn above `gfn`, or 0. */
  higher(gfn: number): number {
    const words = this.#words;
    let found = 0;
    let visited = 0;
    for (let at = words[this.#root]; at !== 0; visited++) {
      const left = (gfn - words[at + BASE]) >> 31;
      found = (found & ~left) | (at & left);
      at = words[at - left];
    }
    this.#count(visited);
    return found;
  }

  /** The node with the smallest base gfn, or 0. */
  first(): number {
    return outermost(this.#words, this.#words[this.#root], LESS);
  }

  /** The node with the greatest base gfn, or 0. */
  last(): number {
    return outermost(this.#words, this.#words[this.#root], MORE);
  }

  /** The node after `node` in order of gfn, or 0. */
  next(node: number): number {
    this.#meter.treeNodes++;
    return neighbour(this.#words, node, MORE);
  }

  /** The node before `node` in order of gfn, or 0. */
  prev(node: number): number {
    this.#meter.treeNodes++;
    return neighbour(this.#words, node, LESS);
  }

  /** Throws when the tree is out of order or out of balance. Returns the number of nodes. */
  checkInvariants(): number {
    const words = this.#words;
    checkTree(words, this.#root, false);
    let count = 0;
    for (let node = this.first(), gfn = -1; node !== 0; node = this.next(node)) {
      if (words[node + BASE] <= gfn) assert(false, `gfn ${words[node + BASE]} follows gfn ${gfn} in the gfn tree`);
      gfn = words[node + BASE];
      count++;
    }
    return count;
  }

  #count(visited: number): void {
    this.#meter.treeNodes += visited;
    this.#meter.lines += visited + 1;
  }
}
