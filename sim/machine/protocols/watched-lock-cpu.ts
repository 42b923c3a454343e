// A CPU that passes everything on to another: a protocol overrides the operations that it wants to note.
//
// What is noted stands in objects and not in the arena, so it is noted, and judged, in the step of an access to the lock's own words: steps that touch
// one word are never taken for independent of each other.

import type { Suspend, Word } from '../../engine/cpu.js';
import type { LockCpu } from '../../engine/lock-cpu.js';

export class WatchedLockCpu implements LockCpu {
  readonly id: number;
  readonly #cpu: LockCpu;

  constructor(cpu: LockCpu) {
    this.id = cpu.id;
    this.#cpu = cpu;
  }

  touch(word: Word): Suspend {
    return this.#cpu.touch(word);
  }

  load(word: Word): number {
    return this.#cpu.load(word);
  }

  store(word: Word, value: number): void {
    this.#cpu.store(word, value);
  }

  cmpxchg(word: Word, expected: number, value: number): number {
    return this.#cpu.cmpxchg(word, expected, value);
  }

  fetchAdd(word: Word, delta: number): number {
    return this.#cpu.fetchAdd(word, delta);
  }

  fetchOr(word: Word, bits: number): number {
    return this.#cpu.fetchOr(word, bits);
  }

  fetchAnd(word: Word, bits: number): number {
    return this.#cpu.fetchAnd(word, bits);
  }

  waitForChange(word: Word, seen: number): Suspend {
    return this.#cpu.waitForChange(word, seen);
  }

  notify(word: Word): void {
    this.#cpu.notify(word);
  }
}
