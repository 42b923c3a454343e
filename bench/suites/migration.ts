// The suite of a pre-copy migration: what dirty logging costs where it is used, in rounds, downtime and the guest's speed. What `migrate-perf` of the RFC of
// 2013 did, in a scenario of our own: its sources are not at hand.

import type { MigrationOptions } from '../../sim/index.js';
import { planMigration, X5690, XEON_2022 } from './migration-plan.js';
import { bandwidthOption, countMetric, listOption, rateMetric, ratioMetric, sizesOption, timeMetric, timesOption } from './option-makers.js';
import type { CellOptions, Suite, SuiteOption, SuiteSimulation } from './suite.js';
import { choiceItem, countItem, yesNoItem } from './values.js';

const PAGE_BYTES = 4096;
const MIB = 1024 ** 2;

// The choices are repeated from the simulator (and checked against its types) so that --help need not load it.
const ERAS = ['2013', '2022'] as const satisfies readonly MigrationOptions['era'][];
const WRITE_PROTECT = ['locked', 'lockless', 'root'] as const satisfies readonly MigrationOptions['writeProtect'][];
const SPLITS = ['lazy', 'eager', 'eager-skip', 'on-fault'] as const satisfies readonly MigrationOptions['split'][];
const BACKINGS = ['anonymous', 'anonymous_hugetlb_2mb', 'anonymous_hugetlb_1gb'] as const satisfies readonly MigrationOptions['backing'][];

const list = listOption<MigrationOptions>;
const times = timesOption<MigrationOptions>;

const OPTIONS: readonly SuiteOption[] = [
  list('vcpus', 'vcpus', countItem(1, 1024), { letter: 'v', value: '<list>', description: 'vCPUs: 64, 2,4,8 or 2..64*2' }),
  sizesOption<MigrationOptions>('memory', 'vcpuBytes', PAGE_BYTES, { letter: 'b', value: '<sizes>', description: 'memory of each vCPU: 16M, 1G' }),
  list('era', 'era', choiceItem(ERAS), {
    value: '<list>',
    description: 'kernel: 2013 (no PML, no manual protection; where nothing is said, when --write-protect asks for more than locked) or 2022',
  }),
  list('write-protect', 'writeProtect', choiceItem(WRITE_PROTECT), {
    value: '<list>',
    description: `how write access is taken away: ${WRITE_PROTECT.join(', ')}; all but locked in the kernel of 2013 only`,
  }),
  list('split', 'split', choiceItem(SPLITS), {
    value: '<list>',
    description: `huge-page splitting: ${SPLITS.join(', ')}; all but lazy in the kernel of 2022 only`,
  }),
  list('manual-protect', 'manualProtect', yesNoItem, {
    value: '<Y,N>',
    description: 'an initially all-set log whose pages are protected as they are sent (Y), or when the log is read (N)',
  }),
  sizesOption<MigrationOptions>('clear-chunk', 'clearChunkBytes', 64 * PAGE_BYTES, {
    value: '<sizes>',
    description: 'with manual protection: memory whose log one ioctl clears, right before it is sent: 4M (QEMU takes 1G, of larger guests)',
  }),
  list('backing', 'backing', choiceItem(BACKINGS, { anonymous_hugetlb: 'anonymous_hugetlb_2mb' }), {
    letter: 's',
    value: '<list>',
    description: `host memory: ${BACKINGS.join(', ')}`,
  }),
  list('ept', 'ept', yesNoItem, { value: '<Y,N>', description: 'two-dimensional paging (Y) or shadow paging (N)' }),
  list('dirty-rate', 'dirtyRate', countItem(0, 10_000_000), {
    value: '<list>',
    description: 'pages that each vCPU writes per second when nothing holds it up, at most; 0: as fast as it can',
  }),
  list('random', 'randomAccess', yesNoItem, { value: '<Y,N>', description: 'pages in random order' }),
  bandwidthOption<MigrationOptions>('bandwidth', 'bandwidth', 'of the link, in bits (10GBit) or bytes (1.25GB/s) per second'),
  times('downtime', 'downtimeNs', 10e9, 'the guest is stopped once the rest is sent within this time: 2ms'),
  list('max-rounds', 'maxRounds', countItem(1, 1000), { value: '<list>', description: 'rounds after which it is stopped in any case' }),
  list('guest-seed', 'guestSeed', countItem(0, 2 ** 31 - 2), { letter: 'r', value: '<list>', description: "seed of the guests' random numbers" }),
];

