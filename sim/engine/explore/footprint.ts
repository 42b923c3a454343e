// What one step of one CPU has touched: the objects whose order against other CPUs' steps matters.
//
// An object is an arena word, a lock, a thread's sleep state, a store buffer, or the queue of those who sleep on a word. Two steps of different
// processes are dependent when both touch one object and at least one of them writes it. Taking a lock for write is a write of the lock, for
// read a read; giving it back is no access, since nobody who could take it was able to before (its order is kept by the clocks of dpor.ts).

import type { Word } from '../cpu.js';

/** Words are their own objects; others are numbered above any arena. */
const PARKED = 1 << 26;
const LOCKS = 1 << 27;
const TASKS = LOCKS + (1 << 20);
const BUFFERS = TASKS + (1 << 20);

/** Those who sleep on a word until somebody notifies it. */
export function parkedOn(word: Word): number {
  return PARKED + word;
}

export function lockObject(index: number): number {
  return LOCKS + index;
}

/** A thread's sleep state. */
export function taskObject(cpu: number): number {
  return TASKS + cpu;
}

export function bufferObject(cpu: number): number {
  return BUFFERS + cpu;
}

/** True for a word of the arena. */
export function isWord(object: number): boolean {
  return object < PARKED;
}

/** Accesses of one step: object * 2, plus 1 for a write. A write hides a read of the same object. */
export class Footprint {
  /** The first `size` count. */
  readonly #codes: number[] = [];
  #size = 0;
  /** Locks that the step has given back. */
  readonly #released: number[] = [];
  #releases = 0;
  /** The step stored something, or took or gave back a lock: it was no mere look. */
  changed = false;

  clear(): void {
    this.#size = 0;
    this.#releases = 0;
    this.changed = false;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && !this.changed;
  }

  /** A copy of the accesses so far. */
  codes(): number[] {
    return this.#codes.slice(0, this.#size);
  }

  /** Locks that the step has given back, as codes: object * 2, plus 1 where it was held for write. */
  released(): number[] {
    return this.#released.slice(0, this.#releases);
  }

  read(object: number): void {
    const code = object << 1;
    for (let i = 0; i < this.#size; i++) if ((this.#codes[i] & ~1) === code) return;
    this.#codes[this.#size++] = code;
  }

  write(object: number): void {
    this.changed = true;
    const code = (object << 1) | 1;
    let i = 0;
    while (i < this.#size && (this.#codes[i] | 1) !== code) i++;
    this.#codes[i] = code;
    if (i === this.#size) this.#size++;
  }

  release(object: number, exclusive: boolean): void {
    this.changed = true;
    this.#released[this.#releases++] = (object << 1) | (exclusive ? 1 : 0);
  }
}

/** Whether two steps of different processes may not change places. */
export function areDependent(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) if ((a[i] | 1) === (b[j] | 1) && ((a[i] | b[j]) & 1) !== 0) return true;
  }
  return false;
}
