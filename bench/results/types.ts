// The results file: NDJSON, one record a line, sorted by `cell`. The one thing that the harness and the reports share.

import type { CheckFailure, CheckOptions, CheckOutcome, Claim, LockReport, Plant, StallReport, Validity, Warning } from '../../sim/index.js';

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

/** What one check of a protocol found: which version, under which scheduler and memory order, and the failure where there is one. */
export interface CheckRecord {
  schemaVersion: typeof SCHEMA_VERSION;
  /** Tells it from the record of a cell. */
  kind: 'check';
  /** Canonical key: protocol, planted bug and every option that decides which schedules are run. Unique within a file. */
  cell: string;
  protocol: string;
  summary: string;
  claims: Claim[];
  /** The planted bug; null for the right version. */
  plant: Plant | null;
  /** The module that the protocol came from, as the command line named it; absent for mmulab's own protocols. */
  plugin?: string;
  options: Omit<CheckOptions, 'plant' | 'replay'>;
  verdict: CheckOutcome['verdict'];
  actors: string[];
  schedules: number;
  pruned: number;
  steps: number;
  longest: number;
  /** Steps under store buffers that were tried as one, so that what could come in between was not; 0 in a whole search. */
  coarse: number;
  failure?: CheckFailure;
  commit: string;
  host: HostRecord;
  /** The harness's own clock: when the check started, and the seconds it took. */
  wall: { startedAt: string; seconds: number };
}

/** What a results file holds. */
export type StoredRecord = ResultRecord | CheckRecord;

/** Whether a record is that of a check. */
export function isCheck(record: StoredRecord): record is CheckRecord {
  return 'kind' in record && record.kind === 'check';
}

/** Whether a record is that of a suite's cell. */
export function isCell(record: StoredRecord): record is ResultRecord {
  return !isCheck(record);
}

/** A right version that did not break, or a planted bug that was found. */
export function isAsExpected({ plant, verdict }: Pick<CheckRecord, 'plant' | 'verdict'>): boolean {
  return (verdict === 'broken') === (plant !== null);
}

/** Steps of one schedule of a check, at most, where nothing else is said. */
export const CHECK_STEPS_MAX = 5000;
