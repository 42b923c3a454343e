// Makes the locks of the threads engine. Every thread makes its own objects, in one order, over the same words of the arena.
//
// With more threads than cores a lock that only spins measures the scheduler. `park` makes every lock sleep after a bounded spin, and
// its reported name says so: it is a different lock.

import { assert } from '../../assert.js';
import { type Arena, LINE_WORDS } from '../../memory/arena.js';
import type { AtomicLine, LockFactory, Mutex, RwLock, SpinLock, SpinLockKind, Suspend } from '../cpu.js';
import { LockStats } from '../lock-stats.js';
import { QueueNodes, queueNodeWords } from '../queue-nodes.js';
import { ExclusiveLock } from './exclusive-lock.js';
import { QrwLock } from './qrwlock.js';
import { ThreadsQueuedSpinlock } from './queued-spinlock.js';
import { TicketLock, ticketLockWords } from './ticket-lock.js';
import { WAIT_TIMEOUT_MS, type WaitPolicy } from './wait.js';

/** Locks and atomic lines of a scenario that does not say how many it makes. */
const DEFAULT_LOCK_COUNT = 32;

export interface ThreadsLockFactoryParts {
  cpuCount: number;
  park: boolean;
  /** Locks and atomic lines, an upper bound; 32 when left out. */
  lockCount?: number;
  /** `WAIT_TIMEOUT_MS` when left out. */
  timeoutMs?: number;
}

/** Words that a factory carves with at most `lockCount` locks and atomic lines (32 when left out), an upper bound. */
export function lockArenaWords(cpuCount: number, lockCount = DEFAULT_LOCK_COUNT): number {
  return queueNodeWords(cpuCount) + lockCount * Math.max(ticketLockWords(cpuCount), 2 * LINE_WORDS);
}

export class ThreadsLockFactory implements LockFactory {
  readonly #arena: Arena;
  readonly #cpuCount: number;
  readonly #lockCount: number;
  readonly #policy: WaitPolicy;
  readonly #sleepPolicy: WaitPolicy;
  readonly #nodes: QueueNodes;
  /** Statistics of this thread, by class of locks. */
  readonly #stats = new Map<string, LockStats>();
  #made = 0;

  constructor(arena: Arena, parts: ThreadsLockFactoryParts) {
    this.#arena = arena;
    this.#cpuCount = parts.cpuCount;
    this.#lockCount = parts.lockCount ?? DEFAULT_LOCK_COUNT;
    this.#policy = { park: parts.park, timeoutMs: parts.timeoutMs ?? WAIT_TIMEOUT_MS };
    this.#sleepPolicy = { ...this.#policy, park: true };
    this.#nodes = new QueueNodes(arena, parts.cpuCount);
  }

  /** One entry for each class, in the order of making. */
  get stats(): LockStats[] {
    return [...this.#stats.values()];
  }

  spinLock(name: string, kind: SpinLockKind): SpinLock {
    const reported = this.#reportedName(name, kind === 'ticket' ? 'ticket' : 'qspinlock');
    const raw = kind === 'ticket' ? this.#ticketLock(reported, this.#policy) : this.#queuedSpinlock(reported);
    return new ExclusiveLock(this.#arena, raw, this.#classOf(reported));
  }

  rwLock(name: string): RwLock {
    return new QrwLock(this.#arena, { nodes: this.#nodes, policy: this.#policy, stats: this.#classOf(this.#reportedName(name, 'qrwlock')) });
  }

  /** A mutex sleeps whatever the policy: a FIFO wait queue by ticket, after a short optimistic spin. */
  mutex(name: string): Mutex {
    return new ExclusiveLock(this.#arena, this.#ticketLock(name, this.#sleepPolicy), this.#classOf(name));
  }

  /** The fair reader-writer lock, whose waiters sleep whatever the policy, after a short optimistic spin. */
  rwSem(name: string): RwLock {
    return new QrwLock(this.#arena, { nodes: this.#nodes, policy: this.#sleepPolicy, stats: this.#classOf(name) });
  }

  atomicLine(name: string): ThreadsAtomicLine {
    this.#countOne(name);
    return new ThreadsAtomicLine(this.#arena, name);
  }

  #ticketLock(name: string, policy: WaitPolicy): TicketLock {
    return new TicketLock(this.#arena, { name, cpuCount: this.#cpuCount, policy });
  }

  #queuedSpinlock(name: string): ThreadsQueuedSpinlock {
    return new ThreadsQueuedSpinlock(this.#arena, { name, nodes: this.#nodes, policy: this.#policy });
  }

  #reportedName(name: string, algorithm: string): string {
    return this.#policy.park ? `${name} (${algorithm}, parking)` : name;
  }

  /** One lock more of the class of this name. */
  #classOf(name: string): LockStats {
    this.#countOne(name);
    const stats = this.#stats.get(name) ?? new LockStats(name);
    this.#stats.set(name, stats);
    return stats;
  }

  #countOne(name: string): void {
    this.#made++;
    assert(this.#made <= this.#lockCount, `the scenario makes more locks than it said: "${name}" is number ${this.#made}, expected at most ${this.#lockCount}`);
  }
}

/** A word on a line of its own: the host moves it. */
class ThreadsAtomicLine implements AtomicLine {
  readonly #words: Int32Array;
  readonly #word: number;

  constructor(arena: Arena, name: string) {
    this.#words = arena.words;
    this.#word = arena.carveLine(name);
  }

  modify(): Suspend {
    Atomics.add(this.#words, this.#word, 1);
    return false;
  }

  /** Modifications so far, by all threads (the kit asks). */
  get count(): number {
    return Atomics.load(this.#words, this.#word);
  }
}
