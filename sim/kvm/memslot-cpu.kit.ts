// A CPU without an engine, to run the readers and the updater of memslots on.

import { COST_NAMES, type Costs } from '../engine/costs.js';
import type { Word } from '../engine/cpu.js';
import type { MemslotSets } from './memslot-sets.js';
import { Observer } from './observer.js';

const ONE_EACH = Object.fromEntries(COST_NAMES.map((name) => [name, 1])) as Costs;

/** Adds up what it is charged. `pin` freezes one word as it reads it. */
export class KitCpu extends Observer {
  override readonly cost = ONE_EACH;
  override readonly id: number;
  spent = 0;
  #pinned: Word = -1;
  #pinnedValue = 0;
  #lastLoaded: Word = -1;

  constructor(words: Int32Array, id: number) {
    super(words);
    this.id = id;
  }

  /** From now on this CPU is a reader that has read the active word already. */
  pin(sets: MemslotSets): void {
    this.#pinned = -1;
    this.#pinnedValue = sets.generation(this);
    this.#pinned = this.#lastLoaded;
  }

  override load(word: Word): number {
    if (word === this.#pinned) return this.#pinnedValue;
    this.#lastLoaded = word;
    return this.words[word];
  }

  override now(): number {
    return this.spent;
  }

  override spend(ps: number): void {
    this.spent += ps;
  }

  override chargeLines(owner: Word, _lines: number): void {
    this.words[owner] = this.id + 1;
  }
}
