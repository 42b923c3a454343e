import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Arena } from '../memory/arena.js';
import { Prng } from '../prng.js';
import { KeyBTree, RangeBTree } from './btree.js';
import { MemslotMeter } from './memslot-meter.js';

const CAPACITY = 4000;
const KEYS = 4096;

/** A stretch of keys that an operation names one after another: runs make trees of several levels out of few operations. */
const run = fc.record({
  kind: fc.constantFrom('insert' as const, 'erase' as const, 'replace' as const),
  from: fc.nat(KEYS - 1),
  length: fc.integer({ min: 1, max: 400 }),
  stride: fc.constantFrom(1, 1, 3, 7, 1021, -1, -5),
});
const runs = fc.array(run, { minLength: 1, maxLength: 12 });
type Run = typeof run extends fc.Arbitrary<infer T> ? T : never;

function keysOf({ from, length, stride }: Run): number[] {
  return Array.from({ length }, (_, i) => (((from + i * stride) % KEYS) + KEYS) % KEYS);
}

function keyTree(capacity = CAPACITY): { tree: KeyBTree; meter: MemslotMeter; words: Int32Array; attach(): KeyBTree } {
  const meter = new MemslotMeter();
  const arena = Arena.ofWords(KeyBTree.wordsOf(capacity));
  const attach = (): KeyBTree => new KeyBTree(new Arena(arena.buffer), { name: 'test', capacity, meter });
  return { tree: new KeyBTree(arena, { name: 'test', capacity, meter }), meter, words: arena.words, attach };
}

function rangeTree(capacity = CAPACITY): { tree: RangeBTree; meter: MemslotMeter } {
  const meter = new MemslotMeter();
  return { tree: new RangeBTree(Arena.ofWords(RangeBTree.wordsOf(capacity)), { name: 'test', capacity, meter }), meter };
}

