// Sleepable RCU for the memslots: readers count themselves in and out, the updater waits for those who may have seen the old set.
// Models srcu_read_lock() and synchronize_srcu_expedited() of kernel/rcu/srcutree.c; left out: the tree, batching of grace periods.
//
//     reader                          updater
//     index = current                 publish
//     count[index][cpu]++             smp_mb
//     smp_mb                          wait until count[other] is all zero   (readers who took an old index late)
//     ... reads the active set ...    current = other
//     smp_mb                          wait until count[index] is all zero   (readers who may have seen the old set)
//     count[index][cpu]--

import { assert } from '../assert.js';
import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import * as arena from '../memory/arena.js';
import { type Arena, carvedWords } from '../memory/arena.js';
import type { KvmPlant } from './plants.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { LINE_WORDS } = arena;

/** Polls of one grace period, at most: a reader that never leaves is a bug. */
const MAX_POLLS = 100_000_000;

export class Srcu {
  readonly #current: Word;
  /** Two words per CPU, on a line of their own: sections open under index 0 and 1. */
  readonly #counts: Word;
  readonly #cpuCount: number;
  readonly #plant: KvmPlant | null;

  constructor(arena: Arena, cpuCount: number, plant: KvmPlant | null = null) {
    this.#plant = plant;
    this.#current = arena.carveLine('srcu');
    this.#counts = arena.carve('srcuCounts', cpuCount * LINE_WORDS);
    this.#cpuCount = cpuCount;
  }

  static arenaWords(cpuCount: number): number {
    return LINE_WORDS + carvedWords(cpuCount * LINE_WORDS);
  }

  /** Opens a read section. Returns the index to close it with. Suspends: never. In two parts, for who lets others in between: `takeIndex`, `enter`. */
  readLock(cpu: Cpu): number {
    const index = cpu.load(this.#current);
    const count = this.#counts + cpu.id * LINE_WORDS + index;
    cpu.store(count, cpu.load(count) + 1);
    cpu.fence();
    return index;
  }

  /** Word of the index that new sections open under. */
  get indexWord(): Word {
    return this.#current;
  }

  /** Word of a CPU's sections under an index. */
  countWord(cpuId: number, index: number): Word {
    return this.#counts + cpuId * LINE_WORDS + index;
  }

  takeIndex(cpu: Cpu): number {
    return cpu.load(this.#current);
  }

  /** Counts the CPU in under an index that it took. Returns it. */
  enter(cpu: Cpu, index: number): number {
    const count = this.countWord(cpu.id, index);
    cpu.store(count, cpu.load(count) + 1);
    if (this.#plant !== 'srcu-no-fence') cpu.fence();
    return index;
  }

  readUnlock(cpu: Cpu, index: number): void {
    const count = this.#counts + cpu.id * LINE_WORDS + index;
    cpu.fence();
    cpu.store(count, cpu.load(count) - 1);
  }

  /** Waits until every read section that was open has been closed. The caller is in none. */
  *synchronizeExpedited(cpu: Cpu): KernelPath {
    cpu.counters.srcuGracePeriods++;
    cpu.spend(cpu.cost.srcu_grace_period);
    cpu.fence();
    const index = cpu.load(this.#current);
    if (this.#plant !== 'one-grace-index') yield* this.#drain(cpu, 1 - index);
    if (cpu.interleave(this.#current)) yield;
    cpu.store(this.#current, 1 - index);
    cpu.fence();
    yield* this.#drain(cpu, index);
  }

  *#drain(cpu: Cpu, index: number): KernelPath {
    for (let id = 0; id < this.#cpuCount; id++) {
      const count = this.countWord(id, index);
      let polls = 0;
      if (cpu.touch(count)) yield;
      while (cpu.load(count) !== 0) {
        if (++polls > MAX_POLLS) assert(false, `CPU ${id} never leaves its SRCU read section`);
        cpu.spend(cpu.cost.srcu_poll);
        if (cpu.touch(count)) yield;
      }
    }
  }
}
