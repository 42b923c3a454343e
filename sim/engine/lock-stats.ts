// Statistics of one lock, per call site: how often, how contended, how long waited for and held.
// A flat array per call site, so that the hot path adds without allocating and rows travel between threads as they are.

import { bucketOf, HISTOGRAM_BUCKETS, type HistogramSummary, summarize } from './histogram.js';

/** At most this many call sites per lock. */
export const MAX_LOCK_SITES = 32;

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
  /** By site; made when a site is first used. */
  readonly #rows: (Float64Array | undefined)[] = new Array<Float64Array | undefined>(MAX_LOCK_SITES).fill(undefined);

  constructor(name: string) {
    this.name = name;
  }

  /** One tenure that has ended: how long it was waited for and held. */
  add(site: number, waitPs: number, holdPs: number, contended: boolean): void {
    const row = this.#rows[site] ?? this.#newRow(site);
    row[ACQUISITIONS] += 1;
    if (contended) row[CONTENTIONS] += 1;
    row[WAIT_TOTAL] += waitPs;
    if (waitPs > row[WAIT_MAX]) row[WAIT_MAX] = waitPs;
    row[WAIT_HISTOGRAM + bucketOf(waitPs)] += 1;
    row[HOLD_TOTAL] += holdPs;
    if (holdPs > row[HOLD_MAX]) row[HOLD_MAX] = holdPs;
    row[HOLD_HISTOGRAM + bucketOf(holdPs)] += 1;
  }

  #newRow(site: number): Float64Array {
    const row = new Float64Array(ROW);
    this.#rows[site] = row;
    return row;
  }

  /** Rows of the call sites that were used: plain data, safe to post to another thread. */
  rows(): { site: number; row: Float64Array }[] {
    return this.#rows.flatMap((row, site) => (row === undefined ? [] : [{ site, row }]));
  }

  /** Adds another thread's rows of the same lock. */
  addRows(rows: readonly { site: number; row: Float64Array }[]): void {
    for (const { site, row } of rows) {
      const own = this.#rows[site] ?? this.#newRow(site);
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
