// The results file: NDJSON, one record a line, sorted by `cell`. The one thing that the harness and the reports share.

import type { LockReport, StallReport, Validity, Warning } from '../../sim/index.js';

/** Version of the record's shape; a reader refuses any other. */
export const SCHEMA_VERSION = 1;

/** What one cell found of one metric. */
export interface MetricRecord {
  unit: 'ns' | 'count' | 'per_s' | 'ratio' | 'bytes';
  /**
   * `exact`: every seed gives this number (or differs by at most 0.1 %). `order-sensitive`: it depends on the first order of arrival, so each
   * seed is one draw. `sampled`: a wall clock's.
   */
  kind: 'exact' | 'order-sensitive' | 'sampled';
  better: 'smaller' | 'larger' | 'neither';
  /** One per seed (virtual engine) or repetition (threads engine), in the order of `seeds`. */
  values: number[];
  median: number;
  /** With `high`: the range over seeds, or the 95 % interval of the median over repetitions. */
  low: number;
  high: number;
}

/** The machine that ran it; may differ between two runs of one seed. */
export interface HostRecord {
  node: string;
  platform: string;
  arch: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
}

/** One cell of one suite: what was asked, on which machine, and what came out. */
export interface ResultRecord {
  schemaVersion: typeof SCHEMA_VERSION;
  suite: string;
  /** Canonical key: suite, engine, profile and every option in fixed order. Unique within a file. */
  cell: string;
  engine: 'virtual' | 'threads';
  /** The suite's options under their own names: bytes for sizes, booleans for Y and N. */
  options: Record<string, string | number | boolean>;
  profile: { name: string; hash: string; overrides: string[] };
  /** Threads engine only: the factor on the profile's costs. */
  timeScale?: number;
  /** Virtual engine: the seeds. Threads engine: the seed of each repetition. */
  seeds: number[];
  metrics: Record<string, MetricRecord>;
  /** Of the first seed, as are `locks` and `stalls`. */
  counters: Record<string, number>;
  locks: LockReport[];
  stalls: StallReport[];
  /** One per seed; empty strings are left out. */
  traceHashes: string[];
  warnings: Warning[];
  /** Threads engine only: of the repetition with the median effective parallelism (the lower of two). */
  validity?: Validity;
  /** Of mmulab: 'unknown' outside a checkout, with '+dirty' when files were modified. */
  commit: string;
  host: HostRecord;
  /** The harness's own clock: when the cell started, and the seconds its seeds took together. */
  wall: { startedAt: string; seconds: number };
}
