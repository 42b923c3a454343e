// Lock statistics on their way from a worker thread: only the call sites that were used, as plain data.

import { HISTOGRAM_BUCKETS } from '../histogram.js';
import { LockStats, MAX_LOCK_SITES } from '../lock-stats.js';

const SITE_FIELDS = ['acquisitions', 'contentions', 'waitPsTotal', 'waitPsMax', 'holdPsTotal', 'holdPsMax'] as const;

/** One call site: the fields of `LockStats` in the order of `SITE_FIELDS`, and its two histograms. */
interface SiteTotals {
  site: number;
  fields: number[];
  wait: Float64Array;
  hold: Float64Array;
}

/** Statistics of one lock on one thread. */
export interface LockTotals {
  name: string;
  sites: SiteTotals[];
}

/** Plain data, safe to post to another thread. */
export function packLockStats(stats: LockStats): LockTotals {
  const sites: SiteTotals[] = [];
  for (let site = 0; site < MAX_LOCK_SITES; site++) {
    if (stats.acquisitions[site] === 0) continue;
    const from = site * HISTOGRAM_BUCKETS;
    const to = from + HISTOGRAM_BUCKETS;
    const fields = SITE_FIELDS.map((field) => stats[field][site]);
    sites.push({ site, fields, wait: stats.waitHistogram.slice(from, to), hold: stats.holdHistogram.slice(from, to) });
  }
  return { name: stats.name, sites };
}

/** Adds up the threads' statistics, lock by lock. Every thread made the same locks in the same order. */
export function mergeLockTotals(threads: readonly (readonly LockTotals[])[]): LockStats[] {
  const merged = (threads[0] ?? []).map(({ name }) => new LockStats(name));
  for (const locks of threads) {
    for (const [index, totals] of locks.entries()) merged[index].merge(unpack(totals));
  }
  return merged;
}

function unpack({ name, sites }: LockTotals): LockStats {
  const stats = new LockStats(name);
  for (const { site, fields, wait, hold } of sites) {
    for (const [index, field] of SITE_FIELDS.entries()) stats[field][site] = fields[index];
    stats.waitHistogram.set(wait, site * HISTOGRAM_BUCKETS);
    stats.holdHistogram.set(hold, site * HISTOGRAM_BUCKETS);
  }
  return stats;
}
