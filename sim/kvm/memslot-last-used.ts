// The memslot that was found last, so that the next lookup may skip the search. Models lru_slot of struct kvm_memslots (one word for
// all who use the set) and last_used_slot of struct kvm_vcpu (one for each CPU, forgotten when the generation changes).
//
// A generation's lowest bit says which of the two sets it is about.

import type { Cpu, Word } from '../engine/cpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import type { MemslotSetsConfig } from './memslot-sets.js';

/** Words of a line: what was found; then who wrote it last (shared), or the generation in which it was found (each CPU for itself). */
const OWNER = 1;
const GENERATION = 1;

/** Words that `LastUsed` carves. */
export function lastUsedWords(config: MemslotSetsConfig): number {
  return carvedWords(lineCount(config) * LINE_WORDS);
}

function lineCount(config: MemslotSetsConfig): number {
  return config.lastUsed === 'shared' ? 2 : config.cpuCount;
}

/** What is remembered is a word that means something to the structure: a record, or an index of an array. Zero before the first hit. */
export class LastUsed {
  readonly #shared: boolean;
  readonly #base: Word;

  constructor(arena: Arena, config: MemslotSetsConfig) {
    this.#shared = config.lastUsed === 'shared';
    this.#base = arena.carve('memslots used last', lineCount(config) * LINE_WORDS);
  }

  get(cpu: Cpu, generation: number): number {
    if (this.#shared) return cpu.load(this.#line(generation));
    const line = this.#base + cpu.id * LINE_WORDS;
    return cpu.words[line + GENERATION] === generation ? cpu.words[line] : 0;
  }

  /** The shared word moves to this CPU's cache, and away from the others'. */
  set(cpu: Cpu, generation: number, value: number): void {
    if (this.#shared) {
      const line = this.#line(generation);
      cpu.chargeLines(line + OWNER, 1);
      cpu.store(line, value);
      return;
    }
    const line = this.#base + cpu.id * LINE_WORDS;
    cpu.words[line] = value;
    cpu.words[line + GENERATION] = generation;
  }

  /** `old` leaves a set: where the set remembers it, it remembers `next` instead. What CPUs remember lapses with the generation. */
  replace(cpu: Cpu, set: number, at: { old: number; next: number }): void {
    if (this.#shared) cpu.cmpxchg(this.#line(set), at.old, at.next);
  }

  /** What a set remembers; 0 when CPUs remember for themselves. */
  ofSet(words: Int32Array, set: number): number {
    return this.#shared ? words[this.#line(set)] : 0;
  }

  /** The set that becomes another's copy remembers the same. */
  copy(cpu: Cpu, fromSet: number, toSet: number): void {
    if (this.#shared) cpu.store(this.#line(toSet), cpu.load(this.#line(fromSet)));
  }

  #line(generation: number): Word {
    return this.#base + (generation & 1) * LINE_WORDS;
  }
}
