import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LINE_WORDS } from '../memory/arena.js';
import { IntervalTree } from './interval-tree.js';
import { MS_HVA_PAGE, MS_NPAGES } from './memslot.js';
import { MemslotMeter } from './memslot-meter.js';
import { HVA_NODE, SUBTREE_LAST } from './rb-node.js';

const ROOT = 1;
const LINES = 64;

function emptyTree() {
  const words = new Int32Array((LINES + 2) * LINE_WORDS);
  const meter = new MemslotMeter();
  return { words, meter, tree: new IntervalTree(words, ROOT, meter) };
}

function nodeAt(line: number): number {
  return (line + 1) * LINE_WORDS + HVA_NODE;
}

function setPages(words: Int32Array, node: number, hvaPage: number, npages: number): void {
  words[node - HVA_NODE + MS_HVA_PAGE] = hvaPage;
  words[node - HVA_NODE + MS_NPAGES] = npages;
}

function overlapsOf(tree: IntervalTree, first: number, last: number): number[] {
  const found: number[] = [];
  tree.forEachOverlap({ first, last }, (node) => found.push(node));
  return found;
}

describe('IntervalTree', () => {
  it('finds what a scan finds, for ranges that overlap and repeat, and stays balanced', () => {
    const pages = fc.tuple(fc.nat(40), fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 60 })));
    const step = fc.tuple(fc.constantFrom('insert', 'insert', 'erase', 'replace'), fc.nat(LINES - 1), pages);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { words, tree } = emptyTree();
        const held = new Map<number, { first: number; last: number }>();
        for (const [kind, line, [hvaPage, npages]] of steps) {
          const node = nodeAt(line);
          const other = [...held.keys()][line % Math.max(held.size, 1)];
          if (kind === 'insert' && !held.has(node)) {
            setPages(words, node, hvaPage, npages);
            tree.insert(node);
            held.set(node, { first: hvaPage, last: hvaPage + npages - 1 });
          } else if (kind === 'erase' && held.delete(other)) tree.erase(other);
          else if (kind === 'replace' && held.has(other) && !held.has(node)) {
            const range = held.get(other)!;
            setPages(words, node, range.first, range.last - range.first + 1);
            tree.replace(other, node);
            held.delete(other);
            held.set(node, range);
          }
          assert.equal(tree.checkInvariants(), held.size);
          const [first, last] = [hvaPage, hvaPage + (line % 8)];
          const expected = [...held].filter(([, range]) => range.first <= last && range.last >= first).map(([at]) => at);
          const found = overlapsOf(tree, first, last);
          assert.deepEqual(new Set(found), new Set(expected));
          assert.equal(found.length, expected.length);
          const firsts = found.map((at) => held.get(at)!.first);
          assert.deepEqual(
            firsts,
            firsts.toSorted((a, b) => a - b),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('visits about the height of the tree for one page', () => {
    const { words, meter, tree } = emptyTree();
    for (let line = 0; line < LINES; line++) {
      setPages(words, nodeAt(line), line * 4, 4);
      tree.insert(nodeAt(line));
    }
    meter.reset();
    assert.deepEqual(overlapsOf(tree, 101, 101), [nodeAt(25)]);
    assert.ok(meter.treeNodes >= 2 && meter.treeNodes <= 14, `${meter.treeNodes} nodes visited`);
    assert.ok(meter.lines >= meter.treeNodes);
  });

  it('says that a subtree with a wrong last page is broken', () => {
    const { words, tree } = emptyTree();
    for (let line = 0; line < 8; line++) {
      setPages(words, nodeAt(line), line * 4, 4);
      tree.insert(nodeAt(line));
    }
    tree.checkInvariants();
    words[nodeAt(2) + SUBTREE_LAST]++;
    assert.throws(() => tree.checkInvariants(), /last page of its subtree/);
  });
});
