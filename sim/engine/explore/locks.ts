// Locks of the explore engine: whoever asks may be next, in any order. That is more than real locks allow, so what holds here holds for each of
// them; their own algorithms are protocols of their own. Time and statistics do not exist here.
//
// Under store buffers the release of an exclusive lock is a store like any other: the lock is free for others once it is visible.

import { assert } from '../../assert.js';
import type { AtomicLine, Cpu, LockFactory, Mutex, RwLock, SpinLock, Suspend } from '../cpu.js';
import type { ExploreEngine } from './engine.js';
import type { ExploreCpu } from './explore-cpu.js';
import { lockObject } from './footprint.js';

const NOBODY = -1;

export class ExploreLock implements RwLock, SpinLock, Mutex {
  readonly name: string;
  readonly #engine: ExploreEngine;
  readonly #object: number;
  readonly #interruptible: boolean;
  /** As the holders see it. */
  #writer = NOBODY;
  readonly #readers = new Set<number>();
  /** As others see it: whose release is not visible yet, or the writer. */
  #visibleWriter = NOBODY;

  constructor(engine: ExploreEngine, parts: { name: string; index: number; interruptible: boolean }) {
    this.name = parts.name;
    this.#engine = engine;
    this.#object = lockObject(parts.index);
    this.#interruptible = parts.interruptible;
  }

  isFreeFor(exclusive: boolean): boolean {
    return this.#visibleWriter === NOBODY && (!exclusive || this.#readers.size === 0);
  }

  /** The CPU gets the lock, which is free for it. */
  take(cpu: ExploreCpu, exclusive: boolean): void {
    cpu.fence();
    const { foot } = this.#engine;
    this.#engine.recorder?.(this.#engine.step, cpu.id, `takes ${this.name}${exclusive ? '' : ' for read'}`);
    foot.changed = true;
    if (exclusive) {
      foot.write(this.#object);
      this.#writer = cpu.id;
      this.#visibleWriter = cpu.id;
      if (this.#interruptible) cpu.interruptibleHeld++;
    } else {
      foot.read(this.#object);
      this.#readers.add(cpu.id);
    }
  }

  #acquire(cpu: ExploreCpu, exclusive: boolean): Suspend {
    if (this.#writer === cpu.id || this.#readers.has(cpu.id)) assert(false, `CPU ${cpu.id} waits for "${this.name}", which it holds`);
    if (!this.#engine.isLayingOut) return cpu.acquire(this, exclusive);
    this.take(cpu, exclusive);
    return false;
  }

  #releaseWrite(cpu: ExploreCpu): Suspend {
    this.assertHeld(cpu);
    const engine = this.#engine;
    engine.recorder?.(engine.step, cpu.id, `releases ${this.name}`);
    engine.foot.changed = true;
    this.#writer = NOBODY;
    if (this.#interruptible) cpu.interruptibleHeld--;
    if (engine.isLayingOut || !engine.isTso) {
      this.#showRelease();
      return engine.isLayingOut ? false : cpu.yieldNow();
    }
    cpu.buffer.entries.push({ word: -1, value: 0, release: () => this.#showRelease(), step: engine.step });
    return cpu.yieldNow();
  }

  #showRelease(): void {
    this.#visibleWriter = NOBODY;
    this.#engine.foot.release(this.#object, true);
  }

  #releaseRead(cpu: ExploreCpu): Suspend {
    this.assertHeldForRead(cpu);
    cpu.fence();
    this.#engine.recorder?.(this.#engine.step, cpu.id, `releases ${this.name}, held for read`);
    this.#engine.foot.changed = true;
    this.#readers.delete(cpu.id);
    this.#engine.foot.release(this.#object, false);
    return this.#engine.isLayingOut ? false : cpu.yieldNow();
  }

  lock(cpu: Cpu): Suspend {
    return this.#acquire(cpu as ExploreCpu, true);
  }
  unlock(cpu: Cpu): Suspend {
    return this.#releaseWrite(cpu as ExploreCpu);
  }
  writeLock(cpu: Cpu): Suspend {
    return this.#acquire(cpu as ExploreCpu, true);
  }
  writeUnlock(cpu: Cpu): Suspend {
    return this.#releaseWrite(cpu as ExploreCpu);
  }
  readLock(cpu: Cpu): Suspend {
    return this.#acquire(cpu as ExploreCpu, false);
  }
  readUnlock(cpu: Cpu): Suspend {
    return this.#releaseRead(cpu as ExploreCpu);
  }

  /** Never: a walk that drops its lock for waiters does so after a fair share of work, which does not exist here. */
  isContended(): boolean {
    return false;
  }

  assertHeld(cpu: Cpu): void {
    if (this.#writer !== cpu.id) assert(false, `CPU ${cpu.id} does not hold "${this.name}"`);
  }

  assertHeldForWrite(cpu: Cpu): void {
    this.assertHeld(cpu);
  }

  assertHeldForRead(cpu: Cpu): void {
    if (!this.#readers.has(cpu.id) && this.#writer !== cpu.id) assert(false, `CPU ${cpu.id} does not hold "${this.name}" for reading`);
  }
}

const NO_LINE: AtomicLine = { modify: () => false };

/** Makes the locks of one run. */
export class ExploreLockFactory implements LockFactory {
  readonly #engine: ExploreEngine;
  readonly #interruptible: readonly string[];
  #made = 0;

  /** `interruptible`: names of the locks beside which lockless code runs. */
  constructor(engine: ExploreEngine, interruptible: readonly string[]) {
    this.#engine = engine;
    this.#interruptible = interruptible;
  }

  #make(name: string): ExploreLock {
    return new ExploreLock(this.#engine, { name, index: this.#made++, interruptible: this.#interruptible.includes(name) });
  }

  spinLock(name: string): SpinLock {
    return this.#make(name);
  }
  rwLock(name: string): RwLock {
    return this.#make(name);
  }
  mutex(name: string): Mutex {
    return this.#make(name);
  }
  rwSem(name: string): RwLock {
    return this.#make(name);
  }
  /** A reference count that nobody reads: no order of its changes can be told from another. */
  atomicLine(): AtomicLine {
    return NO_LINE;
  }
}
