// Red-black balancing over arena words: what the gfn tree and the hva interval tree share. Models lib/rbtree.c, written afresh.
//
// A node begins with three words: two children, and the parent with the colour in its lowest bit. The interval tree has a
// fourth, the greatest last page of the node's subtree, which `augmented` keeps up to date. Plain functions over `words` and no
// hooks: the host compiles one version of each, and the flag is read only where a subtree changes. Word 0 is no node, so a root
// word of zero is an empty tree.
//
// Functions that walk return how many nodes they visited or rewrote. Arguments are positional, so that nothing is allocated.

import { assert } from '../assert.js';
import { MS_HVA_PAGE, MS_NPAGES } from './memslot.js';

/** The children: `RIGHT + 1` is `LEFT`, so that the sign of a difference picks one without a branch. */
export const RIGHT = 0;
export const LEFT = 1;
/** Parent << 1, and the colour: 1 is black. */
const PARENT = 2;
export const SUBTREE_LAST = 3;
const BLACK = 1;

/** A node of the gfn tree: the links and the base gfn, four nodes to a line. */
export const GFN_NODE_WORDS = 4;
export const NODE_GFN = 3;
/** Where a line holds the node of the interval tree: the fields that it compares stand first, as in a memslot. */
export const HVA_NODE = 11;
/** Where the fields of a memslot are, seen from the node of the interval tree. */
export const NODE_HVA = MS_HVA_PAGE - HVA_NODE;
export const NODE_NPAGES = MS_NPAGES - HVA_NODE;

export function parentOf(words: Int32Array, node: number): number {
  return words[node + PARENT] >>> 1;
}

function setParent(words: Int32Array, node: number, parent: number): void {
  words[node + PARENT] = (parent << 1) | (words[node + PARENT] & BLACK);
}

/** True for a black node and for no node. */
function isBlack(words: Int32Array, node: number): boolean {
  return node === 0 || (words[node + PARENT] & BLACK) !== 0;
}

function changeChild(words: Int32Array, root: number, parent: number, old: number, next: number): void {
  if (parent === 0) words[root] = next;
  else if (words[parent + LEFT] === old) words[parent + LEFT] = next;
  else words[parent + RIGHT] = next;
}

/** Last page of the interval tree's node, itself included. */
export function lastPageOf(words: Int32Array, node: number): number {
  return words[node + NODE_HVA] + words[node + NODE_NPAGES] - 1;
}

/** Computes the subtree's last page from the children. Returns whether it was another. */
function updateSubtreeLast(words: Int32Array, node: number): boolean {
  const left = words[node + LEFT];
  const right = words[node + RIGHT];
  let last = lastPageOf(words, node);
  if (left !== 0 && words[left + SUBTREE_LAST] > last) last = words[left + SUBTREE_LAST];
  if (right !== 0 && words[right + SUBTREE_LAST] > last) last = words[right + SUBTREE_LAST];
  const changed = words[node + SUBTREE_LAST] !== last;
  words[node + SUBTREE_LAST] = last;
  return changed;
}

/** Updates `node` and upwards, until nothing changes or `stop` is reached, which is not updated. */
function propagate(words: Int32Array, node: number, stop: number): number {
  let visited = 0;
  for (let at = node; at !== stop; at = parentOf(words, at)) {
    visited++;
    if (!updateSubtreeLast(words, at)) break;
  }
  return visited;
}

/** Moves `node` down to `side` of its child on the other side, which takes its place. */
function rotate(words: Int32Array, root: number, node: number, side: number, augmented: boolean): void {
  const up = words[node + (side ^ 1)];
  const inner = words[up + side];
  const parent = parentOf(words, node);
  words[node + (side ^ 1)] = inner;
  if (inner !== 0) setParent(words, inner, node);
  words[up + side] = node;
  setParent(words, node, up);
  setParent(words, up, parent);
  changeChild(words, root, parent, node, up);
  if (augmented) {
    words[up + SUBTREE_LAST] = words[node + SUBTREE_LAST];
    updateSubtreeLast(words, node);
  }
}

