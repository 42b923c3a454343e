// Packages that can do the same job, and plain sorted arrays. The packages are optional: loaded when a bench runs, left out when they are not there.

import { messageOf } from '../errors.js';
import { type Contestant, filled, type Maker } from './contestant.js';
import { memslotAt, queryLast, type Workload } from './workload.js';

/** What is used of sorted-btree. */
interface SortedBTree {
  get(key: number): number | undefined;
  set(key: number, value: number): boolean;
  delete(key: number): boolean;
  getPairOrNextLower(key: number, reused?: [number, number]): [number, number] | undefined;
}
type NewSortedBTree = new (entries: undefined, compare: (a: number, b: number) => number) => SortedBTree;

/** What is used of @flatten-js/interval-tree. */
interface FlattenIntervalTree {
  insert(key: [number, number], value: number): unknown;
  remove(key: [number, number], value: number): unknown;
  search(key: [number, number]): number[];
}
type NewFlattenIntervalTree = new () => FlattenIntervalTree;

export const SORTED_BTREE = 'sorted-btree';
export const FLATTEN = '@flatten-js/interval-tree';
export const SORTED_ARRAY = 'sorted JS array';

/** The contestants that are not ours, and a line for each package that is missing. */
export async function loadPeers(load: (name: string) => Promise<unknown> = importPackage): Promise<{ makers: Maker[]; notes: string[] }> {
  const notes: string[] = [];
  const makers: Maker[] = [{ structure: SORTED_ARRAY, kind: 'gfn', make: (workload) => new SortedArray(workload) }];
  const tryTo = async (name: string, add: (loaded: unknown) => void): Promise<void> => {
    try {
      add(await load(name));
    } catch (error) {
      notes.push(`${name} is left out: ${messageOf(error)}; npm install --include=optional brings it`);
    }
  };
  await tryTo(SORTED_BTREE, (loaded) => {
    const Tree = defaultOf<NewSortedBTree>(loaded);
    makers.push({ structure: SORTED_BTREE, kind: 'gfn', make: (workload) => filled(new PeerByGfn(Tree), workload) });
  });
  await tryTo(FLATTEN, (loaded) => {
    const Tree = defaultOf<NewFlattenIntervalTree>(loaded);
    makers.push({ structure: FLATTEN, kind: 'hva', make: (workload) => filled(new PeerByHva(Tree), workload) });
  });
  return { makers, notes };
}

/** Names in full, so that tools see what is used. */
async function importPackage(name: string): Promise<unknown> {
  return name === SORTED_BTREE ? await import('sorted-btree') : await import('@flatten-js/interval-tree');
}

/** The default export: of a CommonJS module it is one level down. */
function defaultOf<T>(loaded: unknown): T {
  const outer = (loaded as { default: unknown }).default;
  return (typeof outer === 'function' ? outer : (outer as { default: unknown }).default) as T;
}

class PeerByGfn implements Contestant {
  readonly #tree: SortedBTree;

  constructor(Tree: NewSortedBTree) {
    this.#tree = new Tree(undefined, (a, b) => a - b);
  }

  insert(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.set(memslotAt.baseGfn(places[i]), memslotAt.id(places[i]));
  }

  erase(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.delete(memslotAt.baseGfn(places[i]));
  }

  readonly lookups = {
    exact: (gfns: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) sum = (sum + (this.#tree.get(gfns[i]) ?? 0)) | 0;
      return sum;
    },
    floor: (gfns: Int32Array, from: number, count: number): number => {
      const pair: [number, number] = [0, 0];
      let sum = 0;
      for (let i = from; i < from + count; i++) sum = (sum + (this.#tree.getPairOrNextLower(gfns[i], pair)?.[1] ?? 0)) | 0;
      return sum;
    },
  };
}

class PeerByHva implements Contestant {
  readonly #tree: FlattenIntervalTree;

  constructor(Tree: NewFlattenIntervalTree) {
    this.#tree = new Tree();
  }

  insert(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.insert(rangeOf(places[i]), memslotAt.id(places[i]));
  }

  erase(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.#tree.remove(rangeOf(places[i]), memslotAt.id(places[i]));
  }

  readonly lookups = {
    overlap: (pages: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) for (const id of this.#tree.search([pages[i], queryLast(pages[i])])) sum = (sum + id) | 0;
      return sum;
    },
  };
}

function rangeOf(place: number): [number, number] {
  return [memslotAt.hvaPage(place), memslotAt.hvaLast(place)];
}

/** Two arrays of numbers in ascending order of gfn, with binary search and splice: what one writes without a package. */
class SortedArray implements Contestant {
  readonly #gfns: number[];
  readonly #ids: number[];

  constructor({ present }: Workload) {
    const places = [...Int32Array.from(present).sort()];
    this.#gfns = places.map(memslotAt.baseGfn);
    this.#ids = places.map(memslotAt.id);
  }

  insert(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) {
      const gfn = memslotAt.baseGfn(places[i]);
      const at = this.#countUpTo(gfn);
      this.#gfns.splice(at, 0, gfn);
      this.#ids.splice(at, 0, memslotAt.id(places[i]));
    }
  }

  erase(places: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) {
      const at = this.#countUpTo(memslotAt.baseGfn(places[i])) - 1;
      this.#gfns.splice(at, 1);
      this.#ids.splice(at, 1);
    }
  }

  readonly lookups = {
    exact: (gfns: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) {
        const at = this.#countUpTo(gfns[i]) - 1;
        if (at >= 0 && this.#gfns[at] === gfns[i]) sum = (sum + this.#ids[at]) | 0;
      }
      return sum;
    },
    floor: (gfns: Int32Array, from: number, count: number): number => {
      let sum = 0;
      for (let i = from; i < from + count; i++) {
        const at = this.#countUpTo(gfns[i]) - 1;
        if (at >= 0) sum = (sum + this.#ids[at]) | 0;
      }
      return sum;
    },
  };

  #countUpTo(gfn: number): number {
    const gfns = this.#gfns;
    let low = 0;
    let high = gfns.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (gfns[middle] <= gfn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
