import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MemslotMeter } from './memslot-meter.js';
import { GFN_NODE_WORDS, NODE_GFN } from './rb-node.js';
import { RbTree } from './rbtree.js';

const ROOT = 1;
const GFN_MAX = 0x7fff_fff0;

/** A tree over `count` nodes. */
function treeOf(count: number) {
  const words = new Int32Array((count + 2) * GFN_NODE_WORDS);
  const meter = new MemslotMeter();
  return { words, meter, tree: new RbTree(words, ROOT, meter) };
}

function nodeAt(index: number): number {
  return (index + 1) * GFN_NODE_WORDS;
}

function setGfn(words: Int32Array, node: number, gfn: number): void {
  words[node + NODE_GFN] = gfn;
}

describe('RbTree', () => {
  it('answers as a sorted list does, whatever is inserted, erased and replaced, and stays balanced', () => {
    const step = fc.tuple(
      fc.constantFrom('insert', 'insert', 'erase', 'replace'),
      fc.nat(63),
      fc.oneof(fc.nat(90), fc.integer({ min: GFN_MAX - 90, max: GFN_MAX })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 160 }), (steps) => {
        const { words, tree } = treeOf(128);
        const byGfn = new Map<number, number>();
        for (const [kind, line, gfn] of steps) {
          const held = [...byGfn.values()];
          const node = nodeAt(line);
          const old = byGfn.get(gfn) ?? held[line % Math.max(held.length, 1)];
          if (kind === 'insert' && !held.includes(node) && !byGfn.has(gfn)) {
            setGfn(words, node, gfn);
            tree.insert(node);
            byGfn.set(gfn, node);
          } else if (kind === 'erase' && old !== undefined) {
            tree.erase(old);
            byGfn.delete(words[old + NODE_GFN]);
          } else if (kind === 'replace' && old !== undefined && !held.includes(nodeAt(64 + line))) {
            setGfn(words, nodeAt(64 + line), words[old + NODE_GFN]);
            tree.replace(old, nodeAt(64 + line));
            byGfn.set(words[old + NODE_GFN], nodeAt(64 + line));
          }
          assert.equal(tree.checkInvariants(), byGfn.size);
        }
        expectOrder(tree, byGfn);
      }),
      { numRuns: 300 },
    );
  });

  it('has a height of at most 2 log2(n + 1), also when filled in order', () => {
    const count = 4095;
    const { words, meter, tree } = treeOf(count);
    for (let line = 0; line < count; line++) {
      setGfn(words, nodeAt(line), line);
      tree.insert(nodeAt(line));
    }
    for (const gfn of [0, 1, 2047, 4094, 5000]) {
      meter.reset();
      tree.floor(gfn);
      assert.ok(meter.treeNodes > 0 && meter.treeNodes <= 24, `${meter.treeNodes} nodes visited`);
      assert.equal(meter.lines, meter.treeNodes + 1);
    }
  });

  it('says that a broken tree is broken', () => {
    const { words, tree } = treeOf(8);
    for (let line = 0; line < 8; line++) {
      setGfn(words, nodeAt(line), line * 10);
      tree.insert(nodeAt(line));
    }
    tree.checkInvariants();
    setGfn(words, nodeAt(3), 75);
    assert.throws(() => tree.checkInvariants(), /follows gfn/);
    setGfn(words, nodeAt(3), 30);
    words[nodeAt(7) + 2] ^= 1;
    assert.throws(() => tree.checkInvariants(), /black/);
  });
});

function expectOrder(tree: RbTree, byGfn: Map<number, number>): void {
  const gfns = [...byGfn.keys()].sort((a, b) => a - b);
  const nodes = gfns.map((gfn) => byGfn.get(gfn)!);
  assert.equal(tree.first(), nodes[0] ?? 0);
  assert.equal(tree.last(), nodes.at(-1) ?? 0);
  for (const [index, node] of nodes.entries()) {
    assert.equal(tree.next(node), nodes[index + 1] ?? 0);
    assert.equal(tree.prev(node), nodes[index - 1] ?? 0);
  }
  for (const gfn of [0, 30, 91, GFN_MAX - 40, GFN_MAX, ...gfns, ...gfns.map((at) => at + 1)]) {
    assert.equal(tree.floor(gfn), byGfn.get(gfns.filter((at) => at <= gfn).at(-1) ?? -1) ?? 0);
    assert.equal(tree.higher(gfn), byGfn.get(gfns.find((at) => at > gfn) ?? -1) ?? 0);
  }
}
