// Makes the locks of the threads engine. Every thread makes its own objects, in one order, over the same words of the arena.
//
// With more threads than cores a lock that only spins measures the scheduler. `park` makes every lock sleep after a bounded spin, and
// its reported name says so: it is a different lock.

import { type Arena, LINE_WORDS } from '../../memory/arena.js';
import type { LockFactory, Mutex, RwLock, SpinLock, SpinLockKind } from '../cpu.js';
import type { LockStats } from '../lock-stats.js';
import { ExclusiveLock } from './exclusive-lock.js';
import { QrwLock } from './qrwlock.js';
import { QueuedSpinlock, QueueNodes, queueNodeWords } from './queued-spinlock.js';
import { TicketLock, ticketLockWords } from './ticket-lock.js';
import type { WaitPolicy } from './wait.js';

/** A single wait for a lock that takes longer than this is taken for a lost wakeup or a deadlock. */
export const LOCK_TIMEOUT_MS = 30_000;

const MAX_LOCKS = 32;

export interface ThreadsLockFactoryParts {
  cpuCount: number;
  park: boolean;
  /** `LOCK_TIMEOUT_MS` when left out. */
  timeoutMs?: number;
}

/** Words that a factory and its at most 32 locks carve, an upper bound. */
export function lockArenaWords(cpuCount: number): number {
  return queueNodeWords(cpuCount) + MAX_LOCKS * (ticketLockWords(cpuCount) + 2 * LINE_WORDS);
}

export class ThreadsLockFactory implements LockFactory {
  /** Statistics of this thread, by lock, in the order of making. */
  readonly stats: LockStats[] = [];
  readonly #arena: Arena;
  readonly #cpuCount: number;
  readonly #policy: WaitPolicy;
  readonly #nodes: QueueNodes;

  constructor(arena: Arena, parts: ThreadsLockFactoryParts) {
    this.#arena = arena;
    this.#cpuCount = parts.cpuCount;
    this.#policy = { park: parts.park, timeoutMs: parts.timeoutMs ?? LOCK_TIMEOUT_MS };
    this.#nodes = new QueueNodes(arena, parts.cpuCount);
  }

  spinLock(name: string, kind: SpinLockKind): SpinLock {
    const reported = this.#reportedName(name, kind === 'ticket' ? 'ticket' : 'qspinlock');
    return this.#add(new ExclusiveLock(this.#arena, reported, this.#rawSpinLock(reported, kind)));
  }

  #rawSpinLock(name: string, kind: SpinLockKind): TicketLock | QueuedSpinlock {
    if (kind === 'ticket') return new TicketLock(this.#arena, { name, cpuCount: this.#cpuCount, policy: this.#policy });
    return new QueuedSpinlock(this.#arena, { name, nodes: this.#nodes, policy: this.#policy });
  }

  rwLock(name: string): RwLock {
    return this.#add(new QrwLock(this.#arena, { name: this.#reportedName(name, 'qrwlock'), nodes: this.#nodes, policy: this.#policy }));
  }

  /** A mutex sleeps whatever the policy: a FIFO wait queue by ticket, after a short optimistic spin. */
  mutex(name: string): Mutex {
    const policy = { ...this.#policy, park: true };
    return this.#add(new ExclusiveLock(this.#arena, name, new TicketLock(this.#arena, { name, cpuCount: this.#cpuCount, policy })));
  }

  #reportedName(name: string, algorithm: string): string {
    return this.#policy.park ? `${name} (${algorithm}, parking)` : name;
  }

  #add<T extends { stats: LockStats }>(lock: T): T {
    this.stats.push(lock.stats);
    return lock;
  }
}
