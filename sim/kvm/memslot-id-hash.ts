// From ids to the memslots of one set: a hash of 128 chains. Models id_hash of struct kvm_memslots and id_node[] of struct kvm_memory_slot.

import { assert } from '../assert.js';
import type { Word } from '../engine/cpu.js';
import type { Arena } from '../memory/arena.js';
import { type Memslot, MS_ID, NO_MEMSLOT } from './memslot.js';
import type { MemslotMeter } from './memslot-meter.js';

const ID_HASH_BITS = 7;
/** hash_32()'s multiplier, the golden ratio: consecutive ids spread evenly. */
const GOLDEN_RATIO_32 = 0x61c88647;

/** Words that one hash carves: a head for each chain. */
export const ID_HASH_WORDS = 1 << ID_HASH_BITS;

export class MemslotIdHash {
  readonly #words: Int32Array;
  readonly #meter: MemslotMeter;
  readonly #heads: Word;
  readonly #next: number;
  readonly #prev: number;

  /** `links`: the words of a record that this hash may use. */
  constructor(arena: Arena, links: { next: number; prev: number }, meter: MemslotMeter) {
    this.#words = arena.words;
    this.#meter = meter;
    this.#heads = arena.carve('memslot ids', ID_HASH_WORDS);
    this.#next = links.next;
    this.#prev = links.prev;
  }

  /** The memslot with this id, or NO_MEMSLOT. */
  find(id: number): Memslot {
    const words = this.#words;
    let visited = 0;
    let slot = words[this.#headOf(id)];
    for (; slot !== NO_MEMSLOT; slot = words[slot + this.#next]) {
      visited++;
      if (words[slot + MS_ID] === id) break;
    }
    this.#meter.treeNodes += visited;
    this.#meter.lines += visited + 1;
    return slot;
  }

  add(slot: Memslot): void {
    const words = this.#words;
    const head = this.#headOf(words[slot + MS_ID]);
    const next = words[head];
    words[slot + this.#next] = next;
    words[slot + this.#prev] = NO_MEMSLOT;
    if (next !== NO_MEMSLOT) words[next + this.#prev] = slot;
    words[head] = slot;
    this.#meter.treeNodes++;
  }

  remove(slot: Memslot): void {
    const words = this.#words;
    const next = words[slot + this.#next];
    const prev = words[slot + this.#prev];
    if (prev !== NO_MEMSLOT) words[prev + this.#next] = next;
    else words[this.#headOf(words[slot + MS_ID])] = next;
    if (next !== NO_MEMSLOT) words[next + this.#prev] = prev;
    this.#meter.treeNodes++;
  }

  /** Throws when a chain is broken. Returns the number of memslots. */
  check(): number {
    const words = this.#words;
    let count = 0;
    for (let chain = 0; chain < ID_HASH_WORDS; chain++) {
      let prev: Memslot = NO_MEMSLOT;
      for (let slot = words[this.#heads + chain]; slot !== NO_MEMSLOT; slot = words[slot + this.#next]) {
        if (this.#headOf(words[slot + MS_ID]) !== this.#heads + chain) assert(false, `memslot ${words[slot + MS_ID]} is in the wrong id chain`);
        if (words[slot + this.#prev] !== prev) assert(false, `memslot ${words[slot + MS_ID]} does not know the one before it in its id chain`);
        prev = slot;
        count++;
      }
    }
    return count;
  }

  #headOf(id: number): Word {
    return this.#heads + (Math.imul(id, GOLDEN_RATIO_32) >>> (32 - ID_HASH_BITS));
  }
}
