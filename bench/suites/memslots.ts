// The suite of memslot_perf_test as of early 2021: what the number of memslots costs, for each structure that may hold them. Letters and their
// meaning are the selftest's; what the thread about it asked beyond that are tests and options in words.

import type { MemslotsOptions } from '../../sim/index.js';
import { CALLS, MOST, planMemslots, SELFTEST_TESTS, STRUCTURES, TESTS } from './memslots-plan.js';
import { listOption, type OptionText, timeMetric } from './option-makers.js';
import type { CellOptions, Suite, SuiteOption, SuiteSimulation } from './suite.js';
import { choiceItem, countItem, decimalItem, type ItemParser, parseOne, yesNoItem } from './values.js';

/** Above what KVM has, so that the refusal can name KVM's limit. */
const MAX_SLOTS_TYPED = 1_000_000;

const slotsItem: ItemParser<number> = Object.assign(
  (text: string): number | undefined => (text === String(MOST) ? MOST : countItem(2, MAX_SLOTS_TYPED)(text)),
  { expected: `a whole number larger than 1, or ${MOST} for the most that the test allows` },
);

const OPTIONS: readonly SuiteOption[] = [
  listOption<MemslotsOptions>('test', 'test', choiceItem(TESTS), { value: '<list>', description: `tests: ${TESTS.join(', ')}` }),
  listOption<MemslotsOptions>('slots', 'slots', slotsItem, {
    letter: 's',
    value: '<list>',
    description: `slots in use, memslot 0 included; ${MOST}: the most that the test allows`,
  }),
  listOption<MemslotsOptions>('memslots', 'memslots', choiceItem(STRUCTURES), {
    value: '<list>',
    description: `what holds the memslots: ${STRUCTURES.join(', ')}`,
  }),
  listOption<MemslotsOptions>('max-slots', 'maxSlots', countItem(2, MAX_SLOTS_TYPED), {
    value: '<list>',
    description: 'slots that the kernel was built for; by default 509 for an array while that is enough, else 32764',
  }),
  listOption<MemslotsOptions>('vcpus', 'vcpus', countItem(1, 4096), {
    value: '<list>',
    description: 'vCPUs of tests zap, share and readers; the others have one',
  }),
  listOption<MemslotsOptions>('mmu', 'mmu', choiceItem(['shadow', 'tdp']), { value: '<list>', description: 'MMU of the host: shadow, tdp' }),
  listOption<MemslotsOptions>('loops', 'loops', countItem(0, 1_000_000_000), {
    value: '<list>',
    description: 'iterations that are timed, at most; one more warms up; 0: as many as the test needs',
  }),
  listOption<MemslotsOptions>('length', 'seconds', decimalItem(0, 86_400), {
    letter: 'l',
    value: '<seconds>',
    description: 'seconds after which no further iteration starts; --loops may end a run before',
  }),
  listOption<MemslotsOptions>('slot-setup', 'slotSetup', yesNoItem, {
    value: '<Y,N>',
    description: 'memslots are added one by one, and that is timed (Y, as the selftest does), or are simply there (N; test setup always adds them)',
  }),
  listOption<MemslotsOptions>('zap-all', 'zapAll', yesNoItem, {
    value: '<Y,N>',
    description: "a move drops all of the guest's mappings (Y) or those of the memslot (N)",
  }),
  {
    long: 'disable-slot-zap-quirk',
    letter: 'q',
    field: 'zapAll',
    parse: () => [false],
    description: '--zap-all N',
  },
  listOption<MemslotsOptions>('last-used', 'lastUsed', choiceItem(['shared', 'vcpu']), {
    value: '<list>',
    description: 'who remembers the memslot found last: shared, vcpu',
  }),
  listOption<MemslotsOptions>('changes', 'changes', countItem(1, MAX_SLOTS_TYPED), { value: '<list>', description: 'memslots whose flags test batch changes' }),
  listOption<MemslotsOptions>('call', 'call', choiceItem(CALLS), { value: '<list>', description: `how test batch changes them: ${CALLS.join(', ')}` }),
  index('first-test', 'firstTest', { letter: 'f', description: `first test by its index, 0 to 5: ${SELFTEST_TESTS.join(', ')}` }),
  index('last-test', 'lastTest', { letter: 'e', description: 'last test by its index' }),
  {
    long: 'runs',
    letter: 'r',
    value: '<n>',
    description: 'runs of each test: on threads --repetitions',
    parseRepetitions: (text) => parseOne('--runs', text, countItem(1, 10_000)),
  },
  { long: 'verbose', letter: 'v', description: "the selftest's -v", note: 'progress says what runs' },
  { long: 'extra-checks', letter: 'd', description: "the selftest's -d", note: 'what is written and unmapped is always checked' },
];

