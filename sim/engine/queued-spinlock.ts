// The queued spinlock of kernel/locking/qspinlock.c: a locked byte, a pending bit and the tail of an MCS queue in one word.
//
// The second CPU sets the pending bit and polls the word; the third and later queue up, each polling its own node, and only the head
// of the queue polls the word. Waiters may sleep (see LockCpu): a queued spinlock of the kernel has that under paravirt alone, by a scheme of its own.
// Invariant: whoever may sleep on the word has set the pending bit or the tail before, so an unlock that sees neither wakes nobody.
//
// The kernel unlocks by a plain store to the locked byte. Here it is an atomic AND, for two reasons: the arena has no byte stores, and a store that
// is followed by a look for sleepers would need a full fence between them (or the store waits in its buffer while the look finds nobody yet).
// The AND lets go and looks in one operation. Left out: the kernel's second try of the fast path with the node in hand.

import type { Arena } from '../memory/arena.js';
import type { KernelPath, Word } from './cpu.js';
import type { LockCpu, LockWords } from './lock-cpu.js';
import { NODE_GRANTED, NODE_NEXT, NODE_WAITS_FOR, type QueueNodes } from './queue-nodes.js';

/** Bits of the lock word. */
export const Q_LOCKED = 1;
export const Q_PENDING = 1 << 8;
/** Above it stands the tail code of the last node of the queue (see `QueueNodes`). */
export const Q_TAIL_SHIFT = 16;
const LOCKED_OR_PENDING = Q_LOCKED | Q_PENDING;

/** `_Q_PENDING_LOOPS` of x86. */
const PENDING_LOOPS = 512;

/** Bugs that can be planted. */
export type QueuedSpinlockPlant =
  | 'lost-pending-withdraw'
  | 'no-wake-after-withdraw'
  | 'pending-past-queue'
  | 'head-ignores-pending'
  | 'head-grants-before-locking'
  | 'tail-not-rechecked'
  | 'mcs-node-not-cleared';

export interface QueuedSpinlockParts {
  name: string;
  nodes: QueueNodes;
  /** Looks at a pending bit that is about to become the lock, before queueing up; the kernel's 512 when left out. */
  pendingLoops?: number;
  plant?: QueuedSpinlockPlant | null;
}

/** All words zero: free. */
export class QueuedSpinlock {
  /** The lock word. The rest of its line is free for others. */
  readonly word: Word;
  readonly #nodes: QueueNodes;
  readonly #pendingLoops: number;
  readonly #plant: QueuedSpinlockPlant | null;

  constructor(arena: Arena, parts: QueuedSpinlockParts) {
    this.word = arena.carveLine(parts.name);
    this.#nodes = parts.nodes;
    this.#pendingLoops = parts.pendingLoops ?? PENDING_LOOPS;
    this.#plant = parts.plant ?? null;
  }

  /** The fast path. Returns what the lock word was: 0 when the lock is taken now. */
  tryLock(cpu: LockWords): number {
    return cpu.cmpxchg(this.word, 0, Q_LOCKED);
  }

  /** Lets go. True when someone may sleep on the word, who must be notified now. */
  release(cpu: LockWords): boolean {
    return cpu.fetchAnd(this.word, ~Q_LOCKED) !== Q_LOCKED;
  }

  /** True while someone holds the lock or waits for it. */
  isLocked(cpu: Pick<LockWords, 'load'>): boolean {
    return cpu.load(this.word) !== 0;
  }

