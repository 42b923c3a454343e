// Rows of lock statistics and of stall times, as numbers; renderers choose the units.

import type { ResultRecord } from '../bench/results/index.js';
import { armColor, armOf, armOrder, armsOf, groupBy, optionOf, optionText } from './labels.js';

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
  /** Some acquisition had to wait. */
  hasWaited: boolean;
}

/** Stall times of one kind of access in one phase. Times are nanoseconds; percentiles are upper edges of 12.5 % buckets. */
export interface StallRow {
  label: string;
  vcpus: number;
  /** The arm of the suite, and which of the page's colours it has (0 for none). */
  arm: string;
  color: number;
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
  const withLocks = inOrder(records, names).filter((record) => record.locks.length > 0);
  return groupBy(withLocks, (record) => labelOf(record, names)).map((own) => {
    const rows = own.flatMap((record) => record.locks.map((lock) => toLockRow(lock, vcpusOf(record))));
    return { label: labelOf(own[0], names), rows, hasWaited: rows.some((row) => row.contended > 0) };
  });
}

/** By what tells cells apart, arms in their order, few vCPUs first. */
function inOrder(records: readonly ResultRecord[], names: readonly string[]): ResultRecord[] {
  const keyed = records.map((record) => ({ record, label: labelOf(record, withoutArm(names, record)) }));
  keyed.sort((a, b) => (a.label === b.label ? armOrder(a.record) - armOrder(b.record) || vcpusOf(a.record) - vcpusOf(b.record) : a.label < b.label ? -1 : 1));
  return keyed.map(({ record }) => record);
}

function withoutArm(names: readonly string[], record: ResultRecord): string[] {
  return names.filter((name) => name !== armsOf(record)?.option);
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
    arm: armOf(record),
    color: armColor(record),
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
  return [record.suite, record.engine, optionText(record, shown), ...overrides].filter((part) => part !== '').join(' ');
}
