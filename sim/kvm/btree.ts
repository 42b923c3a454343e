// The two B-trees of the memslot structure `btree`: one by key (base gfn), one by range (host pages, which may overlap and be equal).
// Both search whole cache lines of keys at a time; btree-nodes.ts keeps the nodes.

import { assert } from '../assert.js';
import type { Word } from '../engine/cpu.js';
import type { Arena } from '../memory/arena.js';
import { type BTreeLanes, BTreeNodes, countUpTo, EMPTY, FANOUT, LANE, NODE_PROBES } from './btree-nodes.js';
import type { MemslotMeter } from './memslot-meter.js';

const KEY_LANES: BTreeLanes = { count: 2, child: 1, max: 0 };
const RANGE_LANES: BTreeLanes = { count: 4, child: 3, max: 2 };
const MAX = RANGE_LANES.max * LANE;
const RANGE_CHILD = RANGE_LANES.child * LANE;

// The host compiles a module's own constants into the code, but loads imported ones anew each time.
/** From a node to its number of entries, which follows the keys. */
const COUNT = FANOUT;
/** From a key to its value, or in a tree of keys to the child. */
const VALUE = LANE;
const KEY_END = EMPTY;
const PROBES = NODE_PROBES;

export interface BTreeOptions {
  /** Names the regions of the arena. */
  name: string;
  /** Entries to make room for. */
  capacity: number;
  meter: MemslotMeter;
}

/** What both trees can tell of themselves. */
abstract class BTree {
  protected readonly nodes: BTreeNodes;
  protected readonly words: Int32Array;
  protected readonly meter: MemslotMeter;

  constructor(arena: Arena, { name, capacity, meter }: BTreeOptions, lanes: BTreeLanes) {
    this.nodes = new BTreeNodes(arena, name, { capacity, lanes });
    this.words = arena.words;
    this.meter = meter;
  }

  /** Memory of the nodes in use, in bytes. */
  get bytes(): number {
    return this.nodes.nodeCount * this.nodes.nodeBytes;
  }

  get levels(): number {
    return this.nodes.levels;
  }

  /** Throws when order, fill, depth or what is kept of subtrees is wrong. */
  checkInvariants(): void {
    this.nodes.checkInvariants();
  }

  /** The least entry is the first one of the first leaf, and so on: calls `visit` with the word of each entry in order. */
  protected eachEntry(node: Word, child: number, visit: (entry: Word) => void): void {
    if (node !== 0) this.#eachBelow(node, { level: this.nodes.levels - 1, child, visit });
  }

  #eachBelow(node: Word, walk: { level: number; child: number; visit: (entry: Word) => void }): void {
    const { level, child, visit } = walk;
    const { words } = this;
    const count = words[node + COUNT];
    this.meter.btreeNodes++;
    if (level === 0) for (let i = 0; i < count; i++) visit(node + i);
    else for (let i = 0; i < count; i++) this.#eachBelow(words[node + child + i], { level: level - 1, child, visit });
  }

  /** Counts the search of each level, and the nodes that edits have rewritten since the last call. */
  protected countEdit(probes: number): void {
    this.meter.btreeNodes += this.nodes.levels + this.nodes.touched;
    this.meter.probes += probes;
    this.nodes.touched = 0;
  }
}

/** Values by key: different keys from 0 to 2^31 - 2, values that are not 0. */
export class KeyBTree extends BTree {
  constructor(arena: Arena, options: BTreeOptions) {
    super(arena, options, KEY_LANES);
  }

  static wordsOf(capacity: number): number {
    return BTreeNodes.wordsOf(capacity, KEY_LANES);
  }

  /** Throws when the key is there already. */
  insert(key: number, value: number): void {
    if (key < 0 || key >= KEY_END) assert(false, `key ${key} of a B-tree is not from 0 to ${KEY_END - 1}`);
    const at = this.#seek(key);
    if (at >= 0 && this.words[at] === key) assert(false, `key ${key} is in the B-tree already`);
    this.nodes.pathIndex[0]++;
    this.nodes.insertAtPath(key, value, 0);
    this.countEdit(this.nodes.levels * PROBES);
  }

  /** Throws when the key is not there. */
  erase(key: number): void {
    this.#seekExactly(key);
    this.nodes.eraseAtPath();
    this.countEdit(this.nodes.levels * PROBES);
  }

