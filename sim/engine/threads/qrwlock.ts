// The fair reader-writer lock of this engine: the algorithm of the seam over real Atomics, with owner checks and statistics around it.

import type { Arena } from '../../memory/arena.js';
import { type KernelPath, type RwLock, runToCompletion, type Suspend, type Word } from '../cpu.js';
import type { LockStats } from '../lock-stats.js';
import type { QueueNodes } from '../queue-nodes.js';
import { QueuedRwlock } from '../queued-rwlock.js';
import { waitedSince } from './raw-lock.js';
import { OwnerWord, Tenure } from './tenure.js';
import type { ThreadsCpu } from './threads-cpu.js';
import { ThreadsLockCpu } from './threads-lock-cpu.js';
import type { WaitPolicy } from './wait.js';

export interface QrwLockParts {
  nodes: QueueNodes;
  policy: WaitPolicy;
  /** Of the lock's class, whose name it bears. */
  stats: LockStats;
}

/** One object per thread, over words that all threads share. */
export class QrwLock implements RwLock {
  readonly name: string;
  readonly policy: WaitPolicy;
  readonly #words: Int32Array;
  readonly #lock: QueuedRwlock;
  readonly #owner: OwnerWord;
  readonly #read: Tenure;
  readonly #write: Tenure;

  constructor(arena: Arena, parts: QrwLockParts) {
    const { nodes, policy, stats } = parts;
    this.name = stats.name;
    this.policy = policy;
    this.#words = arena.words;
    this.#lock = new QueuedRwlock(arena, { name: this.name, nodes });
    this.#owner = new OwnerWord(arena.words, this.#lock.count + 1, this.name); // on the line of the lock
    this.#write = new Tenure(stats);
    this.#read = new Tenure(stats);
  }

  readLock(cpu: ThreadsCpu, site: number): Suspend {
    this.#assertNotHeldBy(cpu);
    cpu.settle();
    this.#read.begin(cpu, site, this.#lock.tryReadLock(cpu) ? 0 : this.#readLockSlow(cpu));
    return false;
  }

  #readLockSlow(cpu: ThreadsCpu): number {
    return this.#wait(cpu, this.#lock.readLockSlow(new ThreadsLockCpu(cpu, this)));
  }

  readUnlock(cpu: ThreadsCpu): Suspend {
    this.#read.assertHeldBy(cpu);
    cpu.settle();
    const heldPs = this.#read.end(cpu);
    this.#lock.readRelease(cpu);
    this.#wakeWaiter(cpu);
    this.#read.book(heldPs);
    return false;
  }

  writeLock(cpu: ThreadsCpu, site: number): Suspend {
    this.#assertNotHeldBy(cpu);
    cpu.settle();
    this.#write.begin(cpu, site, this.#lock.tryWriteLock(cpu) ? 0 : this.#writeLockSlow(cpu));
    this.#owner.take(cpu.id);
    return false;
  }

  #writeLockSlow(cpu: ThreadsCpu): number {
    return this.#wait(cpu, this.#lock.writeLockSlow(new ThreadsLockCpu(cpu, this)));
  }

  writeUnlock(cpu: ThreadsCpu): Suspend {
    this.#write.assertHeldBy(cpu);
    cpu.settle();
    this.#owner.clear(cpu.id);
    const heldPs = this.#write.end(cpu);
    this.#lock.writeRelease(cpu);
    this.#wakeWaiter(cpu);
    this.#write.book(heldPs);
    return false;
  }

  /** True while someone holds the wait lock, as `queued_rwlock_is_contended` has it. */
  isContended(cpu: ThreadsCpu): boolean {
    return this.#lock.someoneWaits(cpu);
  }

  assertHeldForRead(cpu: ThreadsCpu): void {
    if (!this.#write.isHeldBy(cpu)) this.#read.assertHeldBy(cpu);
  }

  assertHeldForWrite(cpu: ThreadsCpu): void {
    this.#write.assertHeldBy(cpu);
  }

  /** CPUs that wait right now: the one that has the wait lock, and those behind it. */
  get waiters(): number {
    return this.#lock.countWaiters(this.#words);
  }

  nameOf(word: Word): string {
    return word === this.#lock.count ? this.name : `${this.name}, wait lock`;
  }

  #assertNotHeldBy(cpu: ThreadsCpu): void {
    this.#read.assertNotHeldBy(cpu);
    this.#write.assertNotHeldBy(cpu);
  }

  /** Picoseconds that the slow path took. */
  #wait(cpu: ThreadsCpu, slowPath: KernelPath): number {
    const start = cpu.now();
    runToCompletion(slowPath);
    return waitedSince(cpu, start);
  }

  #wakeWaiter(cpu: ThreadsCpu): void {
    if (this.policy.park && this.#lock.someoneWaits(cpu)) Atomics.notify(this.#words, this.#lock.count);
  }
}
