// A CPU without an engine, to run the readers and the updater of memslots on.

import { COST_NAMES, type Costs } from '../engine/costs.js';
import { Counters } from '../engine/counters.js';
import type { Cpu, Suspend, Word } from '../engine/cpu.js';
import type { MemslotSets } from './memslot-sets.js';

/** Acts at once, and adds up what it is charged. `pin` freezes one word as it reads it. */
export class KitCpu implements Cpu {
  readonly socket = 0;
  readonly ranFor = 0;
  readonly cost = Object.fromEntries(COST_NAMES.map((name) => [name, 1])) as Costs;
  readonly counters = new Counters();
  spent = 0;
  readonly id: number;
  readonly words: Int32Array;
  #pinned: Word = -1;
  #pinnedValue = 0;
  #lastLoaded: Word = -1;

  constructor(words: Int32Array, id: number) {
    this.words = words;
    this.id = id;
  }

  /** From now on this CPU is a reader that has read the active word already. */
  pin(sets: MemslotSets): void {
    this.#pinned = -1;
    this.#pinnedValue = sets.generation(this);
    this.#pinned = this.#lastLoaded;
  }

  touch(): Suspend {
    return false;
  }

  load(word: Word): number {
    if (word === this.#pinned) return this.#pinnedValue;
    this.#lastLoaded = word;
    return this.words[word];
  }

  store(word: Word, value: number): void {
    this.words[word] = value;
  }

  cmpxchg(word: Word, expected: number, value: number): number {
    const old = this.words[word];
    if (old === expected) this.words[word] = value;
    return old;
  }

  xchg(word: Word, value: number): number {
    const old = this.words[word];
    this.words[word] = value;
    return old;
  }

  fetchAdd(word: Word, delta: number): number {
    return this.xchg(word, this.words[word] + delta);
  }

  fetchOr(word: Word, bits: number): number {
    return this.xchg(word, this.words[word] | bits);
  }

  fetchAnd(word: Word, bits: number): number {
    return this.xchg(word, this.words[word] & bits);
  }

  now(): number {
    return this.spent;
  }

  spend(ps: number): void {
    this.spent += ps;
  }

  chargeLines(owner: Word): void {
    this.words[owner] = this.id + 1;
  }

  run(): Suspend {
    return false;
  }

  kick(): void {}

  needResched(): boolean {
    return false;
  }
}
