// Everything that a report says, worked out once; the renderers only lay it out.

import type { ResultRecord } from '../bench/results/index.js';
import { cleanText } from './escape.js';
import { type Fidelity, fidelityOf } from './fidelity.js';
import { differingOptions, optionText, profileText, seedsText } from './labels.js';
import { type LockGroup, lockGroups, type StallRow, stallRows } from './locks-and-stalls.js';
import { type ComparisonTable, publishedTables, recordsInTables } from './match.js';
import { type OtherGroup, otherGroups } from './other-cells.js';
import { loadFit } from './published.js';

/** A warning of one or more records. */
export interface ReportWarning {
  code: string;
  message: string;
  /** Canonical keys of the cells that carry it. */
  cells: string[];
  /** The same for people: the first cell by what tells it apart, and how many there are. */
  where: string;
}

/** Where the numbers come from; each list is sorted and free of repetitions. */
export interface Provenance {
  records: number;
  commits: string[];
  profiles: string[];
  engines: string[];
  seeds: string;
  hosts: string[];
  /** Earliest start, ISO 8601; empty without records. */
  startedAt: string;
  wallSeconds: number;
}

/** The two arms of the first table at the largest vCPU count that has both simulated. Seconds. */
export interface Headline {
  vcpus: number;
  published: { lazy: number; eager: number };
  simulated: { lazy: number; eager: number };
}

/** What a report says. */
export interface ReportModel {
  tables: ComparisonTable[];
  fidelity: Fidelity;
  /** What the fit file says about fitted and predicted cells. */
  fitNote: string;
  headline?: Headline;
  others: OtherGroup[];
  locks: LockGroup[];
  stalls: StallRow[];
  warnings: ReportWarning[];
  provenance: Provenance;
}

/** Builds the model. The order of `records` does not matter. */
export function buildModel(records: readonly ResultRecord[]): ReportModel {
  const sorted = cleanRecords(records);
  const tables = publishedTables(sorted);
  const published = recordsInTables(tables);
  const others = sorted.filter((record) => !published.has(record));
  const parts = [sorted.filter((record) => published.has(record)), others];
  return {
    tables,
    fidelity: fidelityOf(tables),
    fitNote: loadFit().note,
    headline: headlineOf(tables[0]),
    others: otherGroups(others, sorted),
    locks: parts.flatMap((part) => lockGroups(part, differingOptions(part))),
    stalls: stallRows(sorted, differingOptions(others)),
    warnings: parts.flatMap(collectWarnings),
    provenance: provenanceOf(sorted),
  };
}

/** Copies, sorted by cell, without control characters in any string or name: none reaches a terminal, whatever prints it. */
export function cleanRecords(records: readonly ResultRecord[]): ResultRecord[] {
  const copies = records.map((record) => cleanValue(record) as ResultRecord);
  return copies.sort((a, b) => (a.cell < b.cell ? -1 : a.cell > b.cell ? 1 : 0));
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [cleanText(name), cleanValue(one)]));
}

function headlineOf(table: ComparisonTable): Headline | undefined {
  for (const row of [...table.rows].reverse()) {
    const { lazy, eager } = row;
    if (lazy.simulated === undefined || eager.simulated === undefined) continue;
    return {
      vcpus: row.vcpus,
      published: { lazy: lazy.published.seconds, eager: eager.published.seconds },
      simulated: { lazy: lazy.simulated.seconds, eager: eager.simulated.seconds },
    };
  }
  return undefined;
}

function collectWarnings(records: readonly ResultRecord[]): ReportWarning[] {
  const names = differingOptions(records);
  const found = new Map<string, ResultRecord[]>();
  for (const record of records) {
    for (const { code, message } of record.warnings) {
      const key = JSON.stringify([code, message]);
      found.set(key, [...(found.get(key) ?? []), record]);
    }
  }
  return [...found].map(([key, own]) => {
    const [code, message] = JSON.parse(key) as [string, string];
    const first = `${own[0].engine} ${optionText(own[0], names)}`.trim();
    const where = own.length === 1 ? first : `${own.length} of ${records.length} cells, the first: ${first}`;
    return { code, message, cells: own.map((record) => record.cell), where };
  });
}

function provenanceOf(records: readonly ResultRecord[]): Provenance {
  const starts = records.map((record) => record.wall.startedAt).sort();
  return {
    records: records.length,
    commits: unique(records.map((record) => record.commit)),
    profiles: unique(records.map((record) => profileText(record.profile))),
    engines: unique(records.map((record) => record.engine)),
    seeds: seedsText(records.flatMap((record) => record.seeds)),
    hosts: unique(records.map((record) => hostText(record.host))),
    startedAt: starts[0] ?? '',
    wallSeconds: records.reduce((sum, record) => sum + record.wall.seconds, 0),
  };
}

function hostText(host: ResultRecord['host']): string {
  const memory = (host.memoryBytes / 1024 ** 3).toFixed(1);
  return `${host.cpu}, ${host.cores} cores, ${memory} GiB, ${host.platform} ${host.arch}, node ${host.node.replace(/^v/, '')}`;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
