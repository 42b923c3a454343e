// Statistics of one lock, per call site: how often, how contended, how long waited for and held.
// Plain numbers in flat arrays, so that the hot path adds without allocating; histograms are log-linear.

import { bucketOf, HISTOGRAM_BUCKETS, summarize, type HistogramSummary } from './histogram.js';

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

export class LockStats {
  readonly name: string;
  readonly acquisitions = new Float64Array(MAX_LOCK_SITES);
  readonly contentions = new Float64Array(MAX_LOCK_SITES);
  readonly waitPsTotal = new Float64Array(MAX_LOCK_SITES);
  readonly waitPsMax = new Float64Array(MAX_LOCK_SITES);
  readonly holdPsTotal = new Float64Array(MAX_LOCK_SITES);
  readonly holdPsMax = new Float64Array(MAX_LOCK_SITES);
  readonly waitHistogram = new Float64Array(MAX_LOCK_SITES * HISTOGRAM_BUCKETS);
  readonly holdHistogram = new Float64Array(MAX_LOCK_SITES * HISTOGRAM_BUCKETS);

  constructor(name: string) {
    this.name = name;
  }

  acquired(site: number, waitPs: number, contended: boolean): void {
    this.acquisitions[site] += 1;
    if (contended) this.contentions[site] += 1;
    this.waitPsTotal[site] += waitPs;
    if (waitPs > this.waitPsMax[site]) this.waitPsMax[site] = waitPs;
    this.waitHistogram[site * HISTOGRAM_BUCKETS + bucketOf(waitPs)] += 1;
  }

  released(site: number, holdPs: number): void {
    this.holdPsTotal[site] += holdPs;
    if (holdPs > this.holdPsMax[site]) this.holdPsMax[site] = holdPs;
    this.holdHistogram[site * HISTOGRAM_BUCKETS + bucketOf(holdPs)] += 1;
  }

  /** Adds another thread's statistics of the same lock. */
  merge(other: LockStats): void {
    add(this.acquisitions, other.acquisitions);
    add(this.contentions, other.contentions);
    add(this.waitPsTotal, other.waitPsTotal);
    add(this.holdPsTotal, other.holdPsTotal);
    add(this.waitHistogram, other.waitHistogram);
    add(this.holdHistogram, other.holdHistogram);
    keepMax(this.waitPsMax, other.waitPsMax);
    keepMax(this.holdPsMax, other.holdPsMax);
  }

  /** One report per call site that was used, in site order. */
  report(siteNames: readonly string[]): LockReport[] {
    const reports: LockReport[] = [];
    for (let site = 0; site < MAX_LOCK_SITES; site++) {
      if (this.acquisitions[site] === 0) continue;
      const from = site * HISTOGRAM_BUCKETS;
      const to = from + HISTOGRAM_BUCKETS;
      reports.push({
        lock: this.name,
        site: siteNames[site] ?? `site ${site}`,
        acquisitions: this.acquisitions[site],
        contentions: this.contentions[site],
        waitNsTotal: Math.round(this.waitPsTotal[site] / 1000),
        waitNsMax: Math.round(this.waitPsMax[site] / 1000),
        holdNsTotal: Math.round(this.holdPsTotal[site] / 1000),
        holdNsMax: Math.round(this.holdPsMax[site] / 1000),
        wait: summarize(this.waitHistogram.subarray(from, to)),
        hold: summarize(this.holdHistogram.subarray(from, to)),
      });
    }
    return reports;
  }
}

function add(into: Float64Array, from: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i] += from[i];
}

function keepMax(into: Float64Array, from: Float64Array): void {
  for (let i = 0; i < into.length; i++) if (from[i] > into[i]) into[i] = from[i];
}
