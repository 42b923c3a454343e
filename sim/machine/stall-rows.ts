// Stalls that were taken down vCPU by vCPU, in rows of one layout, as one summary.

import type { Word } from '../engine/cpu.js';
import { HISTOGRAM_BUCKETS, type HistogramSummary, summarize } from '../engine/histogram.js';
import { loadWide } from './wide-words.js';

/** The stalls of all vCPUs. Nanoseconds. */
export interface StallSummary {
  count: number;
  totalNs: number;
  maxNs: number;
  histogram: HistogramSummary;
}

/** `rows`: first word of each vCPU's row. `at`: where a row has its longest stall and their sum, as wide words of picoseconds, and its histogram. */
export function summarizeStalls(words: Int32Array, rows: readonly Word[], at: { maxPs: number; totalPs: number; histogram: number }): StallSummary {
  const counts = new Float64Array(HISTOGRAM_BUCKETS);
  let maxPs = 0;
  let totalPs = 0;
  for (const row of rows) {
    maxPs = Math.max(maxPs, loadWide(words, row + at.maxPs));
    totalPs += loadWide(words, row + at.totalPs);
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) counts[bucket] += words[row + at.histogram + bucket];
  }
  const maxNs = Math.round(maxPs / 1000);
  const histogram = summarize(counts, maxNs);
  return { count: histogram.count, totalNs: Math.round(totalPs / 1000), maxNs, histogram };
}