/** Links a new node as the child on `side` of `parent` (0: as the root) and balances. An augmented one's ancestors must know its last page. */
export function linkNode(words: Int32Array, root: number, node: number, parent: number, side: number, augmented: boolean): number {
  words[node + RIGHT] = 0;
  words[node + LEFT] = 0;
  words[node + PARENT] = parent << 1;
  if (parent === 0) words[root] = node;
  else words[parent + side] = node;
  return balanceAfterInsert(words, root, node, augmented);
}

function balanceAfterInsert(words: Int32Array, root: number, inserted: number, augmented: boolean): number {
  let node = inserted;
  for (let visited = 1; ; visited += 2) {
    const parent = parentOf(words, node);
    if (parent === 0) {
      words[node + PARENT] |= BLACK;
      return visited;
    }
    if ((words[parent + PARENT] & BLACK) !== 0) return visited;
    const grandparent = parentOf(words, parent);
    const side = words[grandparent + LEFT] === parent ? LEFT : RIGHT;
    const uncle = words[grandparent + (side ^ 1)];
    if (isBlack(words, uncle)) {
      hangRedPair(words, root, node, augmented);
      return visited + 2;
    }
    words[parent + PARENT] |= BLACK;
    words[uncle + PARENT] |= BLACK;
    words[grandparent + PARENT] &= ~BLACK;
    node = grandparent;
  }
}

/** A red node under a red parent with a black uncle: one or two rotations end it. */
function hangRedPair(words: Int32Array, root: number, node: number, augmented: boolean): void {
  const parent = parentOf(words, node);
  const grandparent = parentOf(words, parent);
  const side = words[grandparent + LEFT] === parent ? LEFT : RIGHT;
  let top = parent;
  if (words[parent + side] !== node) {
    rotate(words, root, parent, side, augmented);
    top = node;
  }
  rotate(words, root, grandparent, side ^ 1, augmented);
  words[top + PARENT] |= BLACK;
  words[grandparent + PARENT] &= ~BLACK;
}

export function unlinkNode(words: Int32Array, root: number, node: number, augmented: boolean): number {
  if (words[node + LEFT] !== 0 && words[node + RIGHT] !== 0) return unlinkInner(words, root, node, augmented);
  const child = words[node + LEFT] | words[node + RIGHT];
  const parent = parentOf(words, node);
  changeChild(words, root, parent, node, child);
  if (child !== 0) setParent(words, child, parent);
  let visited = 1;
  if (augmented) visited += propagate(words, parent, 0);
  if (isBlack(words, node)) visited += balanceAfterErase(words, root, child, parent, augmented);
  return visited;
}

/** A node with two children: its successor takes its place, and its colour. */
function unlinkInner(words: Int32Array, root: number, node: number, augmented: boolean): number {
  const left = words[node + LEFT];
  const right = words[node + RIGHT];
  let visited = 2;
  let next = right;
  for (; words[next + LEFT] !== 0; visited++) next = words[next + LEFT];
  const child = words[next + RIGHT];
  const wasBlack = isBlack(words, next);
  let parent = next;
  if (next !== right) {
    parent = parentOf(words, next);
    words[parent + LEFT] = child;
    if (child !== 0) setParent(words, child, parent);
    words[next + RIGHT] = right;
    setParent(words, right, next);
  }
  words[next + LEFT] = left;
  setParent(words, left, next);
  words[next + PARENT] = words[node + PARENT];
  changeChild(words, root, parentOf(words, node), node, next);
  if (augmented) {
    words[next + SUBTREE_LAST] = words[node + SUBTREE_LAST];
    visited += propagate(words, parent, next) + propagate(words, next, 0);
  }
  if (wasBlack) visited += balanceAfterErase(words, root, child, parent, augmented);
  return visited;
}