/** memslot_perf_test over four structures. */
export const memslots: Suite = {
  name: 'memslots',
  summary: 'memslot_perf_test: what many memslots cost, in an array, two trees, an array with an hva tree, and a B-tree',
  examples: [
    { line: 'memslots', what: 'the 66 published cells, the array at 32764 slots, and the open questions' },
    { line: 'memslots -s 509 -f 1 -e 2 -l 5 -r 3', what: "the selftest's own command line: tests unmap and unmap chunked" },
    { line: 'memslots -s 10,100,509,-1 --test unmap --memslots array,tree', what: 'every combination; -1 is the most slots that the test allows' },
    { line: 'memslots -s 509 --format selftest', what: 'printed as the selftest prints it' },
    { line: 'memslots --test batch -s 1001 --changes 10 --call one-by-one,set-regions,change-regions', what: 'changing 10 of 1000 memslots' },
    { line: 'memslots --test zap --vcpus 8 --zap-all Y,N', what: 'what a moved memslot costs vCPUs that run elsewhere' },
    { line: 'memslots --engine threads', what: 'readers and an updater on real threads of this machine' },
  ],
  options: OPTIONS,
  metrics: [
    timeMetric('slot_setup', 'adding all memslots (of the tests whose area is 512 MiB)'),
    timeMetric('iteration', 'one iteration, on average'),
    { name: 'iterations', unit: 'count', better: 'neither', description: 'iterations that were timed' },
    timeMetric('flag_change', 'one KVM_SET_USER_MEMORY_REGION that turns dirty logging of a memslot on or off'),
    timeMetric('batch', 'all changes of test batch together'),
    timeMetric('guest_pass', 'until all vCPUs have done their fixed passes (tests zap, share)'),
    timeMetric('guest_pass_alone', 'the same with nothing beside it (test zap)'),
    timeMetric('move', 'one move of a memslot (test zap)'),
    timeMetric('lookup_alone', 'one checked lookup of a reader, nothing beside the readers (test readers)'),
    timeMetric('lookup', 'the same beside an updater at full speed'),
    timeMetric('update', 'one update of that updater: move, flags, delete or create'),
    { name: 'bytes_empty', unit: 'bytes', better: 'smaller', description: 'memory of the structure without a memslot' },
    { name: 'bytes_total', unit: 'bytes', better: 'smaller', description: 'memory of the structure with all memslots, both sets and indices' },
    { name: 'lines_per_gfn_lookup', unit: 'count', better: 'smaller', description: 'cache lines that a lookup by gfn touches, on average' },
    { name: 'lines_per_hva_lookup', unit: 'count', better: 'smaller', description: 'cache lines that a lookup by hva touches, on average' },
  ],
  profile: 'xeon-8167m-2021',
  headline: 'iteration',
  plan: planMemslots,
  weight: weighMemslots,
  load: loadMemslots,
};

/** Work of one entry of an array that is scanned or copied, in units of 330 ns. */
const PER_ENTRY = 0.003;
/** Work of one operation that takes no account of the number of memslots. */
const PER_CALL = 1.5;
const MAP_PAGES = 8192;
const UNMAP_CALLS = 32_768;
const UNMAP_CHUNKS = 64;
const AREA_PAGES = 131_072;
const ZAP_VCPU_PAGES = 4096;
const SHARE_VCPU_PAGES = 4096;
const READER_LOOKUPS = 40_000;

/** Calls and accesses, and entries that arrays look at: an estimate. Tests over 512 MiB add their memslots one by one first. */
function weighMemslots(cell: CellOptions): number {
  const { test, slots, memslots: structure, loops, vcpus, changes } = cell as unknown as MemslotsOptions;
  const scan = PER_CALL + (structure === 'array' ? PER_ENTRY * slots : 0);
  const update = 10 + (structure === 'array' || structure === 'array-hva-tree' ? 2 * PER_ENTRY * slots : 0);
  const passes = Math.min(loops, 1000) + 1;
  const work: Record<MemslotsOptions['test'], number> = {
    map: passes * (MAP_PAGES + slots * scan),
    unmap: passes * UNMAP_CALLS * scan,
    'unmap-chunked': passes * (UNMAP_CHUNKS + slots) * scan,
    'move-active': slots * update + 2 * passes * update,
    'move-inactive': slots * update + 2 * passes * update,
    rw: slots * update + AREA_PAGES * (1 + passes),
    setup: slots * update,
    flags: 3 * slots * update,
    batch: (slots + changes) * update,
    zap: 4 * vcpus * ZAP_VCPU_PAGES,
    share: 2 * vcpus * SHARE_VCPU_PAGES,
    readers: vcpus * READER_LOOKUPS + 400 * update,
  };
  return work[test];
}

async function loadMemslots(): Promise<SuiteSimulation> {
  const sim = await import('../../sim/index.js');
  const typed = (options: CellOptions): MemslotsOptions => options as unknown as MemslotsOptions;
  return {
    defaults: { ...sim.DEFAULT_MEMSLOTS },
    check: (options) => sim.checkMemslotsOptions(typed(options)),
    arenaBytes: (options) => sim.memslotsArenaBytes(typed(options)),
    runVirtual: (options, run) => sim.runMemslotsVirtual(typed(options), run),
    warmUp: { ...sim.DEFAULT_MEMSLOTS, test: 'unmap', slots: 100, memslots: 'array', maxSlots: 509, loops: 1 },
    runThreads: (options, run) => sim.runMemslotsThreads(typed(options), run),
    closeThreads: () => sim.closePools(),
  };
}

/** An index into the selftest's table of tests. */
function index(long: string, field: string, text: OptionText): SuiteOption {
  const item = countItem(0, SELFTEST_TESTS.length - 1);
  return { long, field, planOnly: true, value: '<index>', parse: (given) => [parseOne(`--${long}`, given, item)], ...text };
}
