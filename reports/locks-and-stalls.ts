// Rows of lock statistics and of stall times, as numbers; renderers choose the units.

import type { ResultRecord } from '../bench/results/index.js';
import { armOrder, optionOf, optionText, splitOf } from './labels.js';

/** One lock at one call site in one record. Times are nanoseconds. */
export interface LockRow {
  vcpus: number;
  lock: string;
  site: string;
  acquisitions: number;
  /** Share of acquisitions that had to wait, 0 to 1. */
  contended: number;
  waitNsMean: number;
  waitNsMax: number;
  waitNsTotal: number;
  holdNsMean: number;
  holdNsMax: number;
}

/** Lock statistics of records that differ in the vCPU count alone. */
export interface LockGroup {
  label: string;
  rows: LockRow[];
}

/** Stall times of one kind of access in one phase. Times are nanoseconds; percentiles are upper edges of 12.5 % buckets. */
export interface StallRow {
  label: string;
  vcpus: number;
  split: string;
  /** "concurrent" or "parked": whether vCPUs ran while the ioctl thread worked. */
  form: string;
  phase: string;
  kind: string;
  count: number;
  meanNs: number;
  p50Ns: number;
  p99Ns: number;
  p999Ns: number;
  maxNs: number;
}

/** Lock statistics of all records that have some; `names` are the options that tell the records apart. */
export function lockGroups(records: readonly ResultRecord[], names: readonly string[]): LockGroup[] {
  const groups = new Map<string, { label: string; rows: LockRow[] }>();
  for (const record of inOrder(records, names)) {
    if (record.locks.length === 0) continue;
    const label = labelOf(record, names);
    const group = groups.get(label) ?? { label, rows: [] };
    groups.set(label, group);
    group.rows.push(...record.locks.map((lock) => toLockRow(lock, vcpusOf(record))));
  }
  return [...groups.values()];
}

/** By what tells cells apart, lazy before eager, few vCPUs first. */
function inOrder(records: readonly ResultRecord[], names: readonly string[]): ResultRecord[] {
  const rest = names.filter((name) => name !== 'split');
  const keyed = records.map((record) => ({ record, label: labelOf(record, rest) }));
  keyed.sort((a, b) => (a.label === b.label ? armOrder(a.record) - armOrder(b.record) || vcpusOf(a.record) - vcpusOf(b.record) : a.label < b.label ? -1 : 1));
  return keyed.map(({ record }) => record);
}

function toLockRow(lock: ResultRecord['locks'][number], vcpus: number): LockRow {
  const n = Math.max(1, lock.acquisitions);
  return {
    vcpus,
    lock: lock.lock,
    site: lock.site,
    acquisitions: lock.acquisitions,
    contended: lock.contentions / n,
    waitNsMean: lock.waitNsTotal / n,
    waitNsMax: lock.waitNsMax,
    waitNsTotal: lock.waitNsTotal,
    holdNsMean: lock.holdNsTotal / n,
    holdNsMax: lock.holdNsMax,
  };
}

/** Stalls of concurrent cells, each followed by its parked twin where there is one. */
export function stallRows(records: readonly ResultRecord[], names: readonly string[]): StallRow[] {
  const concurrent = inOrder(records, names).filter((record) => optionOf(record, 'concurrent') === true && record.stalls.length > 0);
  return concurrent.flatMap((record) => {
    const twin = records.find((other) => isParkedTwin(other, record));
    return [record, ...(twin === undefined ? [] : [twin])].flatMap((one) => one.stalls.map((stall) => toStallRow(one, stall, names)));
  });
}

function isParkedTwin(other: ResultRecord, record: ResultRecord): boolean {
  if (optionOf(other, 'concurrent') !== false || other.suite !== record.suite || other.engine !== record.engine) return false;
  if (other.profile.hash !== record.profile.hash || other.timeScale !== record.timeScale) return false;
  return Object.keys(record.options).every((name) => name === 'concurrent' || optionOf(other, name) === optionOf(record, name));
}

function toStallRow(record: ResultRecord, stall: ResultRecord['stalls'][number], names: readonly string[]): StallRow {
  return {
    label: labelOf(record, names),
    vcpus: vcpusOf(record),
    split: splitOf(record),
    form: optionOf(record, 'concurrent') === true ? 'concurrent' : 'parked',
    phase: stall.phase,
    kind: stall.kind,
    count: stall.count,
    meanNs: stall.count > 0 ? stall.totalNs / stall.count : 0,
    p50Ns: stall.histogram.p50Ns,
    p99Ns: stall.histogram.p99Ns,
    p999Ns: stall.histogram.p999Ns,
    maxNs: stall.maxNs,
  };
}

function vcpusOf(record: ResultRecord): number {
  const vcpus = optionOf(record, 'vcpus');
  return typeof vcpus === 'number' ? vcpus : 0;
}

function labelOf(record: ResultRecord, names: readonly string[]): string {
  const shown = names.filter((name) => name !== 'vcpus' && name !== 'concurrent');
  const overrides = record.profile.overrides.length > 0 ? [`with ${record.profile.overrides.join(', ')}`] : [];
  return [record.engine, optionText(record, shown), ...overrides].filter((part) => part !== '').join(' ');
}
