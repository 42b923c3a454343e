// Memory that comes and goes while a VM runs: blocks of words from one region of the arena. Callers serialise (slots_lock).
// Blocks are whole cache lines; a freed block serves the next request that it fits without wasting half of itself.

import { assert } from '../assert.js';
import { type Arena, carvedWords, LINE_WORDS } from './arena.js';

const SIZE = 0;
const NEXT_FREE = 1;

export class Heap {
  readonly words: Int32Array;
  readonly #first: number;
  readonly #end: number;
  /** Words: first block never given out (offset from the first), head of the free list. */
  readonly #used: number;
  readonly #free: number;

  constructor(arena: Arena, name: string, capacityWords: number) {
    this.words = arena.words;
    this.#used = arena.carveLine(`${name}Heap`);
    this.#free = this.#used + 1;
    this.#first = arena.carve(name, capacityWords);
    this.#end = this.#first + capacityWords;
  }

  /** A zeroed block of at least `length` words, line-aligned. `fresh`: it was never in use before. */
  alloc(length: number): { block: number; fresh: boolean } {
    const size = blockWords(length);
    const reused = this.#reuse(size);
    return reused === 0 ? { block: this.#extend(size), fresh: true } : { block: reused, fresh: false };
  }

  /** Whether blocks of all these lengths can be had beside each other, asked for in this order. */
  hasRoom(lengths: readonly number[]): boolean {
    const taken = new Set<number>();
    let needed = 0;
    for (const length of lengths) {
      const size = blockWords(length);
      const block = this.words[this.#findFree(size, taken)];
      if (block === 0) needed += size;
      else taken.add(block);
    }
    return this.#first + this.words[this.#used] + needed <= this.#end;
  }

  /** Gives back a block of `alloc`. */
  free(block: number): void {
    this.words[block - LINE_WORDS + NEXT_FREE] = this.words[this.#free];
    this.words[this.#free] = block;
  }

  #reuse(size: number): number {
    const { words } = this;
    const link = this.#findFree(size);
    const block = words[link];
    if (block === 0) return 0;
    const header = block - LINE_WORDS;
    words[link] = words[header + NEXT_FREE];
    words.fill(0, block, header + words[header + SIZE]);
    return block;
  }

  /** The word that links the first free block which `size` fits, `except` these; at the end of the list, a word that is 0. */
  #findFree(size: number, except?: ReadonlySet<number>): number {
    const { words } = this;
    let link = this.#free;
    for (let block = words[link]; block !== 0; block = words[link]) {
      const fits = words[block - LINE_WORDS + SIZE];
      if (fits >= size && fits < 2 * size && except?.has(block) !== true) break;
      link = block - LINE_WORDS + NEXT_FREE;
    }
    return link;
  }

  #extend(size: number): number {
    const header = this.#first + this.words[this.#used];
    if (header + size > this.#end) assert(false, `out of memory for memslots: ${this.#end - this.#first} words in use`);
    this.words[this.#used] += size;
    this.words[header + SIZE] = size;
    return header + LINE_WORDS;
  }
}

/** Words that a block of `length` takes, its header included. */
export function blockWords(length: number): number {
  return LINE_WORDS + carvedWords(length);
}