  /** Overwrites the value of a key. Throws when the key is not there. */
  replace(key: number, value: number): void {
    this.words[this.#seekExactly(key) + VALUE] = value;
    this.countEdit(this.nodes.levels * PROBES);
  }

  /** The value of the key, or 0. */
  exact(key: number): number {
    const entry = this.#floorEntry(key);
    return entry !== 0 && this.words[entry] === key ? this.words[entry + VALUE] : 0;
  }

  /** The value of the greatest key that is at most `x`, or 0. */
  floor(x: number): number {
    const entry = this.#floorEntry(x);
    return entry === 0 ? 0 : this.words[entry + VALUE];
  }

  /** The value of the least key above `x`, or 0. */
  higher(x: number): number {
    const { words } = this;
    let node = this.nodes.root;
    if (node === 0 || x >= KEY_END - 1) return 0;
    const top = this.nodes.levels - 1;
    let next = 0; // the subtree to the right of the path, as low as there is one
    let nextLevel = 0;
    let upper = 0;
    for (let level = top; level >= 0; level--) {
      const i = x < 0 ? 0 : countUpTo(words, node, x);
      upper += i >> 4;
      if (i < words[node + COUNT]) {
        next = node + i;
        nextLevel = level;
      }
      if (i === 0) break; // all of it is above `x`
      node = words[node + VALUE + i - 1];
    }
    this.#countLookup(top + 1, upper);
    if (next === 0) return 0;
    for (let level = nextLevel; level > 0; level--) next = words[next + VALUE];
    return words[next + VALUE];
  }

  /** Each value, in ascending order of keys. */
  forEach(visit: (value: number, key: number) => void): void {
    this.eachEntry(this.nodes.root, VALUE, (entry) => visit(this.words[entry + VALUE], this.words[entry]));
  }

  /** Word of the entry with the greatest key that is at most `x`, or 0. */
  #floorEntry(x: number): Word {
    const { words } = this;
    let node = this.nodes.root;
    if (node === 0 || x < 0) return 0;
    const limit = x < KEY_END ? x | 0 : KEY_END - 1;
    const levels = this.nodes.levels;
    let i = countUpTo(words, node, limit);
    if (i === 0) return 0;
    let upper = i >> 4;
    for (let level = levels - 1; level > 0; level--) {
      node = words[node + VALUE + i - 1];
      i = countUpTo(words, node, limit);
      upper += i >> 4;
    }
    this.#countLookup(levels, upper);
    return node + i - 1;
  }

  /** Of each level a line of keys, the second one in the `upper` nodes where the search ended there, and a line of values. */
  #countLookup(levels: number, upper: number): void {
    this.meter.btreeNodes += levels;
    this.meter.probes += levels * PROBES;
    this.meter.lines += 2 * levels + upper;
  }

  /** Sets the path to the greatest key that is at most `key`; index -1 in the leaf when all are above. Returns its word, or -1. */
  #seek(key: number): Word {
    const { words } = this;
    const { pathNode, pathIndex, levels } = this.nodes;
    let node = this.nodes.root;
    pathIndex[0] = -1;
    for (let level = levels - 1; level >= 0; level--) {
      const i = countUpTo(words, node, key) - 1;
      const index = i < 0 && level > 0 ? 0 : i;
      pathNode[level] = node;
      pathIndex[level] = index;
      node = level > 0 ? words[node + VALUE + index] : node;
    }
    return pathIndex[0] < 0 ? -1 : node + pathIndex[0];
  }

  #seekExactly(key: number): Word {
    const entry = key >= 0 && key < KEY_END ? this.#seek(key) : -1;
    if (entry < 0 || this.words[entry] !== key) assert(false, `key ${key} is not in the B-tree`);
    return entry;
  }
}

/**
 * Ranges of host pages, both ends included, by their first page, and by value where that is equal. Values are positive, and each entry's is another one.
 * Beside each child stands the greatest last page in it, so that a search leaves it out.
 */
export class RangeBTree extends BTree {
  constructor(arena: Arena, options: BTreeOptions) {
    super(arena, options, RANGE_LANES);
  }

