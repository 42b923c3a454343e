// Every record that is not in a published table: one group per engine and profile, one block per cell, one row per metric and arm.
// Arms are compared with the first of their suite (lazy splitting, the array of memslots); a difference that a sampled comparison cannot tell from noise is said to be so.

import type { ResultRecord } from '../bench/results/index.js';
import { mannWhitneyExact, median } from '../bench/stats/index.js';
import { armOf, armOrder, armsOf, differingOptions, groupBy, optionName, optionOf, optionText, optionValue, profileText } from './labels.js';
import { formatMetric, formatMetricRange, formatRatio, formatSpread } from './units.js';

type MetricRecord = ResultRecord['metrics'][string];

const SIGNIFICANT = 0.05;
/** The exact test counts every split and takes at most 100 values: more are beyond doubt anyway. */
const TEST_VALUES = 50;
/** Below this effective parallelism a sampled number says how the host schedules, not how the code scales. */
export const PARALLELISM_FLOOR = 0.9;

/** One metric of one record. */
export interface OtherRow {
  metric: string;
  arm: string;
  median: string;
  /** Range over seeds, or 95 % interval, as text; "exact" for an exact number. */
  range: string;
  /** Values that the median was taken of. */
  n: number;
  /** Against the first arm; empty where there is nothing to compare with. */
  versusBase: string;
  record: ResultRecord;
}

/** Records that differ in the arm alone. */
export interface OtherBlock {
  /** Values of the group's differing options, in its order. */
  values: string[];
  /** The same as one line of text. */
  label: string;
  rows: OtherRow[];
  /** Effective parallelism, oversubscription: what to know before believing the rows. */
  notes: string[];
}

/** Records of one suite, engine and profile. */
export interface OtherGroup {
  title: string;
  engine: ResultRecord['engine'];
  /** The option that tells arms apart, and the arm that others are compared with; absent for a suite without arms. */
  arms?: { name: string; base: string };
  /** Names of the options that differ between blocks (never the arm's). */
  columns: string[];
  /** Options that all records share, as "name=value". */
  common: string[];
  blocks: OtherBlock[];
}

/** Groups `others`; arms are looked for in `all` records, since the twin that a cell is compared with may stand in a published table. */
export function otherGroups(others: readonly ResultRecord[], all: readonly ResultRecord[]): OtherGroup[] {
  return groupBy(others, groupKey).map((records) => toGroup(records, all));
}

function groupKey(record: ResultRecord): string {
  return JSON.stringify([record.suite, record.engine, record.profile.name, record.profile.hash, record.profile.overrides, record.timeScale ?? null]);
}

function cellKey(record: ResultRecord): string {
  const options = Object.entries(record.options).filter(([name]) => name !== armsOf(record)?.option);
  options.sort(([a], [b]) => (a < b ? -1 : 1));
  return groupKey(record) + JSON.stringify(options);
}

function toGroup(records: readonly ResultRecord[], all: readonly ResultRecord[]): OtherGroup {
  const [first] = records;
  const arms = armsOf(first);
  const columns = differingOptions(records).filter((name) => name !== arms?.option);
  const shown = new Set([...columns, arms?.option]);
  const common = Object.keys(first.options).filter((name) => !shown.has(name));
  const scale = first.timeScale === undefined ? '' : `, time scale ${first.timeScale}`;
  return {
    title: `${first.suite}, ${first.engine} engine, profile ${profileText(first.profile)}${scale}`,
    engine: first.engine,
    arms: arms === undefined ? undefined : { name: optionName(arms.option), base: arms.values[0] },
    columns: columns.map(optionName),
    common: common.map((name) => optionText(first, [name])),
    blocks: groupBy(sortByOptions(records, columns), cellKey).map((own) => toBlock(own, columns, all)),
  };
}

/** Numbers by size, everything else as text: 8 comes before 16. */
function sortByOptions(records: readonly ResultRecord[], names: readonly string[]): ResultRecord[] {
  const compare = (a: ResultRecord, b: ResultRecord): number => {
    for (const name of names) {
      const [x, y] = [optionOf(a, name), optionOf(b, name)];
      if (x === y) continue;
      if (typeof x === 'number' && typeof y === 'number') return x - y;
      return String(x) < String(y) ? -1 : 1;
    }
    return armOrder(a) - armOrder(b) || (a.cell < b.cell ? -1 : 1);
  };
  return [...records].sort(compare);
}

