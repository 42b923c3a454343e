// RCU for page tables that a thread outside the guest walks without mmu_lock: readers say when they began, whoever frees asks whether all who may
// still look have finished. Models rcu_read_lock(), call_rcu() and the grace period as get_state_synchronize_rcu() and
// poll_state_synchronize_rcu() show them. Left out: callbacks in softirq context, batches, the tree; the freed things wait in a list of their
// owner, who polls.
//
//     reader                                  who frees
//     began = sequence + 1                    nothing leads to the page any more
//     fence                                   cookie = ++sequence
//     ... follows pointers ...                later, for each CPU: began == 0 or began > cookie: over
//     began = 0

import type { Cpu, Word } from '../engine/cpu.js';
import * as arena from '../memory/arena.js';
import { type Arena, carvedWords } from '../memory/arena.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { LINE_WORDS } = arena;

export class Rcu {
  readonly #sequence: Word;
  /** One word per CPU, on a line of its own: 0 outside a read section, else the sequence at its begin, plus 1. */
  readonly #began: Word;
  readonly #cpuCount: number;

  constructor(arena: Arena, cpuCount: number) {
    this.#sequence = arena.carveLine('rcu');
    this.#began = arena.carve('rcuReaders', cpuCount * LINE_WORDS);
    this.#cpuCount = cpuCount;
  }

  static arenaWords(cpuCount: number): number {
    return LINE_WORDS + carvedWords(cpuCount * LINE_WORDS);
  }

  /** Opens a read section; sections of one CPU do not nest. The caller orders it before its first look with `cpu.fence()`. Suspends: never. */
  readLock(cpu: Cpu): void {
    cpu.store(this.#began + cpu.id * LINE_WORDS, cpu.load(this.#sequence) + 1);
  }

  readUnlock(cpu: Cpu): void {
    cpu.store(this.#began + cpu.id * LINE_WORDS, 0);
  }

  /** A cookie for what has just become unreachable. Suspends: never. */
  startGracePeriod(cpu: Cpu): number {
    return cpu.fetchAdd(this.#sequence, 1) + 1;
  }

  /** Whether every read section that was open at `cookie` has been closed. */
  isOver(cpu: Cpu, cookie: number): boolean {
    for (let id = 0; id < this.#cpuCount; id++) {
      const began = cpu.load(this.#began + id * LINE_WORDS);
      if (began !== 0 && began <= cookie) return false;
    }
    return true;
  }
}
