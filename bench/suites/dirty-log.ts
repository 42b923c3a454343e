// The suite of dirty_log_perf_test: populate, enable dirty logging, dirty memory, get and clear the log, disable. Options and metric names are the
// selftest's; what the posts also varied (mmu, ept, split and more) are options in words.

import type { DirtyLogOptions } from '../../sim/index.js';
import { listOption, type OptionText, timeMetric } from './option-makers.js';
import { type CellOptions, crossProduct, type GivenOptions, type PlanRequest, type Suite, type SuiteOption, type SuiteSimulation } from './suite.js';
import { choiceItem, countItem, formatSize, type ItemParser, sizeItem, yesNoItem } from './values.js';

const KIB = 1024;
const MIB = KIB ** 2;
const GIB = KIB ** 3;

// The choices are repeated from the simulator (and checked against its types) so that --help need not load it.
const SPLITS = ['lazy', 'eager', 'eager-skip', 'on-fault'] as const satisfies readonly DirtyLogOptions['split'][];
const MMUS = ['shadow', 'tdp'] as const satisfies readonly DirtyLogOptions['mmu'][];
const PREEMPT = ['none', 'voluntary', 'full'] as const satisfies readonly DirtyLogOptions['preempt'][];
const BACKINGS = [
  'anonymous',
  'anonymous_thp',
  'anonymous_hugetlb_2mb',
  'anonymous_hugetlb_1gb',
  'shmem',
  'shared_hugetlb_2mb',
  'shared_hugetlb_1gb',
] as const satisfies readonly DirtyLogOptions['backing'][];

const OPTIONS: readonly SuiteOption[] = [
  listOf('vcpus', 'vcpus', countItem(1, 4096), { letter: 'v', value: '<list>', description: 'vCPUs: 64, 2,4,8 or 2..64*2' }),
  listOf('memory', 'vcpuBytes', sizeItem(4 * KIB), { letter: 'b', value: '<sizes>', description: 'memory of each vCPU: 1G, 128M' }),
  listOf('mmu', 'mmu', choiceItem(MMUS), { value: '<list>', description: 'MMU of the host: shadow, tdp' }),
  listOf('ept', 'ept', yesNoItem, { value: '<Y,N>', description: 'two-dimensional paging (Y) or shadow paging (N)' }),
  listOf('split', 'split', choiceItem(SPLITS), { value: '<list>', description: `huge-page splitting: ${SPLITS.join(', ')}` }),
  listOf('initially-all-set', 'initiallyAllSet', yesNoItem, { value: '<Y,N>', description: 'manual protect with an initially all-set log' }),
  flag('no-initially-all-set', 'initiallyAllSet', false, { letter: 'g', description: 'no manual protect: --initially-all-set N' }),
  listOf('write-percent', 'writePercent', countItem(0, 100), { letter: 'w', value: '<list>', description: 'percent of accesses that write, drawn per access' }),
  listOf('write-every', 'writeEvery', countItem(0, 1_000_000), {
    letter: 'f',
    value: '<list>',
    description: 'one access in this many writes; 0 leaves it to --write-percent',
  }),
  listOf('iterations', 'iterations', countItem(1, 100), { letter: 'i', value: '<list>', description: 'passes over the memory while logging' }),
  flag('random', 'randomAccess', true, { letter: 'a', description: 'pages in random order' }),
  flag('overlap', 'overlap', true, { letter: 'o', description: 'all vCPUs share one region' }),
  listOf('slots', 'memslots', countItem(1, 32_763), { letter: 'x', value: '<list>', description: 'memslots that the region is cut into' }),
  flag('run-while-disabling', 'runWhileDisabling', true, { letter: 'e', description: 'vCPUs keep running while logging is disabled' }),
  flag('concurrent', 'concurrent', true, { description: 'vCPUs keep running while the ioctl thread enables and clears' }),
  listOf('backing', 'backing', choiceItem(BACKINGS, { anonymous_hugetlb: 'anonymous_hugetlb_2mb', shared_hugetlb: 'shared_hugetlb_2mb' }), {
    letter: 's',
    value: '<list>',
    description: `host memory: ${BACKINGS.join(', ')}`,
  }),
  sizesOf('guest-page', 'guestPageBytes', [4 * KIB, 2 * MIB, GIB], { value: '<list>', description: "the guest's own mappings: 4K, 2M or 1G" }),
  listOf('processes', 'processes', countItem(1, 64), { value: '<list>', description: 'guest page tables over the same memory; above 1 needs --ept N' }),
  listOf('mmu-pages', 'mmuPages', countItem(0, 1_000_000_000), { value: '<list>', description: 'quota of shadow pages; 0 is the default of KVM' }),
  listOf('preempt', 'preempt', choiceItem(PREEMPT), { value: '<list>', description: `preemption model of the host: ${PREEMPT.join(', ')}` }),
  listOf('wp-fault-lock', 'wpFaultLock', choiceItem(['write', 'read']), {
    value: '<list>',
    description: 'mmu_lock mode of a 4 KiB write-protection fault: write, read',
  }),
  sizesOf('dirty-granularity', 'dirtyGranularityBytes', [4 * KIB, 2 * MIB], { value: '<list>', description: 'what one bit of the log covers: 4K or 2M' }),
  listOf('guest-seed', 'guestSeed', countItem(0, 2 ** 31 - 2), { letter: 'r', value: '<list>', description: "seed of the guests' own random numbers" }),
  { long: 'mode', letter: 'm', value: '<mode>', description: 'guest mode of the selftest', note: 'x86 has one guest mode' },
  { long: 'pin', letter: 'c', value: '<list>', description: 'pCPUs to pin to', note: 'the machine profile places the threads' },
  { long: 'offset', letter: 'p', value: '<offset>', description: 'offset of the test memory', note: 'the selftest does not use it either' },
  {
    long: 'nested',
    letter: 'n',
    description: 'run in a nested guest',
    refusal: 'current nested guests, expected a first-level guest (nested guests are not simulated)',
  },
];

