// The cells of the suite `memslots` that a question compares. As in the published tables, all of them come from one setup: one profile, and one
// value of every option that the question does not vary.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatNs } from '../units.js';
import type { AnswerColumn } from './question.js';

type Options = ResultRecord['options'];

export const STRUCTURES = ['array', 'tree', 'array-hva-tree', 'btree'] as const;

/** How the published cells were run. */
export const AS_PUBLISHED = { vcpus: 1, zapAll: true, lastUsed: 'shared' } as const satisfies Options;

/** The length of a run, and what a kernel was built for: where both are there, the smaller kernel counts. */
const NEVER_SETUP = ['test', 'memslots', 'slots', 'loops', 'seconds', 'maxSlots', 'slotSetup'];

/** Selects cells: options that they must have, and names of those in which they may differ (structure and memslot count always may). */
export interface CellQuery {
  where: Options;
  varies?: readonly string[];
  engine?: ResultRecord['engine'];
}

/** Cells that answer a query, of the setup that has most of them; without overrides where there is a choice. Sorted by the memslots that the kernel was built for. */
export function memslotCells(records: readonly ResultRecord[], { where, varies = [], engine = 'virtual' }: CellQuery): ResultRecord[] {
  const free = new Set([...NEVER_SETUP, ...varies]);
  const setups = new Map<string, ResultRecord[]>();
  for (const record of records) {
    if (record.suite !== 'memslots' || record.engine !== engine || !hasOptions(record, where)) continue;
    const options = Object.entries(record.options).filter(([name]) => !free.has(name) && !Object.hasOwn(where, name));
    options.sort(([a], [b]) => (a < b ? -1 : 1));
    const { name, hash, overrides } = record.profile;
    const key = JSON.stringify([overrides.length, name, hash, overrides, options]);
    setups.set(key, [...(setups.get(key) ?? []), record]);
  }
  const ranked = [...setups].sort(([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1));
  const cells = ranked[0]?.[1] ?? [];
  return cells.sort((a, b) => Number(a.options.maxSlots) - Number(b.options.maxSlots) || (a.cell < b.cell ? -1 : 1));
}

/** Whether a record's own options have these values. */
export function hasOptions(record: ResultRecord, where: Options): boolean {
  return Object.entries(where).every(([name, value]) => Object.hasOwn(record.options, name) && record.options[name] === value);
}

/** A metric of the first cell with these options: a finite number above zero in its unit, or `undefined`. */
export function medianOf(
  cells: readonly ResultRecord[],
  { metric, unit = 'ns', where }: { metric: string; unit?: string; where: Options },
): number | undefined {
  const record = cells.find((cell) => hasOptions(cell, where) && Object.hasOwn(cell.metrics, metric));
  const found = record?.metrics[metric];
  return found !== undefined && found.unit === unit && Number.isFinite(found.median) && found.median > 0 ? found.median : undefined;
}

/** The structures of some cells, in the order of the design; unknown ones last. */
export function structuresOf(cells: readonly ResultRecord[]): string[] {
  const present = new Set(cells.map((cell) => String(cell.options.memslots)));
  const known = STRUCTURES.filter((name) => present.has(name));
  return [...known, ...[...present].filter((name) => !(STRUCTURES as readonly string[]).includes(name)).sort()];
}

/** The values of a numeric option, ascending. */
export function numbersOf(cells: readonly ResultRecord[], option: string): number[] {
  const values = cells.map((cell) => cell.options[option]).filter((value) => typeof value === 'number');
  return [...new Set(values)].sort((a, b) => a - b);
}

/** One column of times for each name. */
export function timeColumns(names: readonly string[]): AnswerColumn[] {
  return names.map((name) => ({ name, measure: 'ns' }));
}

/** "1.200 ms with array, 12.00 µs with tree": the structures that have a time. */
export function timesText(structures: readonly string[], timeOf: (structure: string) => number | undefined): string {
  const parts = structures.map((name) => ({ name, ns: timeOf(name) })).filter((part) => part.ns !== undefined);
  return parts.map(({ name, ns }) => `${formatNs(ns ?? Number.NaN)} with ${name}`).join(', ');
}

/** "32,764 memslots". */
export function slotsText(slots: number): string {
  return `${formatCount(slots)} memslots`;
}

/** a / b where both are there. */
export function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
