// One SharedArrayBuffer carved into named regions of Int32 words. Everything that threads share lives here.
// The carving order is the layout: every thread that carves in the same order sees the same words.

import { assert } from '../assert.js';

/** Words in a 64-byte cache line. */
export const LINE_WORDS = 16;

export class Arena {
  readonly words: Int32Array;
  #next = LINE_WORDS; // word 0 stays free, so that 0 can mean "none"

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  /** A zeroed arena of `wordCount` words. Throws `RangeError` when the buffer cannot be had. */
  static ofWords(wordCount: number): Arena {
    return new Arena(new SharedArrayBuffer(Arena.bytesOf(wordCount)));
  }

  /** Bytes of a buffer in which `wordCount` words can be carved. */
  static bytesOf(wordCount: number): number {
    return (wordCount + LINE_WORDS) * Int32Array.BYTES_PER_ELEMENT;
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer as SharedArrayBuffer;
  }

  /** Takes `length` words, line-aligned, and returns the index of the first. */
  carve(name: string, length: number): number {
    const base = this.#next;
    const padded = Math.ceil(length / LINE_WORDS) * LINE_WORDS;
    assert(base + padded <= this.words.length, `arena too small for "${name}": needs ${base + padded} words, has ${this.words.length}`);
    this.#next = base + padded;
    return base;
  }

  /** A line of its own for one word. */
  carveLine(name: string): number {
    return this.carve(name, LINE_WORDS);
  }
}

/** Words that `carve(length)` takes. */
export function carvedWords(length: number): number {
  return Math.ceil(length / LINE_WORDS) * LINE_WORDS;
}