/** dirty_log_perf_test under eager and lazy huge-page splitting. */
export const dirtyLog: Suite = {
  name: 'dirty-log',
  summary: 'dirty_log_perf_test: what dirty logging costs vCPUs and ioctls, and what eager page splitting changes',
  examples: [
    { line: 'dirty-log', what: 'the 72 published cells' },
    { line: 'dirty-log -v 64 -b 1G -s anonymous_hugetlb_1gb -f 5 -m 3', what: "a post's own command line" },
    { line: 'dirty-log -v 2..64*2 --split lazy,eager --ept Y,N', what: 'every combination' },
    { line: 'dirty-log -v 16 -b 128M --concurrent -f 5 --split lazy,eager,on-fault', what: 'stalls while the ioctl thread works' },
    { line: 'dirty-log -v 64 --split eager --set rmap_scan=-20%', what: 'what if a primitive were cheaper' },
    { line: 'dirty-log --engine threads', what: 'lazy against eager on real threads of this machine' },
  ],
  options: OPTIONS,
  metrics: [
    timeMetric('populate_memory', 'every vCPU writes all of its pages for the first time'),
    timeMetric('enable_dirty_logging', 'the ioctls that turn dirty logging on'),
    timeMetric('dirty_memory_iterN', 'pass N of all vCPUs over their memory'),
    timeMetric('get_dirty_log_iterN', 'KVM_GET_DIRTY_LOG of all memslots after pass N'),
    timeMetric('clear_dirty_log_iterN', 'KVM_CLEAR_DIRTY_LOG of all memslots after pass N (with initially-all-set)'),
    timeMetric('disable_dirty_logging', 'the ioctls that turn dirty logging off'),
  ],
  profile: 'intel-2s48c-2022',
  headline: 'dirty_memory_iter1',
  plan: planDirtyLog,
  weight: weighDirtyLog,
  load: loadDirtyLog,
};

/** What the posted tables were measured with: each configuration under both policies at each vCPU count. */
const PUBLISHED: readonly CellOptions[] = [
  { ept: true, initiallyAllSet: false, writePercent: 100, writeEvery: 0, iterations: 1 },
  { ept: true, initiallyAllSet: true, writePercent: 100, writeEvery: 0, iterations: 2 },
  { ept: false, initiallyAllSet: false, writePercent: 100, writeEvery: 0, iterations: 1 },
  { ept: false, initiallyAllSet: false, writePercent: 100, writeEvery: 5, iterations: 1 },
];
const PUBLISHED_HOST: CellOptions = { mmu: 'shadow', backing: 'anonymous_hugetlb_1gb', guestPageBytes: GIB };
const PUBLISHED_VCPUS = [2, 4, 8, 16, 32, 64];
const ARMS = ['lazy', 'eager'];

