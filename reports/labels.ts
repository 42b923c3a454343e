// Short names of records and options: what differs is said, what is common is said once.

import type { ResultRecord } from '../bench/results/index.js';
import { formatBytes } from './units.js';

/** The value of an option. */
export type OptionValue = ResultRecord['options'][string];

/** An option's name as the command line spells it: `writeEvery` is "write-every", `vcpuBytes` is "vcpu-memory". */
export function optionName(name: string): string {
  const words = name.replace(/Bytes$/, name === 'vcpuBytes' ? 'Memory' : '');
  return words.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

/** An option's value for people: booleans as Y and N, sizes in binary units, percent with its sign. */
export function optionValue(name: string, value: OptionValue | undefined): string {
  if (value === undefined) return '-';
  if (typeof value === 'boolean') return value ? 'Y' : 'N';
  if (typeof value === 'number' && name.endsWith('Bytes')) return formatBytes(value);
  if (typeof value === 'number' && name.endsWith('Percent')) return `${value}%`;
  return String(value);
}

/** The names of options that do not have one value throughout, in the order in which records state them. */
export function differingOptions(records: readonly ResultRecord[]): string[] {
  const names = new Set(records.flatMap((record) => Object.keys(record.options)));
  return [...names].filter((name) => new Set(records.map((record) => optionOf(record, name))).size > 1);
}

/** A record's option; `undefined` when it has none of that name (never something inherited). */
export function optionOf(record: ResultRecord, name: string): OptionValue | undefined {
  return Object.hasOwn(record.options, name) ? record.options[name] : undefined;
}

/** "vcpus=64 ept=Y split=eager": the options of `names`, in that order. Empty for no names. */
export function optionText(record: ResultRecord, names: readonly string[]): string {
  return names.map((name) => `${optionName(name)}=${optionValue(name, optionOf(record, name))}`).join(' ');
}

/** The split policy, or "-" for a suite that has none. */
export function splitOf(record: ResultRecord): string {
  return optionValue('split', optionOf(record, 'split'));
}

/** Position of a record's split policy when arms stand side by side: lazy first, then eager, then the others. */
export function armOrder(record: ResultRecord): number {
  const order = ['lazy', 'eager', 'eager-skip', 'on-fault'].indexOf(splitOf(record));
  return order === -1 ? 9 : order;
}

/** A profile with its hash and overrides: "skylake-2s48c (0123456789ab) with rmap_scan=-20%". */
export function profileText(profile: ResultRecord['profile']): string {
  const overrides = profile.overrides.length > 0 ? ` with ${profile.overrides.join(', ')}` : '';
  return `${profile.name} (${profile.hash})${overrides}`;
}

/** Seeds as ranges: "1..5", "1, 7". */
export function seedsText(seeds: readonly number[]): string {
  const sorted = [...new Set(seeds)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const seed of sorted) {
    const open = ranges.at(-1);
    if (open !== undefined && open[1] + 1 === seed) open[1] = seed;
    else ranges.push([seed, seed]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : last === first + 1 ? `${first}, ${last}` : `${first}..${last}`)).join(', ');
}
