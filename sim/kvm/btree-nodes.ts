// The nodes of a B-tree in arena words: the "dense B-tree" that Maciej Szmigiero supposed would suit memslots best. Our own design.
//
// A node has lanes of 32 words, two cache lines each. Lane 0 holds up to 31 keys in ascending order, the rest of them EMPTY, so that a search
// is five comparisons without a branch; its last word is the count. The other lanes hold what belongs to the keys. Leaves (level 0) and inner
// nodes look alike: an entry of an inner node sums up one child, and its key is the least key of the child, never just a bound.
//
// Edited in place, by one updater, while nobody reads. Nothing here searches: the trees set `path` and then insert or erase there.

import { assert } from '../assert.js';
import type { Word } from '../engine/cpu.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';

/** Entries of a full node. */
export const FANOUT = 31;
/** Words of a lane. */
export const LANE = 32;
/** The key of an unused entry, above every key. */
export const EMPTY = 0x7fffffff;
/** Keys compared by one search of a node. */
export const NODE_PROBES = 5;
/** Entries of a node that is not the root: at least this many. Well below half, so that an erase after a split does not merge at once. */
const MIN_FILL = 10;
/** Two neighbours with no more entries than this become one node; with more, they share evenly. */
const MERGE_FILL = 24;
const MAX_LEVELS = 10;

// Words of the tree itself. All zero is an empty tree.
const ROOT = 0;
const LEVELS = 1;
const FREE = 2;
/** Nodes ever taken from the region. */
const TAKEN = 3;
const IN_USE = 4;

/** Nodes that `capacity` entries can need: each level has at most a tenth of the level below, and a root may be emptier. */
function nodesOf(capacity: number): number {
  return Math.ceil(capacity / (MIN_FILL - 1)) + MAX_LEVELS;
}

/** Which lanes a tree has besides the keys. `max` is 0 where nothing is kept of ranges. */
export interface BTreeLanes {
  count: number;
  /** Lane of the children of an inner node. */
  child: number;
  /** Lane of the last host page of a range, or of the greatest one of a child; then lane 1 orders entries of one key. */
  max: number;
}

/** Number of keys of `node` that are at most `x`. 0 <= x < EMPTY, and integer. */
export function countUpTo(words: Int32Array, node: Word, x: number): number {
  let i = ((words[node + 15] - x - 1) >>> 31) << 4;
  i += ((words[node + i + 7] - x - 1) >>> 31) << 3;
  i += ((words[node + i + 3] - x - 1) >>> 31) << 2;
  i += ((words[node + i + 1] - x - 1) >>> 31) << 1;
  return i + ((words[node + i] - x - 1) >>> 31);
}

export class BTreeNodes {
  readonly words: Int32Array;
  readonly #meta: Word;
  readonly #base: Word;
  readonly #capacity: number;
  readonly #lanes: number;
  readonly #child: number;
  readonly #max: number;
  /** The node of each level on the way to an entry, and the index there; set by the search that precedes an edit. */
  readonly pathNode = new Int32Array(MAX_LEVELS);
  readonly pathIndex = new Int32Array(MAX_LEVELS);
  /** Nodes that edits have visited or rewritten since this was last reset. */
  touched = 0;

  /** Room for `capacity` entries at any time. */
  constructor(arena: Arena, name: string, { capacity, lanes }: { capacity: number; lanes: BTreeLanes }) {
    this.words = arena.words;
    this.#lanes = lanes.count;
    this.#child = lanes.child * LANE;
    this.#max = lanes.max * LANE;
    this.#capacity = nodesOf(capacity);
    this.#meta = arena.carve(`${name} root`, LINE_WORDS);
    this.#base = arena.carve(`${name} nodes`, this.#capacity * this.#lanes * LANE);
  }

  /** Arena words that a tree of `capacity` entries carves. */
  static wordsOf(capacity: number, lanes: BTreeLanes): number {
    return LINE_WORDS + nodesOf(capacity) * lanes.count * LANE;
  }

