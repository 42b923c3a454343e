// The simulator's own trees as contestants: red-black and interval tree (`tree`), B-trees (`btree`). Each has an arena of its own.

import {
  Arena,
  GFN_NODE_WORDS,
  HVA_NODE,
  IntervalTree,
  KeyBTree,
  MemslotMeter,
  MS_ID,
  NODE_GFN,
  RangeBTree,
  RbTree,
  TREE_RECORD_WORDS,
  writeMemslot,
} from '../../sim/index.js';
import { type Contestant, filled, type Maker } from './contestant.js';
import { memslotAt, queryLast, type Workload } from './workload.js';

const LINE_WORDS = 16;
const GFN_NODE_SHIFT = Math.log2(GFN_NODE_WORDS);

export const OURS: readonly Maker[] = [
  { structure: 'tree', kind: 'gfn', make: (workload) => filled(new TreeByGfn(workload), workload) },
  { structure: 'btree', kind: 'gfn', make: (workload) => filled(new BTreeByGfn(workload), workload) },
  { structure: 'tree', kind: 'hva', make: (workload) => filled(new TreeByHva(workload), workload) },
  { structure: 'btree', kind: 'hva', make: (workload) => filled(new BTreeByHva(workload), workload) },
];

/** Records of all places, and a root. A record's node by hva lies within it, as in KVM. */
class Records {
  readonly words: Int32Array;
  readonly root: number;
  readonly #base: number;

  constructor({ places }: Workload) {
    const arena = Arena.ofWords(LINE_WORDS + places * TREE_RECORD_WORDS);
    this.words = arena.words;
    this.root = arena.carveLine('root');
    this.#base = arena.carve('records', places * TREE_RECORD_WORDS);
    for (let place = 0; place < places; place++) {
      const { id, baseGfn, npages, hvaPage } = memslotAt;
      const fields = { id: id(place), baseGfn: baseGfn(place), npages: npages(place), hvaPage: hvaPage(place), flags: 0, arch: 0 };
      writeMemslot(this.words, this.at(place), fields);
    }
  }

  at(place: number): number {
    return this.#base + place * TREE_RECORD_WORDS;
  }
}

class TreeByGfn implements Contestant {
  readonly meter = new MemslotMeter();
  readonly #words: Int32Array;
  readonly #nodes: number;
  readonly #tree: RbTree;

  constructor({ places }: Workload) {
    const arena = Arena.ofWords(2 * LINE_WORDS + places * GFN_NODE_WORDS);
    this.#words = arena.words;
    this.#tree = new RbTree(arena.words, arena.carveLine('root'), this.meter);
    this.#nodes = arena.carve('nodes', places * GFN_NODE_WORDS);
    for (let place = 0; place < places; place++) this.#words[this.#nodeAt(place) + NODE_GFN] = memslotAt.baseGfn(place);
  }

  insert(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.insert(this.#nodeAt(places[i]));
  }

  erase(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.erase(this.#nodeAt(places[i]));
  }

  readonly lookups = {
    exact: (gfns: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) {
        const node = this.#tree.floor(gfns[i]);
        if (node !== 0 && this.#words[node + NODE_GFN] === gfns[i]) sum = (sum + this.#idOf(node)) | 0;
      }
      return sum;
    },
    floor: (gfns: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) {
        const node = this.#tree.floor(gfns[i]);
        if (node !== 0) sum = (sum + this.#idOf(node)) | 0;
      }
      return sum;
    },
  };

  #nodeAt(place: number): number {
    return this.#nodes + place * GFN_NODE_WORDS;
  }

  /** A node's place says whose it is, as in the simulator. */
  #idOf(node: number): number {
    return memslotAt.id((node - this.#nodes) >> GFN_NODE_SHIFT);
  }
}

class BTreeByGfn implements Contestant {
  readonly meter = new MemslotMeter();
  readonly #tree: KeyBTree;

  constructor({ places }: Workload) {
    this.#tree = new KeyBTree(Arena.ofWords(KeyBTree.wordsOf(places)), { name: 'bench', capacity: places, meter: this.meter });
  }

  insert(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.insert(memslotAt.baseGfn(places[i]), memslotAt.id(places[i]));
  }

  erase(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.erase(memslotAt.baseGfn(places[i]));
  }

  readonly lookups = {
    exact: (gfns: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) sum = (sum + this.#tree.exact(gfns[i])) | 0;
      return sum;
    },
    floor: (gfns: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) sum = (sum + this.#tree.floor(gfns[i])) | 0;
      return sum;
    },
  };
}

class TreeByHva implements Contestant {
  readonly meter = new MemslotMeter();
  readonly #records: Records;
  readonly #tree: IntervalTree;

  constructor(workload: Workload) {
    this.#records = new Records(workload);
    this.#tree = new IntervalTree(this.#records.words, this.#records.root, this.meter);
  }

  insert(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.insert(this.#records.at(places[i]) + HVA_NODE);
  }

  erase(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.erase(this.#records.at(places[i]) + HVA_NODE);
  }

  readonly lookups = {
    overlap: (pages: Int32Array, from: number, count: number): number => {
      const { words } = this.#records;
      const tree = this.#tree;
      let sum = 0;
      for (let i = from; i < from + count; i++) {
        const first = pages[i];
        const last = queryLast(first);
        for (let node = tree.firstOverlap(first, last); node !== 0; node = tree.nextOverlap(node, first, last)) {
          sum = (sum + words[node - HVA_NODE + MS_ID]) | 0;
        }
      }
      return sum;
    },
  };
}

class BTreeByHva implements Contestant {
  readonly meter = new MemslotMeter();
  readonly #tree: RangeBTree;

  constructor({ places }: Workload) {
    this.#tree = new RangeBTree(Arena.ofWords(RangeBTree.wordsOf(places)), { name: 'bench', capacity: places, meter: this.meter });
  }

  insert(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) {
      const place = places[i];
      this.#tree.insert(memslotAt.hvaPage(place), memslotAt.hvaLast(place), memslotAt.id(place));
    }
  }

  erase(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.erase(memslotAt.hvaPage(places[i]), memslotAt.id(places[i]));
  }

  readonly lookups = {
    overlap: (pages: Int32Array, from: number, count: number): number => {
      let sum = 0;
      const add = (id: number): void => {
        sum = (sum + id) | 0;
      };
      for (let i = from; i < from + count; i++) this.#tree.forEachOverlap(pages[i], queryLast(pages[i]), add);
      return sum;
    },
  };
}
