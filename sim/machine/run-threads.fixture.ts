// A small scenario for the tests of the threads engine: everybody counts under a lock, the ioctl thread reads, then all run at once.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, LockFactory, Mutex, RwLock, Word } from '../engine/cpu.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import type { Phase, Scenario, World } from './scenario.js';

export interface CountingOptions {
  vcpus: number;
  rounds: number;
  /** This thread breaks an invariant in the first phase. */
  failingThread?: number;
  /** This thread never comes out of the first phase. */
  blockedThread?: number;
  /** The final check fails. */
  failCheck?: boolean;
}

const SITE_COUNT = 0;
const SITE_READ = 1;

/** N vCPUs count to `rounds` each, a sum that the ioctl thread and the final check verify. */
export function countingScenario(options: CountingOptions): Scenario {
  return {
    vcpuCount: options.vcpus,
    arenaWords: 4 * LINE_WORDS,
    build: (arena, locks, initialize) => new CountingWorld(options, arena, { locks, initialize }),
  };
}

class CountingWorld implements World {
  readonly lockSites = ['count', 'read'];
  readonly phases: Phase[];
  readonly #options: CountingOptions;
  readonly #words: Int32Array;
  readonly #lock: RwLock;
  readonly #mutex: Mutex;
  readonly #base: Word;
  readonly #count: Word;
  readonly #stop: Word;

  constructor(options: CountingOptions, arena: Arena, parts: { locks: LockFactory; initialize: boolean }) {
    this.#options = options;
    this.#words = arena.words;
    this.#lock = parts.locks.rwLock('mmu_lock');
    this.#mutex = parts.locks.mutex('slots_lock');
    this.#base = arena.carveLine('base');
    this.#count = arena.carveLine('count');
    this.#stop = arena.carveLine('stop');
    if (parts.initialize) arena.words[this.#base] = 1000;
    else assert(arena.words[this.#base] === 1000, 'attached before the arena was laid out');
    this.phases = [
      { metric: 'count', crew: 'vcpus', orderSensitive: true, path: (cpu) => this.#countUp(cpu) },
      { metric: 'read', crew: 'ioctl', orderSensitive: false, path: (cpu) => this.#readBack(cpu) },
      { metric: '', crew: 'all', orderSensitive: false, path: (cpu) => this.#allAtOnce(cpu) },
    ];
  }

  *#countUp(cpu: Cpu): KernelPath {
    assert(cpu.id !== this.#options.failingThread, 'planted failure');
    if (cpu.id === this.#options.blockedThread) Atomics.wait(this.#words, this.#stop, 0);
    for (let round = 0; round < this.#options.rounds; round++) {
      if (this.#lock.writeLock(cpu, SITE_COUNT)) yield;
      cpu.words[this.#count] += 1;
      cpu.spend(1_000_000);
      if (this.#lock.writeUnlock(cpu)) yield;
      cpu.counters.readFaults++;
    }
  }

  *#readBack(cpu: Cpu): KernelPath {
    if (this.#mutex.lock(cpu, SITE_READ)) yield;
    assert(cpu.load(this.#count) === this.#options.rounds * this.#options.vcpus, 'counts are missing');
    if (this.#mutex.unlock(cpu)) yield;
  }

  *#allAtOnce(cpu: Cpu): KernelPath {
    if (cpu.id === this.#options.vcpus) cpu.store(this.#stop, 1);
    while (cpu.load(this.#stop) === 0) {
      if (this.#lock.readLock(cpu, SITE_READ)) yield;
      if (cpu.run(10_000)) yield;
      if (this.#lock.readUnlock(cpu)) yield;
    }
  }

  check(counters: Record<string, number>): void {
    assert(this.#options.failCheck !== true, 'planted in the check');
    assert(counters.readFaults === this.#options.rounds * this.#options.vcpus, 'counters do not add up');
  }
}
