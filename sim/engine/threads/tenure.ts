// Who holds a lock, since when, and for which call site: the owner checks and the statistics that every lock of this engine shares.
//
// A thread has its own lock objects over the shared words, so the fields here are its own and need no atomics. The statistics are
// booked after the release: booking must not lengthen the hold.

import type { LockStats } from '../lock-stats.js';
import type { ThreadsCpu } from './threads-cpu.js';

const NOBODY = -1;

export class Tenure {
  readonly stats: LockStats;
  #cpuId = NOBODY;
  #site = 0;
  #sincePs = 0;
  #waitedPs = 0;

  /** The locks of a class share their statistics, and so do the two sides of a reader-writer lock. */
  constructor(stats: LockStats) {
    this.stats = stats;
  }

  isHeldBy(cpu: { id: number }): boolean {
    return this.#cpuId === cpu.id;
  }

  assertHeldBy(cpu: { id: number }): void {
    if (this.#cpuId !== cpu.id) throw new Error(`Invariant broken: CPU ${cpu.id} does not hold "${this.stats.name}"`);
  }

  /** Called before waiting: a fair lock never gives way to a CPU that holds it already. */
  assertNotHeldBy(cpu: { id: number }): void {
    if (this.#cpuId === cpu.id) throw new Error(`Invariant broken: CPU ${cpu.id} waits for "${this.stats.name}", which it holds`);
  }

  begin(cpu: ThreadsCpu, site: number, waitedPs: number): void {
    this.#cpuId = cpu.id;
    this.#site = site;
    this.#waitedPs = waitedPs;
    this.#sincePs = cpu.now();
  }

  /** Ends the hold, right before the release. Returns how long it was, for `book`. */
  end(cpu: ThreadsCpu): number {
    this.assertHeldBy(cpu);
    this.#cpuId = NOBODY;
    return cpu.now() - this.#sincePs;
  }

  book(heldPs: number): void {
    this.stats.add(this.#site, this.#waitedPs, heldPs, this.#waitedPs > 0);
  }
}

/** Owner word of an exclusive lock, guarded by the lock itself: a second holder would find it taken. */
export class OwnerWord {
  readonly #words: Int32Array;
  readonly #word: number;
  readonly #lock: string;

  constructor(words: Int32Array, word: number, lock: string) {
    this.#words = words;
    this.#word = word;
    this.#lock = lock;
  }

  take(cpuId: number): void {
    const owner = this.#words[this.#word];
    if (owner !== 0) throw new Error(`Invariant broken: CPU ${cpuId} got "${this.#lock}" while CPU ${owner - 1} holds it`);
    this.#words[this.#word] = cpuId + 1;
  }

  clear(cpuId: number): void {
    const owner = this.#words[this.#word];
    if (owner !== cpuId + 1) throw new Error(`Invariant broken: CPU ${cpuId} releases "${this.#lock}", whose owner is CPU ${owner - 1}`);
    this.#words[this.#word] = 0;
  }
}
