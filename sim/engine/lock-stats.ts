// Statistics of one lock, per call site: how often, how contended, how long waited for and held.
// One flat array, a row per call site, so that the hot path adds without allocating and rows travel between threads as they are.

import { bucketOf, HISTOGRAM_BUCKETS, type HistogramSummary, summarize } from './histogram.js';

/** At most this many call sites per lock. */
export const MAX_LOCK_SITES = 24;

/** What is reported of one lock at one call site. Times are nanoseconds. */
export interface LockReport {
  lock: string;
  site: string;
  acquisitions: number;
  contentions: number;
  waitNsTotal: number;
  waitNsMax: number;
  holdNsTotal: number;
  holdNsMax: number;
  wait: HistogramSummary;
  hold: HistogramSummary;
}

// Offsets in a row. The two maxima come first: they merge by maximum, all others by sum.
const WAIT_MAX = 0;
const HOLD_MAX = 1;
const ACQUISITIONS = 2;
const CONTENTIONS = 3;
const WAIT_TOTAL = 4;
const HOLD_TOTAL = 5;
const WAIT_HISTOGRAM = 6;
const HOLD_HISTOGRAM = WAIT_HISTOGRAM + HISTOGRAM_BUCKETS;
const ROW = HOLD_HISTOGRAM + HISTOGRAM_BUCKETS;

export class LockStats {
  readonly name: string;
  readonly #values = new Float64Array(MAX_LOCK_SITES * ROW);

  constructor(name: string) {
    this.name = name;
  }

  /** One tenure that has ended: how long it was waited for and held. */
  add(site: number, waitPs: number, holdPs: number, contended: boolean): void {
    const values = this.#values;
    const row = site * ROW;
    values[row + ACQUISITIONS] += 1;
    if (contended) values[row + CONTENTIONS] += 1;
    values[row + WAIT_TOTAL] += waitPs;
    if (waitPs > values[row + WAIT_MAX]) values[row + WAIT_MAX] = waitPs;
    values[row + WAIT_HISTOGRAM + bucketOf(waitPs)] += 1;
    values[row + HOLD_TOTAL] += holdPs;
    if (holdPs > values[row + HOLD_MAX]) values[row + HOLD_MAX] = holdPs;
    values[row + HOLD_HISTOGRAM + bucketOf(holdPs)] += 1;
  }

  /** Rows of the call sites that were used: plain data, safe to post to another thread. */
  rows(): { site: number; row: Float64Array }[] {
    const rows = [];
    for (let site = 0; site < MAX_LOCK_SITES; site++) {
      const row = this.#values.slice(site * ROW, (site + 1) * ROW);
      if (row[ACQUISITIONS] > 0) rows.push({ site, row });
    }
    return rows;
  }

  /** Adds another thread's rows of the same lock. */
  addRows(rows: readonly { site: number; row: Float64Array }[]): void {
    for (const { site, row } of rows) {
      const own = this.#values.subarray(site * ROW, (site + 1) * ROW);
      for (let i = 0; i < ROW; i++) own[i] = i <= HOLD_MAX ? Math.max(own[i], row[i]) : own[i] + row[i];
    }
  }

  /** One report per call site that was used, in site order. */
  report(siteNames: readonly string[]): LockReport[] {
    return this.rows().map(({ site, row }) => ({
      lock: this.name,
      site: siteNames[site] ?? `site ${site}`,
      acquisitions: row[ACQUISITIONS],
      contentions: row[CONTENTIONS],
      waitNsTotal: Math.round(row[WAIT_TOTAL] / 1000),
      waitNsMax: Math.round(row[WAIT_MAX] / 1000),
      holdNsTotal: Math.round(row[HOLD_TOTAL] / 1000),
      holdNsMax: Math.round(row[HOLD_MAX] / 1000),
      wait: summarize(row.subarray(WAIT_HISTOGRAM, HOLD_HISTOGRAM), Math.round(row[WAIT_MAX] / 1000)),
      hold: summarize(row.subarray(HOLD_HISTOGRAM, ROW), Math.round(row[HOLD_MAX] / 1000)),
    }));
  }
}
