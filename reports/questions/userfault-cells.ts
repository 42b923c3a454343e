// The cells of the suites `demand-paging` and `post-copy` that a question compares: all of one setup, told apart by vCPUs and by their configuration,
// which is who catches a fault and who resolves it.

import type { ResultRecord } from '../../bench/results/index.js';
import { hasOptions, numbersOf } from './memslot-cells.js';
import type { ChartLine, Spread } from './question.js';

type Options = ResultRecord['options'];

/** Machine profiles that stand for the hosts of the post. */
export const USERFAULT_PROFILES = { x86: 'x86-2s48c-2024', arm64: 'ampereone-2024' } as const;

/** With `preallocate`, which for some memory says the same as its absence: the options that do not make another setup. */
const CONFIGURATION = ['vcpus', 'uffd', 'singleUffd', 'readers', 'kvmUserfault', 'asyncPf', 'pushers', 'preallocate'];
/** As many lines as the page has colours. */
const CHART_LINES = 6;
/** Where a userfaultfd per vCPU with KVM Userfault stands: readers have next to nothing to do there, on how many userfaultfds is of little interest. */
const BOTH_RANK = 7;

/** Whether the page cache held all pages before the run, where there is one: with MINOR it always does. */
export function isPreallocated({ backing, uffd, preallocate }: Options): boolean {
  return backing !== 'shmem' || uffd === 'minor' || preallocate === true;
}

/** Selects cells of a suite: the options that they must have, and the profile. */
export interface UserfaultQuery {
  suite: 'demand-paging' | 'post-copy';
  where?: Options;
  profile?: string;
}

/** Cells that answer a query, of the setup that has most of them. Cells with overrides are never among them. Sorted by vCPUs. */
export function userfaultCells(records: readonly ResultRecord[], { suite, where = {}, profile }: UserfaultQuery): ResultRecord[] {
  const setups = new Map<string, ResultRecord[]>();
  for (const record of records) {
    if (record.suite !== suite || record.engine !== 'virtual' || record.profile.overrides.length > 0) continue;
    if ((profile !== undefined && record.profile.name !== profile) || !hasOptions(record, where)) continue;
    const key = setupOf(record);
    setups.set(key, [...(setups.get(key) ?? []), record]);
  }
  const ranked = [...setups].sort(([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1));
  const cells = ranked[0]?.[1] ?? [];
  return cells.sort((a, b) => Number(a.options.vcpus) - Number(b.options.vcpus) || (a.cell < b.cell ? -1 : 1));
}

function setupOf({ options, profile }: ResultRecord): string {
  const setup = Object.entries(options).filter(([name]) => !CONFIGURATION.includes(name));
  setup.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([profile.name, profile.hash, setup]);
}

/** Cells of one configuration, one for each vCPU count. */
export interface Configuration {
  name: string;
  /** The first to be left out where there are too many: nearly the same as another one. */
  isMinor: boolean;
  cells: ReadonlyMap<number, ResultRecord>;
}

/** The configurations of some cells, from the plainest to KVM Userfault alone. A single vCPU stands for one reader and for a reader or a userfaultfd of its own. */
export function configurationsOf(cells: readonly ResultRecord[]): Configuration[] {
  const found = new Map<string, { rank: number; cells: Map<number, ResultRecord> }>();
  const named = cells.map((record) => ({ record, names: namesOf(record.options) }));
  const clear = new Set(named.filter(({ names }) => names.length === 1).map(({ names }) => names[0].name));
  for (const { record, names } of named) {
    const own = names.length === 1 ? names : names.filter(({ name }) => clear.has(name));
    for (const { name, rank } of own.length > 0 ? own : names.slice(0, 1)) {
      const group = found.get(name) ?? { rank, cells: new Map<number, ResultRecord>() };
      found.set(name, group);
      const vcpus = Number(record.options.vcpus);
      const known = group.cells.get(vcpus);
      if (known === undefined || Number(record.options.readers) > Number(known.options.readers)) group.cells.set(vcpus, record);
    }
  }
  const ordered = [...found].sort(([a, one], [b, other]) => one.rank - other.rank || (a < b ? -1 : 1));
  return ordered.map(([name, group]) => ({ name, isMinor: group.rank === BOTH_RANK, cells: group.cells }));
}

/** What a cell's configuration is called; of a single vCPU, one of its names. */
export function configurationName(options: Options): string {
  return namesOf(options)[0].name;
}

/** What a configuration is called; `rank` says where it stands among the others. */
function namesOf(o: Options): { name: string; rank: number }[] {
  const async = o.asyncPf === undefined || o.asyncPf === 'off' ? '' : `, async ${String(o.asyncPf)}`;
  const pushed = typeof o.pushers === 'number' && o.pushers > 0 ? ', pushed' : '';
  const suffixed = (name: string, rank: number) => ({ name: `${name}${async}${pushed}`, rank: rank + (async === '' ? 0 : 0.5) + (pushed === '' ? 0 : 0.25) });
  if (o.uffd === undefined || o.uffd === 'none') return [o.kvmUserfault === true ? suffixed('KVM UF', 8) : suffixed('no userfault', 0)];
  const mode = String(o.uffd).toUpperCase();
  // With one vCPU, one userfaultfd is one for each.
  const kvm = [suffixed(`${mode} + KVM UF`, 6), suffixed(`${mode}, uffd per vCPU + KVM UF`, BOTH_RANK)];
  const own = suffixed(`${mode}, ${o.readers === 1 ? 'uffd per vCPU' : `${String(o.readers)} readers per vCPU`}`, 5);
  if (o.kvmUserfault === true) return o.vcpus === 1 ? kvm : [kvm[o.singleUffd === false ? 1 : 0]];
  if (o.singleUffd === false && o.vcpus !== 1) return [own];
  const one = suffixed(`${mode}, one reader`, 1);
  const each = suffixed(`${mode}, reader per vCPU`, 4);
  if (o.readers === 1) return o.vcpus === 1 ? [one, each, own] : [one];
  return [o.readers === o.vcpus ? each : suffixed(`${mode}, ${String(o.readers)} readers`, 2)];
}

/** A metric of a record with its range over seeds: finite, not below zero, in one of the units; else `undefined`. */
export function spreadOf(record: ResultRecord | undefined, metric: string, ...units: string[]): Spread | undefined {
  if (record === undefined || !Object.hasOwn(record.metrics, metric)) return undefined;
  const { unit, median, low, high } = record.metrics[metric];
  const isNumber = [median, low, high].every((value) => Number.isFinite(value) && value >= 0);
  return isNumber && units.includes(unit) ? { value: median, low, high } : undefined;
}

/** The vCPU counts of some cells, ascending. */
export function vcpusOf(cells: readonly ResultRecord[]): number[] {
  return numbersOf(cells, 'vcpus');
}

/** A line for each configuration of which two points can be drawn, at most as many as there are colours. */
export function linesOf(configurations: readonly Configuration[], pick: (record: ResultRecord) => number | undefined): ChartLine[] {
  const shown = configurations.filter(({ isMinor }) => !isMinor || configurations.length <= CHART_LINES);
  return shown.slice(0, CHART_LINES).flatMap(({ name, cells }, index): ChartLine[] => {
    const points = [...cells].flatMap(([x, record]) => {
      const value = pick(record);
      return value === undefined || !(value > 0) || !(x > 0) ? [] : [{ x, value }];
    });
    points.sort((a, b) => a.x - b.x);
    return points.length < 2 ? [] : [{ name, color: index + 1, points }];
  });
}
