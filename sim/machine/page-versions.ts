// What became of the contents of each page: how often the guest has written it, and which of those versions a reader of the dirty log has copied.
// Invariant, once the guest has stopped and the last pages were copied: no page is newer than its copy. A write that the dirty log misses breaks it.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import type { WriteLog } from '../guest/steady-writer.js';
import { type Arena, carvedWords } from '../memory/arena.js';

export class PageVersions {
  readonly #words: Int32Array;
  readonly #firstGfn: number;
  readonly #pages: number;
  /** A word for each page: writes so far, and writes that the copy has. */
  readonly #written: Word;
  readonly #copied: Word;

  constructor(arena: Arena, region: { firstGfn: number; pages: number }) {
    this.#words = arena.words;
    this.#firstGfn = region.firstGfn;
    this.#pages = region.pages;
    this.#written = arena.carve('pagesWritten', region.pages);
    this.#copied = arena.carve('pagesCopied', region.pages);
  }

  static arenaWords(pages: number): number {
    return 2 * carvedWords(pages);
  }

  /** The log of one vCPU, which alone writes its pages. */
  logOf(cpu: Cpu): WriteLog {
    const first = this.#written - this.#firstGfn;
    return (gfn, pages, times) => {
      for (let page = 0; page < pages; page++) cpu.fetchAdd(first + gfn + page, times);
    };
  }

  /** The page, counted from the region's first, is copied as it is now. */
  copy(cpu: Cpu, page: number): void {
    cpu.words[this.#copied + page] = cpu.load(this.#written + page);
  }

  /** All pages are copied as they are now: user space's first round, once logging is on. */
  copyAll(cpu: Cpu): void {
    for (let page = 0; page < this.#pages; page++) this.copy(cpu, page);
  }

  /** Throws when a write has come to no copy. */
  assertCopied(): void {
    for (let page = 0; page < this.#pages; page++) {
      const [written, copied] = [this.#words[this.#written + page], this.#words[this.#copied + page]];
      assert(copied >= written, `a write is lost: gfn ${this.#firstGfn + page} was written ${written} times, its copy has ${copied} of them`);
    }
  }
}
