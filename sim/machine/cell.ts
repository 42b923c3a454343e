// What one cell is asked (options) and what it answers (outcome). Plain data: it crosses worker threads and results files.

import type { HistogramSummary } from '../engine/histogram.js';
import type { LockReport } from '../engine/lock-stats.js';

export const SPLIT_POLICIES = ['lazy', 'eager', 'eager-skip', 'on-fault'] as const;
export const MMUS = ['shadow', 'tdp'] as const;
export const BACKINGS = [
  'anonymous',
  'anonymous_thp',
  'anonymous_hugetlb_2mb',
  'anonymous_hugetlb_1gb',
  'shmem',
  'shared_hugetlb_2mb',
  'shared_hugetlb_1gb',
] as const;
export const PREEMPT_MODELS = ['none', 'voluntary', 'full'] as const;

/** Everything that decides the numbers of one dirty_log_perf_test cell, besides the engine, the seed and the machine. */
export interface DirtyLogOptions {
  vcpus: number;
  /** Bytes of each vCPU's region (of the whole region with `overlap`). */
  vcpuBytes: number;
  memslots: number;
  iterations: number;
  /** Percent of accesses that write, drawn per access; used when `writeEvery` is 0. */
  writePercent: number;
  /** One access in `writeEvery` writes (the older `-f N`); 0 leaves it to `writePercent`. */
  writeEvery: number;
  randomAccess: boolean;
  overlap: boolean;
  /** Seed of the guests' own random numbers (the selftest's 1). */
  guestSeed: number;
  /** Manual protect with initially-all-set (the default); false is `-g`. */
  initiallyAllSet: boolean;
  /** `-e`: vCPUs keep running while logging is disabled. */
  runWhileDisabling: boolean;
  /** vCPUs keep running while the ioctl thread enables and clears. */
  concurrent: boolean;
  backing: (typeof BACKINGS)[number];
  mmu: (typeof MMUS)[number];
  ept: boolean;
  split: (typeof SPLIT_POLICIES)[number];
  /** Size of the guest's own mappings: 4096, 2 MiB or 1 GiB. */
  guestPageBytes: number;
  /** Guest page tables that alias the same memory. More than one needs ept=false. */
  processes: number;
  /** Quota of shadow pages; 0 takes KVM's default (2 % of the guest's pages, at least 64). */
  mmuPages: number;
  preempt: (typeof PREEMPT_MODELS)[number];
  /** Lock of a 4 KiB write-protection fault in the shadow MMU. */
  wpFaultLock: 'write' | 'read';
  /** Granularity of dirty logging: 4096, or 2 MiB (huge pages are then not split below 2 MiB). */
  dirtyGranularityBytes: number;
}

/** A doubt about a number, stored beside it. */
export interface Warning {
  code: string;
  message: string;
}

/** One timed quantity. `orderSensitive`: it depends on the first order of arrival, so one seed is one draw. */
export interface PhaseTime {
  metric: string;
  ns: number;
  orderSensitive: boolean;
}

/** Stalls of guest accesses (from the exit to the retry) in one phase. */
export interface StallReport {
  phase: string;
  kind: 'read' | 'write';
  count: number;
  totalNs: number;
  maxNs: number;
  histogram: HistogramSummary;
}

/** Whether a wall-clock measurement may be believed (threads engine only). */
export interface Validity {
  /** Sum of the vCPU workers' run time over the window, against min(vCPUs, cores): 1 is perfect. */
  effectiveParallelism: number;
  oversubscribed: boolean;
  cores: number;
  perWorker: { runNs: number; waitNs: number }[];
}

/** What one run of one cell (one seed, or one repetition) found. */
export interface RunOutcome {
  times: PhaseTime[];
  counters: Record<string, number>;
  locks: LockReport[];
  stalls: StallReport[];
  warnings: Warning[];
  /** 16 hex digits over every event of the virtual engine; empty in the threads engine. */
  traceHash: string;
  /** 8 hex digits over the final page tables and dirty bitmaps; empty when the scenario has none. */
  stateHash: string;
  /** Faults that took the slow path, for rates. */
  faults: number;
  validity?: Validity;
}
