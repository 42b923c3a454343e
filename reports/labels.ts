// Short names of records and options: what differs is said, what is common is said once.

import type { ResultRecord } from '../bench/results/index.js';
import { type Arms, POSTS } from './posts/index.js';
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

/** The option by which cells of a record's suite are compared side by side; `undefined` for a suite without a published post. */
export function armsOf(record: ResultRecord): Arms | undefined {
  return POSTS.find((post) => post.suite === record.suite || post.relatedSuites?.includes(record.suite) === true)?.arms;
}

/** A record's arm: "lazy", "tree"; "-" for a suite that has none. */
export function armOf(record: ResultRecord): string {
  const arms = armsOf(record);
  return arms === undefined ? '-' : optionValue(arms.option, optionOf(record, arms.option));
}

/** Position of a record's arm when arms stand side by side, from 0; what is not known comes last. */
export function armOrder(record: ResultRecord): number {
  const order = armsOf(record)?.values.indexOf(armOf(record)) ?? -1;
  return order === -1 ? 9 : order;
}

/** Which of the page's six colours an arm has, from 1; 0 for an arm that is not known. */
export function armColor(record: ResultRecord): number {
  const order = armOrder(record);
  return order < 6 ? order + 1 : 0;
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

/** Groups in the order of their first member. */
export function groupBy<T>(list: readonly T[], keyOf: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}
