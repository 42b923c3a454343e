// Small scenarios for the tests of the threads engine: one where everybody counts under a lock, the ioctl thread reads, then all run at once, and
// one where vCPUs sleep until service threads have answered them.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, LockFactory, Mutex, RwLock, SpinLock, Word } from '../engine/cpu.js';
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

export interface ServedOptions {
  vcpus: number;
  services: number;
  requests: number;
  /** The last service leaves a request unanswered. */
  forgetful?: boolean;
  /** vCPU 0 does nothing for so many milliseconds before it asks for anything. */
  idleMs?: number;
}

/** vCPUs that sleep until a service has answered each of their requests; the ioctl thread joins them and then ends the services. */
export function servedScenario(options: ServedOptions): Scenario {
  return {
    vcpuCount: options.vcpus,
    serviceCount: options.services,
    lockCount: SHARDS,
    arenaWords: (options.vcpus + 2) * LINE_WORDS,
    build: (arena, locks, initialize) => new ServedWorld(options, arena, { locks, initialize }),
  };
}

const SHARDS = 50;

/** Two words on the line of each vCPU: requests so far, and answers. */
const ASKED = 0;
const ANSWERED = 1;

class ServedWorld implements World {
  readonly lockSites = ['serve'];
  readonly phases: Phase[];
  readonly rates: World['rates'];
  readonly #options: ServedOptions;
  readonly #shards: SpinLock[];
  readonly #boxes: Word;
  readonly #running: Word;
  readonly #idle: Word;

  constructor(options: ServedOptions, arena: Arena, parts: { locks: LockFactory; initialize: boolean }) {
    this.#options = options;
    this.#shards = Array.from({ length: SHARDS }, () => parts.locks.spinLock('shard', 'queued'));
    this.#boxes = arena.carve('boxes', options.vcpus * LINE_WORDS);
    this.#running = arena.carveLine('running');
    this.#idle = arena.carveLine('idle');
    if (parts.initialize) arena.words[this.#running] = options.vcpus;
    this.phases = [{ metric: 'serve', crew: 'served', orderSensitive: true, path: (cpu) => this.#path(cpu) }];
    this.rates = [{ metric: 'answers', during: 'serve', things: options.requests * options.vcpus }];
  }

  #path(cpu: Cpu): KernelPath {
    const { vcpus } = this.#options;
    if (cpu.id === vcpus) return this.#join(cpu);
    return cpu.id < vcpus ? this.#ask(cpu) : this.#serve(cpu);
  }

  *#ask(cpu: Cpu): KernelPath {
    const { requests, vcpus, services, idleMs = 0 } = this.#options;
    const box = this.#boxes + cpu.id * LINE_WORDS;
    if (cpu.id === 0 && idleMs > 0) Atomics.wait(cpu.words, this.#idle, 0, idleMs);
    for (let request = 1; request <= requests; request++) {
      cpu.prepareToSleep();
      if (cpu.touch(box)) yield;
      cpu.store(box + ASKED, request);
      if (cpu.touch(box)) yield;
      cpu.wake(vcpus + 1 + (cpu.id % services));
      if (cpu.schedule('an answer')) yield;
      assert(cpu.load(box + ANSWERED) === request, 'woken without an answer');
    }
    if (cpu.touch(this.#running)) yield;
    if (cpu.fetchAdd(this.#running, -1) === 1) cpu.wake(vcpus);
  }

  *#serve(cpu: Cpu): KernelPath {
    const { vcpus, services, requests, forgetful = false } = this.#options;
    for (;;) {
      cpu.prepareToSleep();
      for (let vcpu = (cpu.id - vcpus - 1) % services; vcpu < vcpus; vcpu += services) {
        const box = this.#boxes + vcpu * LINE_WORDS;
        if (cpu.touch(box)) yield;
        const asked = cpu.load(box + ASKED);
        if (asked === cpu.load(box + ANSWERED) || (forgetful && asked === requests)) continue;
        const shard = this.#shards[(asked * vcpus + vcpu) % SHARDS];
        if (shard.lock(cpu, 0)) yield;
        cpu.store(box + ANSWERED, asked);
        if (cpu.touch(box)) yield;
        cpu.wake(vcpu);
        if (shard.unlock(cpu)) yield;
      }
      if (cpu.touch(this.#running)) yield;
      if (cpu.load(this.#running) === 0) break;
      if (cpu.schedule('a request')) yield;
    }
    cpu.cancelSleep();
  }

  *#join(cpu: Cpu): KernelPath {
    const { vcpus, services } = this.#options;
    for (;;) {
      cpu.prepareToSleep();
      if (cpu.touch(this.#running)) yield;
      if (cpu.load(this.#running) === 0) break;
      if (cpu.schedule('the vCPUs')) yield;
    }
    cpu.cancelSleep();
    for (let service = 0; service < services; service++) cpu.wake(vcpus + 1 + service);
  }

  check(): void {}
}
