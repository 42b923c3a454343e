// What vCPUs get done while all memory is write-protected: under mmu_lock, or without it, beside a lock that costs nothing.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount } from '../units.js';
import { hasOptions } from './memslot-cells.js';
import type { Answer, AnswerValue, Question } from './question.js';
import { spreadOf } from './userfault-cells.js';

type Options = ResultRecord['options'];

export const WRITE_PROTECT: Question = {
  id: 'question-write-protect',
  title: 'What does lockless write protection buy?',
  asked:
    'Xiao Guangrong, "[RFC PATCH 00/12] KVM: MMU: locklessly wirte-protect", 30 July 2013: write protection holds mmu_lock, "which is also required by vcpu to fix its page table fault and mmu-notifier when host page is being changed".',
  command: 'mmulab run write-protect',
  answer,
};

/** Options that tell the rows apart. A host page that is larger changes less often, so that it has a rate of its own. */
const ROWS = ['writeProtect', 'mmuLock', 'backing', 'notifierRate'];
const WAYS: readonly { name: string; where: Options }[] = [
  { name: 'under mmu_lock', where: { writeProtect: 'locked', mmuLock: 'real' } },
  { name: 'lockless', where: { writeProtect: 'lockless', mmuLock: 'real' } },
  { name: 'root by root', where: { writeProtect: 'root', mmuLock: 'real' } },
  { name: 'lockless, and mmu_lock costs nothing', where: { writeProtect: 'lockless', mmuLock: 'free' } },
];
const LOCKED = 0;
const LOCKLESS = 1;
const FREE = 3;
const MAPPINGS: readonly { name: string; backing: string }[] = [
  { name: '4 KiB', backing: 'anonymous' },
  { name: '2 MiB', backing: 'anonymous_hugetlb_2mb' },
];
/** Writes a second while ioctls are at work, and over the whole window. All ways have the same window with the same ioctls at the same times. */
const BESIDE = 'writes_per_second_beside_ioctl';
const WINDOW = 'vcpu_writes_per_second';

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const setup = largestGroup(candidates(records), setupOf);
  const cells = MAPPINGS.flatMap(({ backing }) =>
    largestGroup(
      setup.filter(({ options }) => options.backing === backing),
      ({ options }) => String(options.notifierRate),
    ),
  );
  const rows = MAPPINGS.flatMap((mapping) => rowsOf(cells, mapping));
  if (rows.length < 2) return undefined;
  return {
    sentence: sentenceOf(cells),
    columns: [
      { name: 'mappings', measure: 'text' },
      { name: 'write protection', measure: 'text' },
      { name: 'writes during ioctls', measure: 'per_s', isMinor: true },
      { name: 'of a free lock', measure: 'share' },
      { name: 'writes in the window', measure: 'per_s', isMinor: true },
      { name: 'window, of a free lock', measure: 'share' },
      { name: 'stall p99', measure: 'ns', isMinor: true },
      { name: 'longest stall', measure: 'ns' },
      { name: 'time in faults', measure: 'share', isMinor: true },
      { name: 'time waiting for mmu_lock', measure: 'share', isMinor: true },
      { name: 'whole memslot', measure: 'ns' },
      { name: 'get dirty log', measure: 'ns', isMinor: true },
      { name: 'host changes a page', measure: 'ns', isMinor: true },
    ],
    rows,
    records: cells,
  };
}

/** Cells with overrides are never compared. */
function candidates(records: readonly ResultRecord[]): ResultRecord[] {
  return records.filter(({ suite, engine, profile }) => suite === 'write-protect' && engine === 'virtual' && profile.overrides.length === 0);
}

/** The profile and all options but the rows'. */
function setupOf({ options, profile }: ResultRecord): string {
  const setup = Object.entries(options).filter(([name]) => !ROWS.includes(name));
  setup.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([profile.name, profile.hash, setup]);
}

/** The largest group of cells with one key, of several the first by key. */
function largestGroup(cells: readonly ResultRecord[], keyOf: (cell: ResultRecord) => string): ResultRecord[] {
  const groups = new Map<string, ResultRecord[]>();
  for (const cell of cells) groups.set(keyOf(cell), [...(groups.get(keyOf(cell)) ?? []), cell]);
  const ranked = [...groups].sort(([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1));
  return ranked[0]?.[1] ?? [];
}

function cellOf(cells: readonly ResultRecord[], backing: string, way: number): ResultRecord | undefined {
  return cells.find((cell) => hasOptions(cell, { ...WAYS[way].where, backing }));
}

function rowsOf(cells: readonly ResultRecord[], { name, backing }: (typeof MAPPINGS)[number]): AnswerValue[][] {
  return WAYS.flatMap((way, index) => {
    const cell = cellOf(cells, backing, index);
    if (cell === undefined) return [];
    const times = (...metrics: string[]) => metrics.map((metric) => spreadOf(cell, metric, 'ns'));
    const shares = ['fault_share', 'mmu_lock_wait_share'].map((metric) => spreadOf(cell, metric, 'ratio'));
    return [
      [
        ...[name, way.name],
        ...[BESIDE, WINDOW].flatMap((metric) => [spreadOf(cell, metric, 'per_s'), shareOfFree(cells, { backing, way: index, metric })]),
        ...[...times('stall_p99', 'stall_max'), ...shares, ...times('protect_slot', 'get_dirty_log', 'host_page_change')],
      ],
    ];
  });
}

/** Writes over those with a lock that costs nothing. */
function shareOfFree(cells: readonly ResultRecord[], at: { backing: string; way: number; metric: string }): number | undefined {
  const [own, free] = [at.way, FREE].map((way) => spreadOf(cellOf(cells, at.backing, way), at.metric, 'per_s')?.value);
  return own === undefined || free === undefined || free === 0 ? undefined : own / free;
}

function sentenceOf(cells: readonly ResultRecord[]): string {
  const parts = MAPPINGS.flatMap(({ name, backing }) => {
    const shares = [BESIDE, WINDOW].map((metric) => [LOCKED, LOCKLESS].map((way) => shareOfFree(cells, { backing, way, metric })));
    const [beside, window] = shares.map(([locked, lockless]) =>
      locked === undefined || lockless === undefined ? [] : [`${percent(locked)} and ${percent(lockless)}`],
    );
    if (beside.length + window.length === 0) return [];
    return [
      `with ${name} mappings ${[...beside.map((text) => `${text} during the ioctls`), ...window.map((text) => `${text} over the whole window`)].join(', ')}`,
    ];
  });
  const vcpus = formatCount(Number(cells[0].options.vcpus));
  if (parts.length === 0) return `${vcpus} vCPUs write while their memory is protected as the table says.`;
  return `Under mmu_lock and without it, ${vcpus} vCPUs write this much of what they would if mmu_lock cost nothing: ${parts.join('; ')}.`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
