// A spinlock or a mutex as kernel paths see it: a lock algorithm with owner checks and statistics around it.

import type { Arena } from '../../memory/arena.js';
import type { Mutex, SpinLock, Suspend } from '../cpu.js';
import type { LockStats } from '../lock-stats.js';
import type { RawLock } from './raw-lock.js';
import { OwnerWord, Tenure } from './tenure.js';
import type { ThreadsCpu } from './threads-cpu.js';

/** One object per thread, over words that all threads share. Call sites give it the CPU of the thread that made it. */
export class ExclusiveLock implements SpinLock, Mutex {
  readonly name: string;
  readonly #raw: RawLock;
  readonly #owner: OwnerWord;
  readonly #tenure: Tenure;

  /** `stats` are those of the lock's class, whose name it bears. */
  constructor(arena: Arena, raw: RawLock, stats: LockStats) {
    this.name = stats.name;
    this.#raw = raw;
    this.#owner = new OwnerWord(arena.words, raw.ownerWord, stats.name);
    this.#tenure = new Tenure(stats);
  }

  lock(cpu: ThreadsCpu, site: number): Suspend {
    this.#tenure.assertNotHeldBy(cpu);
    cpu.settle();
    const waitedPs = this.#raw.acquire(cpu);
    this.#tenure.begin(cpu, site, waitedPs);
    this.#owner.take(cpu.id);
    return false;
  }

  unlock(cpu: ThreadsCpu): Suspend {
    this.#tenure.assertHeldBy(cpu);
    cpu.settle();
    this.#owner.clear(cpu.id);
    const heldPs = this.#tenure.end(cpu);
    this.#raw.release(cpu);
    this.#tenure.book(heldPs);
    return false;
  }

  isContended(cpu: ThreadsCpu): boolean {
    this.#tenure.assertHeldBy(cpu);
    return this.#raw.waiters > 0;
  }

  assertHeld(cpu: ThreadsCpu): void {
    this.#tenure.assertHeldBy(cpu);
  }

  /** CPUs that wait right now. */
  get waiters(): number {
    return this.#raw.waiters;
  }
}