describe('KeyBTree', () => {
  /** Does the run to tree and oracle alike. */
  function apply(tree: KeyBTree, oracle: Map<number, number>, step: Run): void {
    for (const key of keysOf(step)) {
      const value = (key + 1) * 4096 + oracle.size + 1;
      if (step.kind === 'insert' && !oracle.has(key) && oracle.size < CAPACITY) {
        tree.insert(key, value);
        oracle.set(key, value);
      } else if (step.kind === 'erase' && oracle.delete(key)) tree.erase(key);
      else if (step.kind === 'replace' && oracle.has(key)) {
        tree.replace(key, value);
        oracle.set(key, value);
      }
    }
  }

  function assertLikeOracle(tree: KeyBTree, oracle: Map<number, number>): void {
    tree.checkInvariants();
    const sorted = [...oracle].sort(([a], [b]) => a - b);
    const listed: [number, number][] = [];
    tree.forEach((value, key) => void listed.push([key, value]));
    assert.deepEqual(listed, sorted);
    let next = 0; // index of the first key above `x`
    for (let x = -1; x <= KEYS; x++) {
      while (next < sorted.length && sorted[next][0] <= x) next++;
      assert.equal(tree.floor(x), next > 0 ? sorted[next - 1][1] : 0, `floor(${x})`);
      assert.equal(tree.higher(x), next < sorted.length ? sorted[next][1] : 0, `higher(${x})`);
      assert.equal(tree.exact(x), oracle.get(x) ?? 0, `exact(${x})`);
    }
  }

  it('is what a sorted array is, whatever runs of keys come and go', () => {
    fc.assert(
      fc.property(runs, (steps) => {
        const { tree } = keyTree();
        const oracle = new Map<number, number>();
        for (const step of steps) {
          apply(tree, oracle, step);
          tree.checkInvariants();
        }
        assertLikeOracle(tree, oracle);
      }),
      { numRuns: 60 },
    );
  });

  it('comes back to nothing when every key is erased in any order, and uses its nodes again', () => {
    const { tree } = keyTree(2000);
    const random = new Prng(5);
    for (let round = 0; round < 8; round++) {
      const keys = shuffled(2000, random);
      for (const key of keys) tree.insert(key, key + 1);
      tree.checkInvariants();
      assert.equal(tree.levels, 3);
      for (const key of shuffled(2000, random)) tree.erase(key);
      tree.checkInvariants();
      assert.equal(tree.bytes, 0);
      assert.equal(tree.levels, 0);
    }
  });

  it('never needs more nodes than it carved, at the worst fill that an adversary finds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }), (capacity, seed) => {
        const { tree } = keyTree(capacity);
        const random = new Prng(seed);
        const present = new Set<number>();
        for (let i = 0; i < 6 * capacity; i++) {
          const key = random.below(capacity * 2);
          if (present.delete(key)) tree.erase(key);
          else if (present.size < capacity) {
            tree.insert(key, key + 1);
            present.add(key);
          }
        }
        tree.checkInvariants();
      }),
      { numRuns: 40 },
    );
  });

  it('is seen whole by another attachment to the same words', () => {
    const { tree, attach } = keyTree();
    for (const key of shuffled(1500, new Prng(2))) tree.insert(key, key + 7);
    const other = attach();
    other.checkInvariants();
    assert.equal(other.floor(777), 784);
    other.erase(777);
    assert.equal(tree.floor(777), 783);
  });

  it('takes keys at both ends of the range of a word', () => {
    const { tree } = keyTree(10);
    const greatest = 2 ** 31 - 2;
    tree.insert(greatest, 1);
    tree.insert(0, 2);
    assert.equal(tree.exact(greatest), 1);
    assert.equal(tree.floor(greatest + 1), 1);
    assert.equal(tree.floor(2 ** 40), 1);
    assert.equal(tree.floor(greatest - 1), 2);
    assert.equal(tree.floor(-1), 0);
    assert.equal(tree.higher(-1), 2);
    assert.equal(tree.higher(0), 1);
    assert.equal(tree.higher(greatest), 0);
    assert.throws(() => tree.insert(greatest + 1, 3), /is not from 0/);
    assert.throws(() => tree.insert(-1, 3), /is not from 0/);
    tree.checkInvariants();
  });

  it('fails loudly on a key that is there twice, or not at all', () => {
    const { tree } = keyTree(10);
    assert.throws(() => tree.erase(5), /not in the B-tree/);
    tree.insert(5, 1);
    assert.throws(() => tree.insert(5, 2), /already/);
    assert.throws(() => tree.erase(4), /not in the B-tree/);
    assert.throws(() => tree.replace(6, 2), /not in the B-tree/);
    assert.throws(() => tree.erase(-1), /not in the B-tree/);
    tree.checkInvariants();
  });

  it('finds a broken node', () => {
    const { tree, words } = keyTree();
    for (let key = 0; key < 1000; key++) tree.insert(key * 2, key + 1);
    const leafWord = words.indexOf(500);
    words[leafWord] = 777;
    assert.throws(() => tree.checkInvariants(), /out of order|not the least|reaches into/);
  });

  it('counts a node, five probes and two or three lines for each level of a lookup', () => {
    const { tree, meter } = keyTree();
    for (let key = 0; key < 3000; key++) tree.insert(key, key + 1);
    meter.reset();
    tree.floor(1234);
    assert.equal(meter.btreeNodes, tree.levels);
    assert.equal(meter.probes, 5 * tree.levels);
    assert.ok(meter.lines >= 2 * tree.levels && meter.lines <= 3 * tree.levels, `${meter.lines} lines`);
    meter.reset();
    tree.erase(1234);
    assert.ok(meter.btreeNodes > tree.levels && meter.btreeNodes < 4 * tree.levels, `${meter.btreeNodes} nodes`);
    assert.equal(meter.lines, 0);
  });

  it('stays flat: 1,000,000 keys in at most 6 levels', () => {
    const { tree } = keyTree(1_000_000);
    for (let i = 0; i < 1_000_000; i++) tree.insert((i * 7919) % 1_000_003, i + 1);
    assert.ok(tree.levels <= 6, `${tree.levels} levels`);
    assert.ok(tree.bytes < 20_000_000, `${tree.bytes} bytes`);
  });
});

