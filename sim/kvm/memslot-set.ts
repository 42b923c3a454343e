// One of the two memslot sets: its index by gfn and hva, its id hash, how many memslots and pages it has, and what it remembers as
// used last. Models struct kvm_memslots and kvm_replace_memslot().

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import { KVM_MEMSLOT_INVALID, LIVE, type Memslot, MS_BASE_GFN, MS_FLAGS, MS_ID, MS_NPAGES, MS_STATE, NO_MEMSLOT } from './memslot.js';
import { ID_HASH_WORDS, MemslotIdHash } from './memslot-id-hash.js';
import type { MemslotIndex } from './memslot-index.js';
import type { LastUsed } from './memslot-last-used.js';
import type { MemslotMeter } from './memslot-meter.js';

/** Words of the header. */
const COUNT = 0;
const PAGES = 1;
/** Stands for the nodes of the indices, which plain functions read and write: who walks reads it, who edits writes it, so that an engine sees the conflict. */
const EDITS = 2;

/** Words that one set carves, its index and its records not counted. */
export const MEMSLOT_SET_WORDS = LINE_WORDS + carvedWords(ID_HASH_WORDS);

export interface MemslotSetParts {
  /** 0 or 1. */
  number: number;
  index: MemslotIndex;
  /** The words of a record that the id hash of this set may use. */
  idLinks: { next: number; prev: number };
  lastUsed: LastUsed;
  meter: MemslotMeter;
}

export class MemslotSet {
  readonly index: MemslotIndex;
  readonly ids: MemslotIdHash;
  readonly #number: number;
  readonly #words: Int32Array;
  readonly #header: Word;
  readonly #lastUsed: LastUsed;

  constructor(arena: Arena, parts: MemslotSetParts) {
    this.#number = parts.number;
    this.#words = arena.words;
    this.index = parts.index;
    this.#header = arena.carveLine('memslot set');
    this.ids = new MemslotIdHash(arena, parts.idLinks, parts.meter);
    this.#lastUsed = parts.lastUsed;
  }

  /** Memslots. */
  get count(): number {
    return this.#words[this.#header + COUNT];
  }

  /** Pages of all memslots. */
  get pages(): number {
    return this.#words[this.#header + PAGES];
  }

  /** A reader without a lock is about to walk the indices. */
  noteWalk(cpu: Cpu): void {
    cpu.load(this.#header + EDITS);
  }

  /** The indices have been edited. */
  noteEdit(cpu: Cpu): void {
    cpu.store(this.#header + EDITS, (cpu.load(this.#header + EDITS) + 1) | 0);
  }

  /** The lowest memslot that ends above `gfn`, or NO_MEMSLOT. */
  firstEndingAfter(gfn: number): Memslot {
    const words = this.#words;
    const slot = this.index.floor(gfn);
    if (slot !== NO_MEMSLOT && gfn < words[slot + MS_BASE_GFN] + words[slot + MS_NPAGES]) return slot;
    return this.index.higher(gfn);
  }

  /** Adds a memslot. No reader uses the set. */
  join(slot: Memslot): void {
    this.index.insert(slot);
    this.ids.add(slot);
    this.#words[this.#header + COUNT]++;
    this.#words[this.#header + PAGES] += this.#words[slot + MS_NPAGES];
  }

  /** Removes a memslot. No reader uses the set. */
  leave(cpu: Cpu, slot: Memslot): void {
    this.index.erase(slot);
    this.ids.remove(slot);
    this.#words[this.#header + COUNT]--;
    this.#words[this.#header + PAGES] -= this.#words[slot + MS_NPAGES];
    this.#lastUsed.replace(cpu, this.#number, { old: slot, next: NO_MEMSLOT });
  }

  /** `next`, with the same gfns and host pages, takes the place of `old`. No reader uses the set. */
  replace(cpu: Cpu, old: Memslot, next: Memslot): void {
    this.index.replace(old, next);
    this.ids.remove(old);
    this.ids.add(next);
    this.#lastUsed.replace(cpu, this.#number, { old, next });
  }

  /** The memslots in order of gfn. */
  list(): Memslot[] {
    const slots: Memslot[] = [];
    const push = (slot: Memslot) => {
      slots.push(slot);
    };
    this.index.forEach(push);
    return slots;
  }

  /** Throws when an invariant of the set does not hold. No update is in flight. */
  checkInvariants(): void {
    this.index.checkInvariants();
    const slots = this.list();
    this.#checkSlots(slots);
    const hashed = this.ids.check();
    if (hashed !== slots.length) assert(false, `the id hash of set ${this.#number} links ${hashed} of ${slots.length} memslots`);
    if (this.count !== slots.length) assert(false, `set ${this.#number} counts ${this.count} memslots but has ${slots.length}`);
    const last = this.#lastUsed.ofSet(this.#words, this.#number);
    if (last !== NO_MEMSLOT && !slots.includes(last)) assert(false, `set ${this.#number} remembers memslot record ${last}, which it does not have`);
  }

  #checkSlots(slots: readonly Memslot[]): void {
    const words = this.#words;
    let pages = 0;
    let end = 0;
    for (const slot of slots) {
      const id = words[slot + MS_ID];
      if (words[slot + MS_STATE] !== LIVE) assert(false, `memslot ${id} of set ${this.#number} is freed`);
      if ((words[slot + MS_FLAGS] & KVM_MEMSLOT_INVALID) !== 0) assert(false, `memslot ${id} of set ${this.#number} is invalid`);
      if (words[slot + MS_BASE_GFN] < end) assert(false, `memslot ${id} of set ${this.#number} overlaps the one before in gfn`);
      if (this.ids.find(id) !== slot) assert(false, `memslot ${id} of set ${this.#number} is not found by its id`);
      end = words[slot + MS_BASE_GFN] + words[slot + MS_NPAGES];
      pages += words[slot + MS_NPAGES];
    }
    if (this.pages !== pages) assert(false, `set ${this.#number} counts ${this.pages} pages but has ${pages}`);
  }
}
