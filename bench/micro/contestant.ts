// What a contestant can do. Each runs its own loops over a batch: in a shared loop the compiler would see all contestants at one call, inline none,
// and measure calls.

import type { MemslotMeter } from '../../sim/index.js';
import type { Workload } from './workload.js';

export const LOOKUPS = ['exact', 'floor', 'overlap'] as const;
export type Lookup = (typeof LOOKUPS)[number];

/** By base gfn, by host pages, or a whole structure with the updates that KVM makes of it. */
export type Kind = 'gfn' | 'hva' | 'whole';

/** One structure with the workload's memslots in it. Batches are `count` places or queries from index `from` on. */
export interface Contestant {
  /** Counts the cache lines that operations touch; absent where nobody counts. */
  readonly meter?: MemslotMeter;
  /** Adds memslots that are not there. For a whole structure: one update each. */
  insert(places: Int32Array, from: number, count: number): void;
  /** Takes them out again. */
  erase(places: Int32Array, from: number, count: number): void;
  /** Each returns the sum of the answers, modulo 2^32. */
  readonly lookups: { readonly [name in Lookup]?: (at: Int32Array, from: number, count: number) => number };
  /** Changes the flags of memslots that are there, one update each. */
  changeFlags?(places: Int32Array, from: number, count: number): void;
}

/** How to make a contestant. */
export interface Maker {
  /** The structure as tables call it, such as "btree" or "sorted-btree". */
  structure: string;
  kind: Kind;
  make(workload: Workload): Contestant;
}

/** The contestant with the memslots of the workload in it. */
export function filled<T extends Contestant>(contestant: T, { present }: Workload): T {
  contestant.insert(present, 0, present.length);
  return contestant;
}
