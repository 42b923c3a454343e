// The fair reader-writer lock of kernel/locking/qrwlock.c: a count word, and a queued spinlock that late comers wait behind.
//
// Count: low byte 0xff while a writer holds, 0x100 while one waits, readers in units of 0x200. A waiting writer keeps the wait lock for
// its whole wait, so new readers queue up behind it. Invariant: only the holder of the wait lock may sleep on the count, so a change
// of the count wakes nobody while the wait lock is free.

import type { Arena } from '../../memory/arena.js';
import type { RwLock, Suspend, Word } from '../cpu.js';
import type { LockStats } from '../lock-stats.js';
import { QueuedSpinlock, type QueueNodes } from './queued-spinlock.js';
import { waitedSince } from './raw-lock.js';
import { OwnerWord, Tenure } from './tenure.js';
import type { ThreadsCpu } from './threads-cpu.js';
import { type WaitPolicy, waitForChange } from './wait.js';

const WRITER = 0xff;
const WAITING = 0x100;
const WRITER_OR_WAITING = WRITER | WAITING;
const READER = 0x200;

// On the line of the lock.
const OWNER = 1;

export interface QrwLockParts {
  nodes: QueueNodes;
  policy: WaitPolicy;
  /** Of the lock's class, whose name it bears. */
  stats: LockStats;
}

/** One object per thread, over words that all threads share. */
export class QrwLock implements RwLock {
  readonly name: string;
  readonly #words: Int32Array;
  readonly #count: Word;
  readonly #waitLock: QueuedSpinlock;
  readonly #owner: OwnerWord;
  readonly #read: Tenure;
  readonly #write: Tenure;
  readonly #policy: WaitPolicy;

  constructor(arena: Arena, parts: QrwLockParts) {
    const { nodes, policy, stats } = parts;
    this.name = stats.name;
    this.#words = arena.words;
    this.#count = arena.carveLine(this.name);
    this.#owner = new OwnerWord(arena.words, this.#count + OWNER, this.name);
    this.#waitLock = new QueuedSpinlock(arena, { name: `${this.name}, wait lock`, nodes, policy });
    this.#write = new Tenure(stats);
    this.#read = new Tenure(stats);
    this.#policy = policy;
  }

  readLock(cpu: ThreadsCpu, site: number): Suspend {
    this.#assertNotHeldBy(cpu);
    cpu.settle();
    const old = Atomics.add(this.#words, this.#count, READER);
    const waitedPs = (old & WRITER_OR_WAITING) === 0 ? 0 : this.#readLockSlow(cpu);
    this.#read.begin(cpu, site, waitedPs);
    return false;
  }

  #readLockSlow(cpu: ThreadsCpu): number {
    const start = cpu.now();
    Atomics.sub(this.#words, this.#count, READER);
    this.#wakeWaiter(); // the writer in front may have gone to sleep over our reader unit
    this.#waitLock.acquire(cpu);
    let value = Atomics.add(this.#words, this.#count, READER) + READER;
    while ((value & WRITER) !== 0) value = this.#changed(cpu, value);
    this.#waitLock.release(cpu);
    return waitedSince(cpu, start);
  }

  readUnlock(cpu: ThreadsCpu): Suspend {
    this.#read.assertHeldBy(cpu);
    cpu.settle();
    const heldPs = this.#read.end(cpu);
    Atomics.sub(this.#words, this.#count, READER);
    this.#wakeWaiter();
    this.#read.book(heldPs);
    return false;
  }

  writeLock(cpu: ThreadsCpu, site: number): Suspend {
    this.#assertNotHeldBy(cpu);
    cpu.settle();
    const free = Atomics.compareExchange(this.#words, this.#count, 0, WRITER) === 0;
    const waitedPs = free ? 0 : this.#writeLockSlow(cpu);
    this.#write.begin(cpu, site, waitedPs);
    this.#owner.take(cpu.id);
    return false;
  }

  #writeLockSlow(cpu: ThreadsCpu): number {
    const words = this.#words;
    const count = this.#count;
    const start = cpu.now();
    this.#waitLock.acquire(cpu);
    if (Atomics.compareExchange(words, count, 0, WRITER) !== 0) {
      let value = Atomics.or(words, count, WAITING) | WAITING;
      do {
        while (value !== WAITING) value = this.#changed(cpu, value);
        value = Atomics.compareExchange(words, count, WAITING, WRITER);
      } while (value !== WAITING);
    }
    this.#waitLock.release(cpu);
    return waitedSince(cpu, start);
  }

  writeUnlock(cpu: ThreadsCpu): Suspend {
    this.#write.assertHeldBy(cpu);
    cpu.settle();
    this.#owner.clear(cpu.id);
    const heldPs = this.#write.end(cpu);
    Atomics.sub(this.#words, this.#count, WRITER);
    this.#wakeWaiter();
    this.#write.book(heldPs);
    return false;
  }

  /** True while someone holds the wait lock, as `queued_rwlock_is_contended` has it. */
  isContended(_cpu: ThreadsCpu): boolean {
    return this.#waitLock.isLocked();
  }

  assertHeldForRead(cpu: ThreadsCpu): void {
    if (!this.#write.isHeldBy(cpu)) this.#read.assertHeldBy(cpu);
  }

  assertHeldForWrite(cpu: ThreadsCpu): void {
    this.#write.assertHeldBy(cpu);
  }

  /** CPUs that wait right now: the one that has the wait lock, and those behind it. */
  get waiters(): number {
    return (this.#waitLock.isLocked() ? 1 : 0) + this.#waitLock.waiters;
  }

  #assertNotHeldBy(cpu: ThreadsCpu): void {
    this.#read.assertNotHeldBy(cpu);
    this.#write.assertNotHeldBy(cpu);
  }

  #changed(cpu: ThreadsCpu, seen: number): number {
    return waitForChange(this.#words, { word: this.#count, seen }, { lock: this.name, cpuId: cpu.id }, this.#policy);
  }

  #wakeWaiter(): void {
    if (this.#policy.park && this.#waitLock.isLocked()) Atomics.notify(this.#words, this.#count, 1);
  }
}
