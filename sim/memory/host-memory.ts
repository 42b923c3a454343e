// The host's memory as its own page tables see it: which of user space's pages are there. One bit per 4 KiB page.
// Left out: contents, huge pages, swap; page N of user space is always host frame N.

import { type Arena, carvedWords } from './arena.js';
import { PlainWords } from './plain-words.js';

/** The part of a CPU by which page tables are read and changed. */
export interface PageTableAccess {
  load(word: number): number;
  fetchOr(word: number, bits: number): number;
  fetchAnd(word: number, bits: number): number;
}

export class HostMemory {
  readonly words: Int32Array;
  readonly pageCount: number;
  readonly #present: number;
  /** Who reads and changes where no CPU is named: set-up and checks, beside which nothing runs. */
  readonly #nobody: PageTableAccess;

  constructor(arena: Arena, pageCount: number) {
    this.words = arena.words;
    this.#nobody = new PlainWords(arena.words);
    this.pageCount = pageCount;
    this.#present = arena.carve('hostPages', pageCount / 32 + 1);
  }

  static arenaWords(pageCount: number): number {
    return carvedWords(pageCount / 32 + 1);
  }

  /** Arena word that says whether `page` is there, and its neighbours: to be touched before it is read or changed. */
  wordOf(page: number): number {
    return this.#present + (page >>> 5);
  }

  isPresent(page: number, cpu: PageTableAccess = this.#nobody): boolean {
    return (cpu.load(this.wordOf(page)) & (1 << (page & 31))) !== 0;
  }

  /** The page is there from now on; true when it was not before. Atomic: pages of one word may come and go from several threads. */
  add(page: number, cpu: PageTableAccess = this.#nobody): boolean {
    const bit = 1 << (page & 31);
    return (cpu.fetchOr(this.wordOf(page), bit) & bit) === 0;
  }

  /** Drops the pages of a range. Returns how many were there. */
  drop(first: number, count: number, cpu: PageTableAccess = this.#nobody): number {
    let dropped = 0;
    for (let page = first; page < first + count; ) {
      const bits = Math.min(32 - (page & 31), first + count - page);
      const mask = bits === 32 ? -1 : ((1 << bits) - 1) << (page & 31);
      if ((cpu.load(this.wordOf(page)) & mask) !== 0) dropped += bitCount(cpu.fetchAnd(this.wordOf(page), ~mask) & mask);
      page += bits;
    }
    return dropped;
  }
}

function bitCount(word: number): number {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count++;
  return count;
}
