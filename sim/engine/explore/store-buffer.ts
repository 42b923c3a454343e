// The store buffer of one CPU under x86-TSO: stores become visible to others later, in the order in which they were made.
// The release of an exclusive lock is such a store. Each entry remembers the step that made it.

import type { Word } from '../cpu.js';

/** A store of a word, or the release of a lock (`word` is then -1). */
export interface BufferedStore {
  word: Word;
  value: number;
  /** Makes a release visible; null for a store. */
  release: (() => void) | null;
  /** Number of the step that made it. */
  step: number;
}

export class StoreBuffer {
  readonly entries: BufferedStore[] = [];

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** What the own CPU reads: its newest store of the word, or what memory holds. */
  read(words: Int32Array, word: Word): number {
    const { entries } = this;
    for (let i = entries.length - 1; i >= 0; i--) if (entries[i].word === word) return entries[i].value;
    return words[word];
  }
}
