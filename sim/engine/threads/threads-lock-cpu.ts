// A CPU of this engine that waits for a lock whose algorithm is the seam's: nothing suspends, and a wait spins or sleeps as the lock's policy says.

import type { Suspend, Word } from '../cpu.js';
import type { LockCpu } from '../lock-cpu.js';
import type { ThreadsCpu } from './threads-cpu.js';
import { type WaitPolicy, waitForChange } from './wait.js';

/** What a wait must know of its lock. */
export interface WaitedLock {
  readonly policy: WaitPolicy;
  /** Name, in an error, of who has not changed `word` in time. */
  nameOf(word: Word): string;
}

/** One object for one slow path. */
export class ThreadsLockCpu implements LockCpu {
  readonly id: number;
  readonly #words: Int32Array;
  readonly #lock: WaitedLock;

  constructor(cpu: ThreadsCpu, lock: WaitedLock) {
    this.id = cpu.id;
    this.#words = cpu.words;
    this.#lock = lock;
  }

  touch(): Suspend {
    return false;
  }

  load(word: Word): number {
    return Atomics.load(this.#words, word);
  }

  store(word: Word, value: number): void {
    Atomics.store(this.#words, word, value);
  }

  cmpxchg(word: Word, expected: number, value: number): number {
    return Atomics.compareExchange(this.#words, word, expected, value);
  }

  fetchAdd(word: Word, delta: number): number {
    return Atomics.add(this.#words, word, delta);
  }

  fetchOr(word: Word, bits: number): number {
    return Atomics.or(this.#words, word, bits);
  }

  fetchAnd(word: Word, bits: number): number {
    return Atomics.and(this.#words, word, bits);
  }

  waitForChange(word: Word, seen: number): Suspend {
    const { policy } = this.#lock;
    waitForChange(this.#words, { word, seen }, { lock: this.#lock.nameOf(word), cpuId: this.id }, policy);
    return false;
  }

  notify(word: Word): void {
    if (this.#lock.policy.park) Atomics.notify(this.#words, word);
  }
}
