// What the two-set memslot structures need of an index. The red-black trees and the B-trees both offer it.

import type { Memslot } from './memslot.js';
import type { HvaPageRange } from './memslot-sets.js';

/** The gfn and hva indices of one memslot set. Two of them, over one copy of the records, make a two-set structure. */
export interface MemslotIndex {
  /** Adds a record. No other record overlaps it in gfn. */
  insert(slot: Memslot): void;
  erase(slot: Memslot): void;
  /** `next` takes the place of `old`; same base gfn and same hva range. O(1) for the red-black gfn tree. */
  replace(old: Memslot, next: Memslot): void;
  /** The record with the greatest base gfn that is not above `gfn`, or 0. */
  floor(gfn: number): Memslot;
  /** The record with the smallest base gfn above `gfn`, or 0. */
  higher(gfn: number): Memslot;
  /** Each record whose host pages overlap the range. */
  forEachInHvaRange(range: HvaPageRange, visit: (slot: Memslot) => void): void;
  /** Each record, in ascending order of gfn. */
  forEach(visit: (slot: Memslot) => void): void;
  checkInvariants(): void;
}
