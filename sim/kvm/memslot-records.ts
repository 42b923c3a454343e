// Records of memslots in the arena: a free list and a high-water mark. Models kzalloc() and kfree() of struct kvm_memory_slot.
//
// Zero words mean that nothing is allocated. A freed record says so in MS_STATE: a reader that still holds it can tell.

import { assert } from '../assert.js';
import type { Cpu } from '../engine/cpu.js';
import { type Arena, carvedWords } from '../memory/arena.js';
import { FREED, LIVE, MEMSLOT_WORDS, type Memslot, MS_STATE } from './memslot.js';

/** The last word of a memslot's fields is unused: it links the free records. */
const NEXT_FREE = MEMSLOT_WORDS - 1;

const FREE_HEAD = 0;
const HIGH_WATER = 1;
const IN_USE = 2;
const HEADER_WORDS = 3;

export interface MemslotRecordsConfig {
  /** Records that may be allocated at one time. */
  capacity: number;
  /** Words of one record, at least MEMSLOT_WORDS. */
  recordWords: number;
}

/** Words that `MemslotRecords` carves. */
export function memslotRecordsWords(config: MemslotRecordsConfig): number {
  return carvedWords(HEADER_WORDS) + carvedWords(config.capacity * config.recordWords);
}

/** For the updater alone, under slots_lock. */
export class MemslotRecords {
  readonly recordWords: number;
  /** Records that there is room for. */
  readonly capacity: number;
  /** The first record; the others follow without a gap. */
  readonly base: Memslot;
  readonly #words: Int32Array;
  readonly #header: number;

  constructor(arena: Arena, config: MemslotRecordsConfig) {
    if (config.recordWords < MEMSLOT_WORDS) assert(false, `a record of ${config.recordWords} words has no room for a memslot`);
    this.#words = arena.words;
    this.capacity = config.capacity;
    this.recordWords = config.recordWords;
    this.#header = arena.carve('memslot record list', HEADER_WORDS);
    this.base = arena.carve('memslot records', config.capacity * config.recordWords);
  }

  /** Records that are allocated. */
  get count(): number {
    return this.#words[this.#header + IN_USE];
  }

  /** A record with whatever its last user left in it. Throws when `capacity` records are in use. */
  allocate(): Memslot {
    const words = this.#words;
    words[this.#header + IN_USE]++;
    const free = words[this.#header + FREE_HEAD];
    if (free !== 0) {
      words[this.#header + FREE_HEAD] = words[free + NEXT_FREE];
      return free;
    }
    const index = words[this.#header + HIGH_WATER]++;
    if (index >= this.capacity) assert(false, `cannot allocate a memslot: current ${index} in use, expected fewer than ${this.capacity}`);
    return this.base + index * this.recordWords;
  }

  /** Nobody may reach the record any more; who does can tell by its state. */
  free(cpu: Pick<Cpu, 'store'>, slot: Memslot): void {
    const words = this.#words;
    if (words[slot + MS_STATE] !== LIVE) assert(false, `memslot record ${slot} is freed twice`);
    cpu.store(slot + MS_STATE, FREED);
    words[slot + NEXT_FREE] = words[this.#header + FREE_HEAD];
    words[this.#header + FREE_HEAD] = slot;
    words[this.#header + IN_USE]--;
  }
}