  /** 0 when the tree is empty. */
  get root(): Word {
    return this.words[this.#meta + ROOT];
  }

  /** Levels of the tree: 1 when the root is a leaf, 0 when the tree is empty. */
  get levels(): number {
    return this.words[this.#meta + LEVELS];
  }

  get nodeCount(): number {
    return this.words[this.#meta + IN_USE];
  }

  get nodeBytes(): number {
    return this.#lanes * LANE * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Adds an entry to the leaf and at the index that the path names, and sums it up in the nodes above. */
  insertAtPath(key: number, value: number, last: number): void {
    const { words, pathNode, pathIndex } = this;
    if (this.root === 0) this.#plant();
    let level = 0;
    let right = 0;
    for (;;) {
      const node = pathNode[level];
      const at = pathIndex[level];
      const full = words[node + FANOUT] === FANOUT;
      const other = full ? this.#split(node, at) : 0;
      const left = words[node + FANOUT];
      const target = other === 0 || at <= left ? node : other;
      const place = target === node ? at : at - left;
      this.#openGap(target, place);
      if (level === 0) this.#writeEntry(target + place, key, value, last);
      else this.#link(target, place, right);
      this.touched++;
      if (other === 0) break;
      if (level === this.levels - 1) this.#grow(node);
      level++;
      this.#sumUp(pathNode[level], pathIndex[level], node);
      pathIndex[level]++;
      right = other;
    }
    this.#raise(level, last);
  }

  /** Takes out the entry that the path names. */
  eraseAtPath(): void {
    const { words, pathNode, pathIndex } = this;
    const levels = this.levels;
    this.#closeGap(pathNode[0], pathIndex[0]);
    this.touched++;
    for (let level = 0; level < levels - 1; level++) {
      const node = pathNode[level];
      const parent = pathNode[level + 1];
      const index = pathIndex[level + 1];
      if (words[node + FANOUT] < MIN_FILL) this.#mend(parent, index);
      else if (!this.#sumUp(parent, index, node)) return;
      this.touched++;
    }
    this.#shrink();
  }

  /** Checks order, fill and depth of every node, what is kept of children, and that no node is lost. Throws when something is wrong. */
  checkInvariants(): void {
    const reached = this.root === 0 ? 0 : this.#checkBelow(this.root, this.levels - 1);
    assert(this.root !== 0 || this.levels === 0, `an empty B-tree has ${this.levels} levels`);
    assert(reached === this.nodeCount, `${reached} B-tree nodes reached of ${this.nodeCount} in use`);
    let free = 0;
    for (let node = this.words[this.#meta + FREE]; node !== 0 && free <= this.#capacity; node = this.words[node]) free++;
    assert(reached + free === this.words[this.#meta + TAKEN], `${reached} B-tree nodes in use and ${free} free of ${this.words[this.#meta + TAKEN]}`);
  }

  #plant(): void {
    this.pathNode[0] = this.#take();
    this.pathIndex[0] = 0;
    this.words[this.#meta + ROOT] = this.pathNode[0];
    this.words[this.#meta + LEVELS] = 1;
  }

  /** A new root above the old one. */
  #grow(oldRoot: Word): void {
    const root = this.#take();
    const level = this.words[this.#meta + LEVELS]++;
    if (level >= MAX_LEVELS) assert(false, `a B-tree has ${level} levels already`);
    this.words[this.#meta + ROOT] = root;
    this.words[root + FANOUT] = 1;
    this.words[root + this.#child] = oldRoot;
    this.pathNode[level] = root;
    this.pathIndex[level] = 0;
  }

  /** Drops roots with a single child, and the last leaf when it is empty. */
  #shrink(): void {
    const { words } = this;
    for (let root = this.root; root !== 0; root = this.root) {
      const isLeaf = this.levels === 1;
      if (words[root + FANOUT] > (isLeaf ? 0 : 1)) return;
      words[this.#meta + ROOT] = isLeaf ? 0 : words[root + this.#child];
      words[this.#meta + LEVELS]--;
      this.#give(root);
    }
  }

  /** Moves the upper half of a full node to a new one, which it returns. Where entries come in order, what lies behind is left fuller. */
  #split(node: Word, at: number): Word {
    const right = this.#take();
    this.touched++;
    this.#move(node, right, at === FANOUT ? FANOUT - MIN_FILL : at === 0 ? MIN_FILL : FANOUT >> 1);
    return right;
  }

  /** Child `index` of `parent` is too empty: joins it with a neighbour, or shares evenly with one. */
  #mend(parent: Word, index: number): void {
    const { words } = this;
    const leftIndex = index > 0 ? index - 1 : 0;
    const left = words[parent + this.#child + leftIndex];
    const right = words[parent + this.#child + leftIndex + 1];
    const total = words[left + FANOUT] + words[right + FANOUT];
    this.touched++;
    if (total <= MERGE_FILL) {
      this.#moveDown(right, left, words[right + FANOUT]);
      this.#give(right);
      this.#sumUp(parent, leftIndex, left);
      this.#closeGap(parent, leftIndex + 1);
      return;
    }
    const half = total >> 1;
    if (words[left + FANOUT] > half) this.#move(left, right, half);
    else this.#moveDown(right, left, half - words[left + FANOUT]);
    this.#sumUp(parent, leftIndex, left);
    this.#sumUp(parent, leftIndex + 1, right);
  }

  /** Moves the entries of `from` above the first `keep` to the front of `to`, its right neighbour. */
  #move(from: Word, to: Word, keep: number): void {
    const { words } = this;
    const count = words[from + FANOUT] - keep;
    const there = words[to + FANOUT];
    for (let lane = 0; lane < this.#lanes; lane++) {
      const source = from + lane * LANE + keep;
      const target = to + lane * LANE;
      for (let i = there - 1; i >= 0; i--) words[target + count + i] = words[target + i];
      for (let i = 0; i < count; i++) words[target + i] = words[source + i];
    }
    for (let i = 0; i < count; i++) words[from + keep + i] = EMPTY;
    words[from + FANOUT] = keep;
    words[to + FANOUT] = there + count;
  }

  /** Moves the first `count` entries of `from` to the end of `to`, its left neighbour. */
  #moveDown(from: Word, to: Word, count: number): void {
    const { words } = this;
    const there = words[to + FANOUT];
    const left = words[from + FANOUT] - count;
    for (let lane = 0; lane < this.#lanes; lane++) {
      const source = from + lane * LANE;
      const target = to + lane * LANE + there;
      for (let i = 0; i < count; i++) words[target + i] = words[source + i];
      for (let i = 0; i < left; i++) words[source + i] = words[source + count + i];
    }
    for (let i = 0; i < count; i++) words[from + left + i] = EMPTY;
    words[from + FANOUT] = left;
    words[to + FANOUT] = there + count;
  }

  #openGap(node: Word, at: number): void {
    const { words } = this;
    const count = words[node + FANOUT]++;
    for (let lane = node; lane < node + this.#lanes * LANE; lane += LANE) {
      for (let i = lane + count; i > lane + at; i--) words[i] = words[i - 1];
    }
  }

  #closeGap(node: Word, at: number): void {
    const { words } = this;
    const count = --words[node + FANOUT];
    for (let lane = node; lane < node + this.#lanes * LANE; lane += LANE) {
      for (let i = lane + at; i < lane + count; i++) words[i] = words[i + 1];
    }
    words[node + count] = EMPTY;
  }

  #writeEntry(entry: Word, key: number, value: number, last: number): void {
    this.words[entry] = key;
    this.words[entry + LANE] = value;
    if (this.#max !== 0) this.words[entry + this.#max] = last;
  }

  #link(node: Word, at: number, child: Word): void {
    this.words[node + this.#child + at] = child;
    this.#sumUp(node, at, child);
  }

  /** Writes into entry `index` of `parent` what is kept of `child`. False when that changes nothing. */
  #sumUp(parent: Word, index: number, child: Word): boolean {
    const { words } = this;
    const entry = parent + index;
    let changed = words[entry] !== words[child];
    words[entry] = words[child];
    if (this.#max === 0) return changed;
    const max = this.#maxOf(child);
    changed ||= words[entry + LANE] !== words[child + LANE] || words[entry + this.#max] !== max;
    words[entry + LANE] = words[child + LANE];
    words[entry + this.#max] = max;
    return changed;
  }

  #maxOf(node: Word): number {
    const { words } = this;
    const lane = node + this.#max;
    let max = words[lane];
    for (let i = words[node + FANOUT] - 1; i > 0; i--) if (words[lane + i] > max) max = words[lane + i];
    return max;
  }

  /** After an insert below: takes a new least key and a greater `last` up the path from `level`, as far as they change anything. */
  #raise(level: number, last: number): void {
    const { words, pathNode, pathIndex, levels } = this;
    for (let above = level + 1; above < levels; above++) {
      const child = pathNode[above - 1];
      const entry = pathNode[above] + pathIndex[above];
      let changed = words[entry] !== words[child];
      words[entry] = words[child];
      if (this.#max !== 0) {
        changed ||= words[entry + LANE] !== words[child + LANE] || words[entry + this.#max] < last;
        words[entry + LANE] = words[child + LANE];
        if (words[entry + this.#max] < last) words[entry + this.#max] = last;
      }
      if (!changed) return;
      this.touched++;
    }
  }

  #take(): Word {
    const { words } = this;
    let node = words[this.#meta + FREE];
    if (node !== 0) words[this.#meta + FREE] = words[node];
    else {
      const taken = words[this.#meta + TAKEN]++;
      if (taken >= this.#capacity) assert(false, `a B-tree has no node left of ${this.#capacity}`);
      node = this.#base + taken * this.#lanes * LANE;
    }
    words[this.#meta + IN_USE]++;
    words.fill(EMPTY, node, node + FANOUT);
    words[node + FANOUT] = 0;
    return node;
  }

  #give(node: Word): void {
    this.words[node] = this.words[this.#meta + FREE];
    this.words[this.#meta + FREE] = node;
    this.words[this.#meta + IN_USE]--;
  }

  /** Returns the nodes of the subtree. */
  #checkBelow(node: Word, level: number): number {
    const { words } = this;
    const count = words[node + FANOUT];
    const least = node === this.root ? (level === 0 ? 1 : 2) : MIN_FILL;
    assert(count >= least && count <= FANOUT, `B-tree node ${node} has ${count} entries, expected ${least} to ${FANOUT}`);
    for (let i = 1; i < count; i++) assert(this.#isBefore(node + i - 1, node + i), `entries ${i - 1} and ${i} of B-tree node ${node} are out of order`);
    for (let i = count; i < FANOUT; i++) assert(words[node + i] === EMPTY, `unused key ${i} of B-tree node ${node} is ${words[node + i]}`);
    if (level === 0) return 1;
    let nodes = 1;
    for (let i = 0; i < count; i++) {
      const child = words[node + this.#child + i];
      nodes += this.#checkBelow(child, level - 1);
      assert(words[child] === words[node + i], `key ${i} of B-tree node ${node} is not the least one of its child`);
      const end = child + words[child + FANOUT] - 1;
      assert(i === count - 1 || this.#isBefore(end, node + i + 1), `child ${i} of B-tree node ${node} reaches into the next one`);
      if (this.#max === 0) continue;
      assert(words[child + LANE] === words[node + LANE + i], `entry ${i} of B-tree node ${node} does not start as its child does`);
      assert(words[node + this.#max + i] === this.#maxOf(child), `greatest last page of child ${i} of B-tree node ${node} is wrong`);
    }
    return nodes;
  }

  /** Whether entry `a` comes before entry `b`: by key, and in a tree of ranges by value within one key. */
  #isBefore(a: Word, b: Word): boolean {
    const { words } = this;
    return words[a] < words[b] || (this.#max !== 0 && words[a] === words[b] && words[a + LANE] < words[b + LANE]);
  }
}