/** A pre-copy migration: rounds over the dirty log until the rest is small enough. */
export const migration: Suite = {
  name: 'migration',
  summary: 'a pre-copy migration: rounds over the dirty log until the rest fits the downtime, and what the guest feels',
  examples: [
    { line: 'migration', what: 'lazy against eager splitting on the host of 2022, locked against lockless protection on that of 2013' },
    { line: 'migration --dirty-rate 10000,50000,200000 --split lazy,eager', what: 'does it converge?' },
    { line: 'migration -v 16 -b 256M --bandwidth 40GBit --downtime 1ms --manual-protect Y,N', what: 'pages protected as they are sent, or all at once' },
    { line: 'migration --write-protect locked,lockless --profile x5690-2013', what: 'the question of 2013' },
    { line: 'migration -v 2 -b 4M --engine threads', what: 'on real threads of this machine' },
  ],
  options: OPTIONS,
  metrics: [
    timeMetric('total_time', 'from turning logging on until the last page is sent'),
    timeMetric('downtime', 'from asking the vCPUs to stop until the last page is sent'),
    countMetric('rounds', 'smaller', 'times that pages were sent, the first and the last included'),
    countMetric('converged', 'larger', '1: the rest fitted the downtime; 0: there were too many rounds'),
    countMetric('pages_sent', 'smaller', 'pages of 4 KiB that passed the link'),
    ratioMetric('guest_slowdown', 'smaller', 'writes per second before the migration over those beside it'),
    rateMetric('vcpu_writes_per_second', 'writes of all vCPUs beside the migration'),
    ratioMetric('ioctl_time_share', 'smaller', 'of the total time, what the ioctls took'),
    ratioMetric('mmu_lock_wait_share', 'smaller', 'of the time of all vCPUs, what faults waited for mmu_lock'),
    countMetric('write_faults', 'smaller', 'faults of all vCPUs beside the migration'),
    timeMetric('stall_p99', '99 % of the writes that faulted stood still no longer'),
    timeMetric('stall_max', 'the longest fault'),
  ],
  profile: XEON_2022,
  profiles: [XEON_2022, X5690],
  headline: 'total_time',
  plan: planMigration,
  weight: weighMigration,
  load: loadMigration,
};

/** Pages that are populated and sent, and those that vCPUs write meanwhile, in units of 330 ns of host time. */
function weighMigration(cell: CellOptions): number {
  const { vcpus, vcpuBytes, dirtyRate, bandwidth, maxRounds } = cell as unknown as MigrationOptions;
  const pages = (vcpus * vcpuBytes) / PAGE_BYTES;
  const dirtiedPerSent = (Math.min(dirtyRate || 5e6, 5e6) * vcpus * PAGE_BYTES) / bandwidth;
  const rounds = dirtiedPerSent < 1 ? 1 / (1 - dirtiedPerSent) : maxRounds;
  return pages * (1 + Math.min(rounds, maxRounds) * (0.2 + dirtiedPerSent));
}

async function loadMigration(): Promise<SuiteSimulation> {
  const sim = await import('../../sim/index.js');
  const typed = (options: CellOptions): MigrationOptions => options as unknown as MigrationOptions;
  return {
    defaults: { ...sim.DEFAULT_MIGRATION },
    check: (options) => sim.checkMigrationOptions(typed(options)),
    arenaBytes: (options) => sim.migrationArenaBytes(typed(options)),
    runVirtual: (options, run) => sim.runMigrationVirtual(typed(options), run),
    warmUp: { ...sim.DEFAULT_MIGRATION, vcpuBytes: 4 * MIB },
    runThreads: (options, run) => sim.runMigrationThreads(typed(options), run),
    closeThreads: () => sim.closePools(),
  };
}
