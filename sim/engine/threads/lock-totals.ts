// Lock statistics on their way from a worker thread: only the call sites that were used, as plain data.

import { LockStats } from '../lock-stats.js';

/** Statistics of one class of locks on one thread. */
export interface LockTotals {
  name: string;
  rows: ReturnType<LockStats['rows']>;
}

/** Plain data, safe to post to another thread. */
export function packLockStats(stats: LockStats): LockTotals {
  return { name: stats.name, rows: stats.rows() };
}

/** Adds up the threads' statistics, class by class. Every thread made the same locks in the same order. */
export function mergeLockTotals(threads: readonly (readonly LockTotals[])[]): LockStats[] {
  const merged = (threads[0] ?? []).map(({ name }) => new LockStats(name));
  for (const locks of threads) {
    for (const [index, { rows }] of locks.entries()) merged[index].addRows(rows);
  }
  return merged;
}