const SMOKE_VCPUS = [2, 4];
const SMOKE_BYTES = 8 * MIB;

/**
 * On real threads, what two cores can tell: lazy against eager; the shadow MMU, which maps under the write lock, against the TDP MMU, which
 * maps under the read lock; and write-protection faults that are fixed without a lock (ept=Y) against those that take it (ept=N).
 */
const THREADS_VCPUS = 2;
const THREADS_BYTES = 2 * GIB;

function planDirtyLog(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { engine, smoke, defaults } = request;
  if (Object.keys(given).length > 0) {
    const base = smoke ? { ...defaults, vcpuBytes: SMOKE_BYTES } : defaults;
    return crossProduct(base, given);
  }
  const host = { ...defaults, ...PUBLISHED_HOST };
  if (engine === 'threads') {
    const base = { ...host, ...PUBLISHED[0], vcpus: THREADS_VCPUS, vcpuBytes: smoke ? SMOKE_BYTES : THREADS_BYTES };
    return [...crossProduct(base, { mmu: [...MMUS], split: ARMS }), ...crossProduct({ ...base, split: 'on-fault' }, { ept: [true, false] })];
  }
  return PUBLISHED.flatMap((configuration) =>
    crossProduct({ ...host, ...configuration, vcpuBytes: smoke ? SMOKE_BYTES : GIB }, { vcpus: smoke ? SMOKE_VCPUS : PUBLISHED_VCPUS, split: ARMS }),
  );
}

/**
 * Pages that are populated, and those that fault in each pass, by what runs took (1 is about 330 ns): a fault under a contended lock is the dearest
 * thing to simulate. With an initially all-set log the first pass finds huge pages that nobody has split.
 */
function weighDirtyLog(cell: CellOptions): number {
  const options = cell as unknown as DirtyLogOptions;
  const pages = (options.vcpus * options.vcpuBytes * (options.overlap ? options.vcpus : 1)) / (4 * KIB);
  const passes = options.initiallyAllSet ? Math.max(options.iterations - 1, 0.1) : options.iterations;
  const writes = options.writeEvery > 0 ? 1 / options.writeEvery : options.writePercent / 100;
  const faults = options.split === 'lazy' ? 1 : options.ept ? 0.35 : writes;
  return pages * (0.25 + options.processes * passes * faults);
}

async function loadDirtyLog(): Promise<SuiteSimulation> {
  const sim = await import('../../sim/index.js');
  const typed = (options: CellOptions): DirtyLogOptions => options as unknown as DirtyLogOptions;
  return {
    defaults: { ...sim.DEFAULT_DIRTY_LOG },
    check: (options) => sim.checkDirtyLogOptions(typed(options)),
    arenaBytes: (options) => sim.arenaBytes(typed(options)),
    runVirtual: (options, run) => sim.runDirtyLogVirtual(typed(options), run),
    warmUp: { ...sim.DEFAULT_DIRTY_LOG, ...PUBLISHED[0], vcpus: 8, vcpuBytes: 128 * MIB, split: 'lazy' },
    runThreads: (options, run) => sim.runDirtyLogThreads(typed(options), run),
    closeThreads: () => sim.closePools(),
  };
}

function listOf(long: string, field: keyof DirtyLogOptions, item: ItemParser<CellOptions[string]>, text: OptionText): SuiteOption {
  const option = listOption<DirtyLogOptions>(long, field, item, text);
  return field === 'vcpuBytes' ? { ...option, format: (value) => formatSize(Number(value)) } : option;
}

function sizesOf(long: string, field: keyof DirtyLogOptions, sizes: readonly number[], text: OptionText): SuiteOption {
  const names = choiceItem(sizes.map(formatSize));
  const item: ItemParser<number> = Object.assign((given: string) => sizes.find((size) => formatSize(size) === names(given.toUpperCase())), {
    expected: names.expected,
  });
  return { ...listOf(long, field, item, text), format: (value) => formatSize(Number(value)) };
}

function flag(long: string, field: keyof DirtyLogOptions, value: boolean, text: OptionText): SuiteOption {
  return { long, field, parse: () => [value], ...text };
}
