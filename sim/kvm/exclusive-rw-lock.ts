// mmu_lock while it was a spinlock: whoever wants to read waits like everybody else. Models spin_lock(&kvm->mmu_lock) of kernels before 5.12.

import type { Cpu, RwLock, SpinLock, Suspend } from '../engine/cpu.js';

/** A reader-writer lock over a spinlock: one holder at a time, in the spinlock's order. */
export class ExclusiveRwLock implements RwLock {
  readonly #lock: SpinLock;

  constructor(lock: SpinLock) {
    this.#lock = lock;
  }

  get name(): string {
    return this.#lock.name;
  }

  readLock(cpu: Cpu, site: number): Suspend {
    return this.#lock.lock(cpu, site);
  }

  readUnlock(cpu: Cpu): Suspend {
    return this.#lock.unlock(cpu);
  }

  writeLock(cpu: Cpu, site: number): Suspend {
    return this.#lock.lock(cpu, site);
  }

  writeUnlock(cpu: Cpu): Suspend {
    return this.#lock.unlock(cpu);
  }

  isContended(cpu: Cpu): boolean {
    return this.#lock.isContended(cpu);
  }

  assertHeldForRead(cpu: Cpu): void {
    this.#lock.assertHeld(cpu);
  }

  assertHeldForWrite(cpu: Cpu): void {
    this.#lock.assertHeld(cpu);
  }
}