  static wordsOf(capacity: number): number {
    return BTreeNodes.wordsOf(capacity, RANGE_LANES);
  }

  /** Throws when this range with this value is there already. */
  insert(first: number, last: number, value: number): void {
    if (first < 0 || first > last || last >= KEY_END) assert(false, `range ${first} to ${last} of a B-tree is not from 0 to ${KEY_END - 1}`);
    const probes = this.#seek(first, value);
    if (this.#isAtPath(first, value)) assert(false, `range ${first} to ${last} of ${value} is in the B-tree already`);
    this.nodes.pathIndex[0]++;
    this.nodes.insertAtPath(first, value, last);
    this.countEdit(probes);
  }

  /** Throws when there is no range that starts at `first` with this value. */
  erase(first: number, value: number): void {
    this.#seekExactly(first, value);
    this.nodes.eraseAtPath();
  }

  /** `next` takes the range of `old`, which starts at `first`. In place, unless ranges beside it may start at the same page. */
  replace(first: number, old: number, next: number): void {
    const { words, nodes } = this;
    this.#seekExactly(first, old);
    const node = nodes.pathNode[0];
    const i = nodes.pathIndex[0];
    const isInside = i > 0 && i < words[node + COUNT] - 1; // else the leaf beside this one may have such ranges
    if (isInside && words[node + i - 1] < first && words[node + i + 1] > first) {
      words[node + VALUE + i] = next;
      return;
    }
    const last = words[node + MAX + i];
    nodes.eraseAtPath();
    this.insert(first, last, next);
  }

  /** The value of each range that overlaps first..last, both included, in the tree's order. */
  forEachOverlap(first: number, last: number, visit: (value: number) => void): void {
    const root = this.nodes.root;
    if (root === 0 || last < 0) return;
    this.#overlapsBelow(root, this.nodes.levels - 1, first, last < KEY_END ? last | 0 : KEY_END - 1, visit);
  }

  /** Each value, in the tree's order. */
  forEach(visit: (value: number) => void): void {
    this.eachEntry(this.nodes.root, RANGE_CHILD, (entry) => visit(this.words[entry + VALUE]));
  }

  /** Positional, as it calls itself on the way of every lookup: nothing is allocated. */
  #overlapsBelow(node: Word, level: number, first: number, last: number, visit: (value: number) => void): void {
    const { words, meter } = this;
    const count = countUpTo(words, node, last);
    const found = level === 0 ? VALUE : RANGE_CHILD;
    meter.btreeNodes++;
    meter.probes += PROBES + count;
    meter.lines += 1 + 2 * (count >> 4) + 2; // of keys, of last pages, and of what was found
    for (let i = 0; i < count; i++) {
      if (words[node + MAX + i] < first) continue;
      const value = words[node + found + i];
      if (level === 0) visit(value);
      else this.#overlapsBelow(value, level - 1, first, last, visit);
    }
  }

  /** Sets the path to the last entry that is not after (first, value); index -1 in the leaf when all are. Returns the number of keys compared. */
  #seek(first: number, value: number): number {
    const { words } = this;
    const { pathNode, pathIndex, levels } = this.nodes;
    let node = this.nodes.root;
    let probes = 0;
    pathIndex[0] = -1;
    for (let level = levels - 1; level >= 0; level--) {
      let i = countUpTo(words, node, first) - 1;
      probes += PROBES + 1;
      while (i >= 0 && words[node + i] === first && words[node + VALUE + i] > value) {
        i--;
        probes++;
      }
      if (i < 0 && level > 0) i = 0;
      pathNode[level] = node;
      pathIndex[level] = i;
      node = words[node + RANGE_CHILD + i];
    }
    return probes;
  }

  /** Sets the path to the range. Throws when it is not there. */
  #seekExactly(first: number, value: number): void {
    const probes = this.#seek(first, value);
    if (!this.#isAtPath(first, value)) assert(false, `no range of ${value} in the B-tree starts at ${first}`);
    this.countEdit(probes);
  }

  #isAtPath(first: number, value: number): boolean {
    const at = this.nodes.pathIndex[0];
    const entry = this.nodes.pathNode[0] + at;
    return this.nodes.levels > 0 && at >= 0 && this.words[entry] === first && this.words[entry + VALUE] === value;
  }
}