  /** CPUs that wait right now, as an onlooker sees them. */
  countWaiters(words: Int32Array): number {
    let waiters = (Atomics.load(words, this.word) & Q_PENDING) !== 0 ? 1 : 0;
    for (let tail = 1; tail <= this.#nodes.count; tail++) {
      if (Atomics.load(words, this.#nodes.wordOf(tail) + NODE_WAITS_FOR) === this.word) waiters++;
    }
    return waiters;
  }

  /** Takes the lock, by the fast path or the slow one. */
  *lock(cpu: LockCpu): KernelPath {
    if (cpu.touch(this.word)) yield;
    const seen = this.tryLock(cpu);
    if (seen !== 0) yield* this.lockSlow(cpu, seen);
  }

  /** Lets go, and wakes who may sleep. */
  *unlock(cpu: LockCpu): KernelPath {
    if (cpu.touch(this.word)) yield;
    if (this.release(cpu)) cpu.notify(this.word);
  }

  /** Waits for the lock and takes it. `seen` is what `tryLock` returned. Models queued_spin_lock_slowpath(). */
  *lockSlow(cpu: LockCpu, seen: number): KernelPath {
    const taken = yield* this.#waitAsPending(cpu, seen);
    if (!taken) yield* this.#waitInQueue(cpu);
  }

  /** False when others wait already. */
  *#waitAsPending(cpu: LockCpu, seen: number): KernelPath<boolean> {
    const { word } = this;
    for (let i = 0; seen === Q_PENDING && i < this.#pendingLoops; i++) {
      if (cpu.touch(word)) yield;
      seen = cpu.load(word);
    }
    if ((seen & ~Q_LOCKED) !== 0) return false;
    if (cpu.touch(word)) yield;
    let value = cpu.fetchOr(word, Q_PENDING);
    const othersWait = this.#plant === 'pending-past-queue' ? Q_PENDING : ~Q_LOCKED;
    if ((value & othersWait) !== 0) {
      if ((value & Q_PENDING) === 0) yield* this.#withdrawPending(cpu);
      return false;
    }
    value |= Q_PENDING;
    while ((value & Q_LOCKED) !== 0) {
      if (cpu.waitForChange(word, value)) yield;
      value = cpu.load(word);
    }
    if (cpu.touch(word)) yield;
    cpu.fetchAdd(word, Q_LOCKED - Q_PENDING);
    return true;
  }

  /** The head of the queue may have gone to sleep over our pending bit. */
  *#withdrawPending(cpu: LockCpu): KernelPath {
    if (this.#plant === 'lost-pending-withdraw') return;
    if (cpu.touch(this.word)) yield;
    cpu.fetchAnd(this.word, ~Q_PENDING);
    if (this.#plant !== 'no-wake-after-withdraw') cpu.notify(this.word);
  }

  *#waitInQueue(cpu: LockCpu): KernelPath {
    const tail = this.#nodes.take(cpu.id);
    const node = this.#nodes.wordOf(tail);
    if (this.#plant !== 'mcs-node-not-cleared') {
      cpu.store(node + NODE_GRANTED, 0);
      cpu.store(node + NODE_NEXT, 0);
    }
    if (cpu.touch(this.word)) yield;
    const previous = this.#exchangeTail(cpu, tail);
    cpu.store(node + NODE_WAITS_FOR, this.word);
    if (previous !== 0) yield* this.#waitBehind(cpu, previous, tail);
    yield* this.#lockAsHead(cpu, tail);
    cpu.store(node + NODE_WAITS_FOR, 0);
    this.#nodes.giveBack(cpu.id);
  }

  /** One step: the kernel exchanges the tail's half of the word at once. Returns the old tail code. */
  #exchangeTail(cpu: LockCpu, tail: number): number {
    for (;;) {
      const value = cpu.load(this.word);
      const next = (value & LOCKED_OR_PENDING) | (tail << Q_TAIL_SHIFT);
      if (cpu.cmpxchg(this.word, value, next) === value) return value >>> Q_TAIL_SHIFT;
    }
  }

  /** Links up behind the node `previous`, and waits until its CPU makes this one the head. */
  *#waitBehind(cpu: LockCpu, previous: number, tail: number): KernelPath {
    const link = this.#nodes.wordOf(previous) + NODE_NEXT;
    if (cpu.touch(link)) yield;
    cpu.store(link, tail);
    cpu.notify(link);
    const granted = this.#nodes.wordOf(tail) + NODE_GRANTED;
    if (cpu.waitForChange(granted, 0)) yield;
  }

  /** Takes the lock once it is free and nobody is pending, then makes the next node the head. */
  *#lockAsHead(cpu: LockCpu, tail: number): KernelPath {
    const { word } = this;
    const inFront = this.#plant === 'head-ignores-pending' ? Q_LOCKED : LOCKED_OR_PENDING;
    if (cpu.touch(word)) yield;
    let value = cpu.load(word);
    while ((value & inFront) !== 0) {
      if (cpu.waitForChange(word, value)) yield;
      value = cpu.load(word);
    }
    if (value >>> Q_TAIL_SHIFT === tail) {
      if (cpu.touch(word)) yield;
      if (this.#lockAsLast(cpu, value)) return;
    }
    // Somebody is behind, or about to be: who set the pending bit in vain queues up next.
    if (this.#plant === 'head-grants-before-locking') yield* this.#grantNext(cpu, tail);
    if (cpu.touch(word)) yield;
    cpu.fetchOr(word, Q_LOCKED);
    if (this.#plant !== 'head-grants-before-locking') yield* this.#grantNext(cpu, tail);
  }

  /** Takes the lock and clears the tail, if the word is still `value`: nobody has queued up behind. */
  #lockAsLast(cpu: LockCpu, value: number): boolean {
    if (this.#plant !== 'tail-not-rechecked') return cpu.cmpxchg(this.word, value, Q_LOCKED) === value;
    cpu.store(this.word, Q_LOCKED);
    return true;
  }

  /** Makes the CPU behind the head, once it has linked up. */
  *#grantNext(cpu: LockCpu, tail: number): KernelPath {
    const link = this.#nodes.wordOf(tail) + NODE_NEXT;
    if (cpu.waitForChange(link, 0)) yield;
    const granted = this.#nodes.wordOf(cpu.load(link)) + NODE_GRANTED;
    if (cpu.touch(granted)) yield;
    cpu.store(granted, 1);
    cpu.notify(granted);
  }
}
