// What if mmu_lock cost nothing? A lock that nobody waits for and that moves no cache line. It excludes nobody either: that is sound only where a
// path runs alone from one suspend to the next (the virtual engine), since paths under mmu_lock change its tables in plain code and believe
// nothing after a suspend.

import type { RwLock, Suspend } from '../engine/cpu.js';

/** A reader-writer lock whose primitives do nothing and never suspend. */
export class FreeRwLock implements RwLock {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  readLock(): Suspend {
    return false;
  }

  readUnlock(): Suspend {
    return false;
  }

  writeLock(): Suspend {
    return false;
  }

  writeUnlock(): Suspend {
    return false;
  }

  isContended(): boolean {
    return false;
  }

  /** Nothing: everybody holds it. */
  assertHeldForRead(): void {}

  assertHeldForWrite(): void {}
}
