// What a lock algorithm offers to the wrappers that add owner checks and statistics.

import type { Word } from '../cpu.js';
import type { ThreadsCpu } from './threads-cpu.js';

/** An exclusive lock on arena words. All words zero: free. One object per thread; the words are shared. */
export interface RawLock {
  /** A spare word on the line of the lock, for its owner. */
  readonly ownerWord: Word;
  /** Takes the lock. Returns the picoseconds waited: 0 only when the lock was free. */
  acquire(cpu: ThreadsCpu): number;
  release(cpu: ThreadsCpu): void;
  /** CPUs that wait right now. */
  readonly waiters: number;
}

/** Picoseconds since `start`, at least 1: a contended acquisition is told from a free one by its wait. */
export function waitedSince(cpu: ThreadsCpu, start: number): number {
  return Math.max(1, cpu.now() - start);
}
