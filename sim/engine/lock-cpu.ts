// What the lock algorithms (queued-spinlock.ts, queued-rwlock.ts) need of the world that runs them. An engine that runs the algorithms,
// instead of modelling their cost, gives them this.
//
// A fast path is a plain function over `LockWords`, one atomic operation: an engine that never suspends calls it as it is, one that interleaves
// touches the word first. A slow path is a kernel path over `LockCpu`.

import type { Cpu, Suspend, Word } from './cpu.js';

/** The atomic operations of a fast path. */
export type LockWords = Pick<Cpu, 'load' | 'cmpxchg' | 'fetchAdd' | 'fetchAnd'>;

/** A CPU that waits for a lock. */
export interface LockCpu extends LockWords, Pick<Cpu, 'id' | 'touch' | 'store' | 'fetchOr'> {
  /**
   * Waits until `words[word]` is no longer `seen`; the next load, without a touch, sees what it is then. The engine decides how: it spins, or it
   * falls asleep at any look that still finds `seen`, in one step with that look, and then only `notify` makes it look again.
   */
  waitForChange(word: Word, seen: number): Suspend;
  /**
   * Wakes all who sleep on the word. What this CPU stored before is seen first. It belongs to the step of the change that it tells of: a notice that
   * comes later wakes somebody for nothing, at worst.
   */
  notify(word: Word): void;
}
