// What a lock guards in the protocols of the locks: an owner word that shows two CPUs inside, and a counter that loses a count to them.

import type { Cpu, KernelPath, Word } from '../../engine/cpu.js';
import type { Arena } from '../../memory/arena.js';
import { BrokenClaim } from './protocol.js';

const OWNER = 0;
const COUNTER = 1;

type WordCpu = Pick<Cpu, 'id' | 'touch' | 'load' | 'store'>;

/** Claim that a lock keeps writers apart from all others. */
export const MUTUAL_EXCLUSION = 'mutual-exclusion';

export class GuardedWords {
  readonly #owner: Word;
  readonly #counter: Word;
  readonly #words: Int32Array;

  constructor(arena: Arena) {
    const base = arena.carveLine('guarded words');
    this.#owner = base + OWNER;
    this.#counter = base + COUNTER;
    this.#words = arena.words;
  }

  /** The critical section of a writer: four steps and the store of the owner. */
  *write(cpu: WordCpu): KernelPath {
    if (cpu.touch(this.#owner)) yield;
    this.#expectOwner(cpu, 0);
    cpu.store(this.#owner, cpu.id + 1);
    if (cpu.touch(this.#counter)) yield;
    const count = cpu.load(this.#counter);
    if (cpu.touch(this.#counter)) yield;
    cpu.store(this.#counter, count + 1);
    if (cpu.touch(this.#owner)) yield;
    this.#expectOwner(cpu, cpu.id + 1);
    cpu.store(this.#owner, 0);
  }

  /** The critical section of a reader: a look when it comes in, and one when it leaves. */
  *read(cpu: WordCpu): KernelPath {
    if (cpu.touch(this.#owner)) yield;
    this.#expectOwner(cpu, 0);
    if (cpu.touch(this.#owner)) yield;
    this.#expectOwner(cpu, 0);
  }

  /** Throws when a count was lost. For the end of a run. */
  expectCount(writes: number): void {
    const count = this.#words[this.#counter];
    if (count !== writes) throw new BrokenClaim(MUTUAL_EXCLUSION, `the counter is ${count} after ${writes} guarded increments`);
  }

  /** What a word is, for a report; undefined for any other. */
  nameOf(word: Word): string | undefined {
    if (word === this.#owner) return 'owner';
    return word === this.#counter ? 'counter' : undefined;
  }

  #expectOwner(cpu: WordCpu, owner: number): void {
    const found = cpu.load(this.#owner);
    if (found === owner) return;
    const other = found === 0 ? 'another CPU has been' : `CPU ${found - 1} is`;
    throw new BrokenClaim(MUTUAL_EXCLUSION, `CPU ${cpu.id} holds the lock and finds that ${other} inside too`);
  }
}