/** The paths through `start`, a child of `above` and perhaps no node, lack one black node. */
function balanceAfterErase(words: Int32Array, root: number, start: number, above: number, augmented: boolean): number {
  let node = start;
  let parent = above;
  let visited = 0;
  while (parent !== 0 && isBlack(words, node)) {
    const side = words[parent + LEFT] === node ? LEFT : RIGHT;
    visited += 2;
    let sibling = words[parent + (side ^ 1)];
    if (!isBlack(words, sibling)) {
      rotate(words, root, parent, side, augmented);
      words[sibling + PARENT] |= BLACK;
      words[parent + PARENT] &= ~BLACK;
      sibling = words[parent + (side ^ 1)];
    }
    if (!isBlack(words, words[sibling + LEFT]) || !isBlack(words, words[sibling + RIGHT])) {
      borrowFromSibling(words, root, parent, side, augmented);
      return visited;
    }
    words[sibling + PARENT] &= ~BLACK;
    node = parent;
    parent = parentOf(words, node);
  }
  if (node !== 0) words[node + PARENT] |= BLACK;
  return visited;
}

/** The black sibling has a red child: one or two rotations bring the missing black node to `side`. */
function borrowFromSibling(words: Int32Array, root: number, parent: number, side: number, augmented: boolean): void {
  let sibling = words[parent + (side ^ 1)];
  if (isBlack(words, words[sibling + (side ^ 1)])) {
    const inner = words[sibling + side];
    rotate(words, root, sibling, side ^ 1, augmented);
    words[inner + PARENT] |= BLACK;
    words[sibling + PARENT] &= ~BLACK;
    sibling = inner;
  }
  rotate(words, root, parent, side, augmented);
  words[sibling + PARENT] = (words[sibling + PARENT] & ~BLACK) | (words[parent + PARENT] & BLACK);
  words[parent + PARENT] |= BLACK;
  words[words[sibling + (side ^ 1)] + PARENT] |= BLACK;
}

/** `next` takes the place of `old` in the tree, with its links, its colour and its subtree's last page. */
export function replaceNode(words: Int32Array, root: number, old: number, next: number, augmented: boolean): number {
  const left = words[old + LEFT];
  const right = words[old + RIGHT];
  words[next + LEFT] = left;
  words[next + RIGHT] = right;
  words[next + PARENT] = words[old + PARENT];
  if (augmented) words[next + SUBTREE_LAST] = words[old + SUBTREE_LAST];
  if (left !== 0) setParent(words, left, next);
  if (right !== 0) setParent(words, right, next);
  changeChild(words, root, parentOf(words, old), old, next);
  return 2;
}

/** The node at the `side` end of the subtree of `node`; 0 when there is none. */
export function outermost(words: Int32Array, node: number, side: number): number {
  if (node === 0) return 0;
  let at = node;
  while (words[at + side] !== 0) at = words[at + side];
  return at;
}

/** The next node in order towards `side`, or 0. */
export function neighbour(words: Int32Array, node: number, side: number): number {
  if (words[node + side] !== 0) return outermost(words, words[node + side], side ^ 1);
  let at = node;
  let parent = parentOf(words, at);
  while (parent !== 0 && words[parent + side] === at) {
    at = parent;
    parent = parentOf(words, at);
  }
  return parent;
}

/** Throws unless links, colours and subtree ends of the tree are right. */
export function checkTree(words: Int32Array, root: number, augmented: boolean): void {
  const top = words[root];
  if (top === 0) return;
  assert(parentOf(words, top) === 0 && isBlack(words, top), 'the root of a red-black tree is black and has no parent');
  blackHeight(words, top, augmented);
}

/** Black nodes on each path down from `node`. */
function blackHeight(words: Int32Array, node: number, augmented: boolean): number {
  if (node === 0) return 0;
  const left = words[node + LEFT];
  const right = words[node + RIGHT];
  checkLinks(words, node, left);
  checkLinks(words, node, right);
  const blacks = blackHeight(words, left, augmented);
  const blacksRight = blackHeight(words, right, augmented);
  if (blacks !== blacksRight) assert(false, `paths below node ${node} have ${blacks} and ${blacksRight} black nodes`);
  if (augmented && updateSubtreeLast(words, node)) assert(false, `node ${node} had a wrong last page of its subtree`);
  return isBlack(words, node) ? blacks + 1 : blacks;
}

function checkLinks(words: Int32Array, node: number, child: number): void {
  if (child === 0) return;
  if (parentOf(words, child) !== node) assert(false, `node ${child} does not know its parent ${node}`);
  if (!isBlack(words, node) && !isBlack(words, child)) assert(false, `red node ${node} has a red child ${child}`);
}
