// The fair reader-writer lock of kernel/locking/qrwlock.c: a count word, and a queued spinlock that late comers wait behind.
//
// Count: low byte 0xff while a writer holds, 0x100 while one waits, readers in units of 0x200. A waiting writer keeps the wait lock for
// its whole wait, so new readers queue up behind it. Invariant: only the holder of the wait lock may sleep on the count, so a change
// of the count wakes nobody while the wait lock is free.
//
// That look at the wait lock comes after the change of the count, and both must be in order: the change is an atomic read-modify-write, a fence too.
// The kernel, whose waiters never sleep, ends a write by a plain store.

import type { Arena } from '../memory/arena.js';
import type { KernelPath, Word } from './cpu.js';
import type { LockCpu, LockWords } from './lock-cpu.js';
import type { QueueNodes } from './queue-nodes.js';
import { QueuedSpinlock } from './queued-spinlock.js';

const WRITER = 0xff;
const WAITING = 0x100;
const WRITER_OR_WAITING = WRITER | WAITING;
const READER = 0x200;

/** Bugs that can be planted. */
export type QueuedRwlockPlant = 'reader-does-not-back-out' | 'reader-ignores-waiting' | 'writer-ignores-readers' | 'waiting-bit-not-set' | 'no-wake';

export interface QueuedRwlockParts {
  name: string;
  nodes: QueueNodes;
  /** Of the wait lock (see `QueuedSpinlockParts`). */
  pendingLoops?: number;
  plant?: QueuedRwlockPlant | null;
}

/** All words zero: free. */
export class QueuedRwlock {
  /** The count word. The rest of its line is free for others. */
  readonly count: Word;
  readonly waitLock: QueuedSpinlock;
  readonly #plant: QueuedRwlockPlant | null;
  /** Bits that stop a reader. */
  readonly #inFront: number;

  constructor(arena: Arena, parts: QueuedRwlockParts) {
    const { name, nodes, pendingLoops, plant } = parts;
    this.count = arena.carveLine(name);
    this.waitLock = new QueuedSpinlock(arena, { name: `${name}, wait lock`, nodes, ...(pendingLoops === undefined ? {} : { pendingLoops }) });
    this.#plant = plant ?? null;
    this.#inFront = this.#plant === 'reader-ignores-waiting' ? WRITER : WRITER_OR_WAITING;
  }

  /** The fast path of a reader. True when the lock is taken now; otherwise `readLockSlow` must come next. */
  tryReadLock(cpu: LockWords): boolean {
    return (cpu.fetchAdd(this.count, READER) & this.#inFront) === 0;
  }

  /** The fast path of a writer. True when the lock is taken now. */
  tryWriteLock(cpu: LockWords): boolean {
    return cpu.cmpxchg(this.count, 0, WRITER) === 0;
  }

  /** Lets go of the read lock. Who waits may sleep: `someoneWaits` comes next. */
  readRelease(cpu: LockWords): void {
    cpu.fetchAdd(this.count, -READER);
  }

  /** Lets go of the write lock. Who waits may sleep: `someoneWaits` comes next. */
  writeRelease(cpu: LockWords): void {
    cpu.fetchAdd(this.count, -WRITER);
  }

  /** True while someone holds the wait lock: a sleeper on the count must be notified of a change. Also `queued_rwlock_is_contended`. */
  someoneWaits(cpu: Pick<LockWords, 'load'>): boolean {
    return this.waitLock.isLocked(cpu);
  }

  /** CPUs that wait right now, as an onlooker sees them: the one that has the wait lock, and those behind it. */
  countWaiters(words: Int32Array): number {
    return (Atomics.load(words, this.waitLock.word) === 0 ? 0 : 1) + this.waitLock.countWaiters(words);
  }

  /** Takes the lock for reading, by the fast path or the slow one. */
  *readLock(cpu: LockCpu): KernelPath {
    if (cpu.touch(this.count)) yield;
    if (!this.tryReadLock(cpu)) yield* this.readLockSlow(cpu);
  }

  /** Lets go, and wakes who may sleep. */
  *readUnlock(cpu: LockCpu): KernelPath {
    if (cpu.touch(this.count)) yield;
    this.readRelease(cpu);
    yield* this.#wakeWaiter(cpu);
  }

  /** Takes the lock for writing, by the fast path or the slow one. */
  *writeLock(cpu: LockCpu): KernelPath {
    if (cpu.touch(this.count)) yield;
    if (!this.tryWriteLock(cpu)) yield* this.writeLockSlow(cpu);
  }

  /** Lets go, and wakes who may sleep. */
  *writeUnlock(cpu: LockCpu): KernelPath {
    if (cpu.touch(this.count)) yield;
    this.writeRelease(cpu);
    yield* this.#wakeWaiter(cpu);
  }

  /** Backs out, and reads after those who wait. Models queued_read_lock_slowpath(). */
  *readLockSlow(cpu: LockCpu): KernelPath {
    const { count } = this;
    if (this.#plant !== 'reader-does-not-back-out') yield* this.readUnlock(cpu); // the writer in front may have gone to sleep over our unit
    yield* this.waitLock.lock(cpu);
    if (cpu.touch(count)) yield;
    let value = cpu.fetchAdd(count, READER) + READER;
    while ((value & WRITER) !== 0) {
      if (cpu.waitForChange(count, value)) yield;
      value = cpu.load(count);
    }
    yield* this.waitLock.unlock(cpu);
  }

  /** Models queued_write_lock_slowpath(). */
  *writeLockSlow(cpu: LockCpu): KernelPath {
    yield* this.waitLock.lock(cpu);
    if (cpu.touch(this.count)) yield;
    if (!this.tryWriteLock(cpu)) yield* this.#waitAsWriter(cpu);
    yield* this.waitLock.unlock(cpu);
  }

  /** Holds new readers back, and takes the lock when those inside have left. */
  *#waitAsWriter(cpu: LockCpu): KernelPath {
    const { count } = this;
    const waiting = this.#plant === 'waiting-bit-not-set' ? 0 : WAITING;
    const inside = this.#plant === 'writer-ignores-readers' ? WRITER : ~waiting;
    if (cpu.touch(count)) yield;
    let value = cpu.fetchOr(count, waiting) | waiting;
    for (;;) {
      while ((value & inside) !== 0) {
        if (cpu.waitForChange(count, value)) yield;
        value = cpu.load(count);
      }
      if (cpu.touch(count)) yield;
      const found = cpu.cmpxchg(count, value, value - waiting + WRITER);
      if (found === value) return;
      value = found;
    }
  }

  *#wakeWaiter(cpu: LockCpu): KernelPath {
    if (cpu.touch(this.waitLock.word)) yield;
    if (this.someoneWaits(cpu) && this.#plant !== 'no-wake') cpu.notify(this.count);
  }
}