describe('RangeBTree', () => {
  const PAGES = 300;
  /** Few starts and lengths: many ranges are equal, and many overlap. */
  const step = fc.record({
    kind: fc.constantFrom('insert' as const, 'insert' as const, 'erase' as const, 'replace' as const),
    from: fc.nat(PAGES - 1),
    count: fc.integer({ min: 1, max: 120 }),
    stride: fc.constantFrom(0, 0, 1, 2, 17),
    lengths: fc.array(fc.constantFrom(1, 2, 5, 40, 300), { minLength: 1, maxLength: 4 }),
    pick: fc.nat(1000),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  interface RangeEntry {
    first: number;
    last: number;
    value: number;
  }

  class Pair {
    readonly tree = rangeTree().tree;
    readonly oracle = new Map<number, RangeEntry>();
    #next = 1;

    apply({ kind, from, count, stride, lengths, pick }: Step): void {
      for (let i = 0; i < count; i++) {
        const first = (from + i * stride) % PAGES;
        if (kind === 'insert') this.#insert({ first, last: first + lengths[i % lengths.length] - 1, value: this.#fresh() });
        else if (this.oracle.size > 0) {
          const values = [...this.oracle.keys()];
          const entry = this.oracle.get(values[(pick + i * 31) % values.length])!;
          if (kind === 'erase') this.tree.erase(entry.first, entry.value);
          this.oracle.delete(entry.value);
          if (kind === 'replace') {
            const value = this.#fresh();
            this.tree.replace(entry.first, entry.value, value);
            this.oracle.set(value, { ...entry, value });
          }
        }
      }
    }

    overlaps(first: number, last: number): number[] {
      const found: number[] = [];
      this.tree.forEachOverlap(first, last, (value) => void found.push(value));
      return found;
    }

    expected(first: number, last: number): number[] {
      const hits = [...this.oracle.values()].filter((entry) => entry.first <= last && entry.last >= first);
      return hits.sort((a, b) => a.first - b.first || a.value - b.value).map(({ value }) => value);
    }

    #insert(entry: RangeEntry): void {
      if (this.oracle.size >= CAPACITY) return;
      this.tree.insert(entry.first, entry.last, entry.value);
      this.oracle.set(entry.value, entry);
    }

    /** Values in no order of time, so that equal ranges are not inserted in the tree's order. */
    #fresh(): number {
      this.#next = (this.#next * 75) % 65537;
      return this.#next;
    }
  }

  it('finds what a scan of all ranges finds, however many overlap or are equal', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 14 }),
        fc.array(fc.tuple(fc.nat(700), fc.nat(60)), { minLength: 5, maxLength: 5 }),
        (steps, queries) => {
          const pair = new Pair();
          for (const one of steps) {
            pair.apply(one);
            pair.tree.checkInvariants();
          }
          for (const [first, length] of queries) assert.deepEqual(pair.overlaps(first, first + length), pair.expected(first, first + length));
          const all: number[] = [];
          const add = (value: number): void => void all.push(value);
          pair.tree.forEach(add);
          assert.deepEqual(all, pair.expected(0, 2 ** 30));
        },
      ),
      { numRuns: 80 },
    );
  });

  it('holds a thousand equal ranges, and gives up each by its value', () => {
    const { tree } = rangeTree();
    for (const value of shuffled(1000, new Prng(3))) tree.insert(8, 9, value + 1);
    tree.checkInvariants();
    for (const value of shuffled(1000, new Prng(4)).slice(0, 990)) tree.erase(8, value + 1);
    tree.checkInvariants();
    let left = 0;
    tree.forEachOverlap(9, 9, () => left++);
    assert.equal(left, 10);
  });

  it('leaves out subtrees that end too early: visits few nodes of many', () => {
    const { tree, meter } = rangeTree();
    for (let i = 0; i < 3000; i++) tree.insert(i * 10, i * 10 + 4, i + 1);
    meter.reset();
    const found: number[] = [];
    tree.forEachOverlap(20_000, 20_000, (value) => void found.push(value));
    assert.deepEqual(found, [2001]);
    assert.equal(meter.btreeNodes, tree.levels);
    assert.ok(meter.probes <= 36 * tree.levels, `${meter.probes} probes`);
  });

  it('lets a visitor look up again', () => {
    const { tree } = rangeTree();
    for (let i = 0; i < 500; i++) tree.insert(i, i + 1, i + 1);
    let inner = 0;
    tree.forEachOverlap(100, 140, () => tree.forEachOverlap(300, 300, () => inner++));
    assert.equal(inner, 42 * 2);
  });

  it('fails loudly on a range that is there twice, or not at all', () => {
    const { tree } = rangeTree(10);
    assert.throws(() => tree.erase(5, 1), /no range of 1/);
    tree.insert(5, 6, 1);
    assert.throws(() => tree.insert(5, 9, 1), /already/);
    assert.throws(() => tree.erase(5, 2), /no range of 2/);
    assert.throws(() => tree.replace(4, 1, 2), /no range of 1/);
    assert.throws(() => tree.insert(5, 4, 3), /is not from 0/);
    tree.checkInvariants();
  });
});

function shuffled(count: number, random: Prng): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}