function toBlock(records: readonly ResultRecord[], columns: readonly string[], all: readonly ResultRecord[]): OtherBlock {
  const [first] = records;
  const metrics = [...new Set(records.flatMap((record) => Object.keys(record.metrics)))];
  const key = cellKey(first);
  const arms = armsOf(first);
  const base = all.find((record) => armOf(record) === arms?.values[0] && cellKey(record) === key);
  const rows = metrics.flatMap((name) => records.flatMap((record) => toRow(record, name, base)));
  return {
    values: columns.map((name) => optionValue(name, optionOf(first, name))),
    label: columns.length > 0 ? optionText(first, columns) : `${optionName(arms?.option ?? 'cell')}=${records.map(armOf).join(', ')}`,
    rows,
    notes: records.flatMap(validityNotes),
  };
}

function toRow(record: ResultRecord, name: string, base: ResultRecord | undefined): OtherRow[] {
  if (!Object.hasOwn(record.metrics, name)) return [];
  const metric = record.metrics[name];
  return [
    {
      metric: name,
      arm: armOf(record),
      median: formatMetric(metric.median, metric.unit),
      range: rangeText(metric),
      n: metric.values.length,
      versusBase: base === undefined || base === record || !Object.hasOwn(base.metrics, name) ? '' : verdict(record, base, name),
      record,
    },
  ];
}

function rangeText(metric: MetricRecord): string {
  if (metric.kind === 'exact') return 'exact';
  if (metric.kind === 'order-sensitive' && metric.values.length === 1) return 'one draw';
  return formatMetricRange(metric.low, metric.high, metric.unit);
}

/** The ratio to the first arm as text, or why there is none. */
export function verdict(record: ResultRecord, baseRecord: ResultRecord, name: string): string {
  const [own, base] = [record.metrics[name], baseRecord.metrics[name]];
  if (own.unit !== base.unit || !(base.median > 0) || !Number.isFinite(own.median)) return '-';
  if ([record, baseRecord].some(isInvalid)) return 'invalid';
  return record.engine === 'threads' ? sampledVerdict(own, base) : pairedVerdict(record, baseRecord, name);
}

function sampledVerdict(own: MetricRecord, base: MetricRecord): string {
  const n = Math.min(own.values.length, base.values.length);
  if (smallestP(n, n) > SIGNIFICANT) return `~ (n=${n}, needs ${neededN()})`;
  const p = mannWhitneyExact(own.values.slice(0, TEST_VALUES), base.values.slice(0, TEST_VALUES));
  return p < SIGNIFICANT ? `${formatRatio(own.median / base.median)}x` : `~ (p=${p.toFixed(2)})`;
}

/** Order-sensitive numbers of the same seeds are paired; when some seeds favour one arm and some the other, no ratio is claimed. */
function pairedVerdict(record: ResultRecord, baseRecord: ResultRecord, name: string): string {
  const [own, base] = [record.metrics[name], baseRecord.metrics[name]];
  const sameSeeds = record.seeds.length === baseRecord.seeds.length && record.seeds.every((seed, index) => seed === baseRecord.seeds[index]);
  if (!sameSeeds || own.values.length !== base.values.length || own.values.length === 0) return `${formatRatio(own.median / base.median)}x`;
  const ratios = own.values.map((value, index) => value / base.values[index]);
  if (ratios.some((ratio) => ratio < 1) && ratios.some((ratio) => ratio > 1)) return `~ (${formatSpread(Math.min(...ratios), Math.max(...ratios), 1)})`;
  return `${formatRatio(median(ratios))}x`;
}

/** The smallest two-sided exact p of n against m values: 2 / C(n + m, n). */
function smallestP(n: number, m: number): number {
  let ways = 1;
  for (let i = 1; i <= n; i++) ways = (ways * (m + i)) / i;
  return Math.min(1, 2 / ways);
}

function neededN(): number {
  let n = 1;
  while (smallestP(n, n) > SIGNIFICANT) n++;
  return n;
}

/** True when a sampled record's workers did not really run in parallel. */
export function isInvalid(record: ResultRecord): boolean {
  return record.validity !== undefined && record.validity.effectiveParallelism < PARALLELISM_FLOOR;
}

function validityNotes(record: ResultRecord): string[] {
  if (record.validity === undefined) return [];
  const { effectiveParallelism, oversubscribed, cores } = record.validity;
  const vcpus = optionValue('vcpus', optionOf(record, 'vcpus'));
  const notes = [`${armOf(record)}: effective parallelism ${effectiveParallelism.toFixed(2)}${isInvalid(record) ? ' (below 0.90: invalid)' : ''}`];
  if (oversubscribed) notes.push(`${armOf(record)}: oversubscribed, ${vcpus} vCPUs on ${cores} cores: no claim about scaling`);
  return notes;
}
