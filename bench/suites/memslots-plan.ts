// Which cells the memslots suite runs: the published tables and the questions that the thread left open, or what the options ask for.

import type { MemslotsOptions } from '../../sim/index.js';
import { UsageError } from '../errors.js';
import { type CellOptions, crossProduct, type GivenOptions, type PlanRequest } from './suite.js';

type Test = MemslotsOptions['test'];

// The choices are repeated from the simulator (and checked against its types) so that --help need not load it.
export const STRUCTURES = ['array', 'tree', 'array-hva-tree', 'btree'] as const satisfies readonly MemslotsOptions['memslots'][];
export const CALLS = ['one-by-one', 'set-regions', 'change-regions'] as const satisfies readonly MemslotsOptions['call'][];
/** The selftest's table of tests, by index. */
export const SELFTEST_TESTS = ['map', 'unmap', 'unmap-chunked', 'move-active', 'move-inactive', 'rw'] as const satisfies readonly Test[];
export const TESTS = [...SELFTEST_TESTS, 'setup', 'flags', 'batch', 'zap', 'share', 'readers'] as const satisfies readonly Test[];

/** What `-s -1` gives: as many slots as the test allows. */
export const MOST = -1;
/** KVM_CAP_NR_MEMSLOTS. */
const KERNEL_SLOTS = 32_764;
/** KVM_USER_MEM_SLOTS before the tree: what an array's kernel was built for, unless more are in use. */
const ARRAY_KERNEL_SLOTS = 509;
/** Pages of test map, which hold no more memslots, and memslot 0. */
const MAP_SLOTS = 8194;
/** Pages of each vCPU in test share, which are divided evenly. */
const SHARE_VCPU_PAGES = 4096;

const PUBLISHED_TESTS: readonly Test[] = ['map', 'unmap', 'unmap-chunked', 'move-active', 'move-inactive', 'setup'];
const PUBLISHED_SLOTS = [10, 30, 50, 100, 509];
const QUESTION_SLOTS = [10, 100, 509];
const ZAP_VCPUS = [1, 8, 32];
const SHARE_VCPUS = 64;
const READERS = 2;
/** vCPUs of test zap where nothing is said. */
const ZAP_DEFAULT_VCPUS = 8;

/** On real threads an iteration is over soon, and the clock ends the run, as in the selftest. */
const THREADS_SECONDS = 0.25;
/** Phases are planned ahead, so that tests of many phases have fewer iterations than the clock might allow. */
const THREADS_LOOPS = 200;
const THREADS_MOVES = 1_000_000;
const PHASED_TESTS: readonly Test[] = ['map', 'unmap', 'unmap-chunked', 'rw'];

/** Options that mean something to some tests only. */
const ONLY_FOR: Record<string, readonly Test[]> = { vcpus: ['zap', 'share', 'readers'], changes: ['batch'], call: ['batch'] };

/** The cells of a run, each once. Throws a `UsageError` where options contradict each other. */
export function planMemslots(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { engine, smoke } = request;
  const defaults: CellOptions = { ...request.defaults };
  if (smoke) defaults.loops = 1;
  const byTheClock = engine === 'threads' && !smoke;
  if (byTheClock) defaults.seconds = THREADS_SECONDS;
  const cells = cellsOf(given, { ...request, defaults });
  return byTheClock && given.loops === undefined ? cells.map(untilTheClock) : cells;
}

function untilTheClock(cell: CellOptions): CellOptions {
  return { ...cell, loops: PHASED_TESTS.includes(cell.test as Test) ? THREADS_LOOPS : THREADS_MOVES };
}

function cellsOf(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { engine, smoke, defaults } = request;
  if (Object.keys(given).length > 0) return unique(askedFor(given, { ...request, defaults: { ...defaults, slotSetup: true } }));
  if (smoke) return smokeCells(defaults);
  return engine === 'threads' ? threadsCells(defaults) : unique([...publishedCells(defaults), ...questionCells(defaults)]);
}

/** The 66 published cells, and what the post could not measure: the array with as many slots as the tree. */
function publishedCells(defaults: CellOptions): CellOptions[] {
  const memslots = ['array', 'tree'];
  return [
    ...matrix(defaults, { memslots, test: [...PUBLISHED_TESTS], slots: PUBLISHED_SLOTS }),
    ...matrix(defaults, { memslots, test: [...PUBLISHED_TESTS], slots: [MOST] }),
  ];
}

/** What the thread asked, at sizes that leave the published tables most of a run's time; the report's commands ask for all of it. */
function questionCells(defaults: CellOptions): CellOptions[] {
  const all = [...STRUCTURES];
  return [
    // Would it do to speed up the hva lookups alone? Is a dense B-tree best?
    ...matrix(defaults, { memslots: ['array-hva-tree', 'btree'], test: [...PUBLISHED_TESTS], slots: QUESTION_SLOTS }),
    ...matrix(defaults, { memslots: ['array-hva-tree'], test: ['map', 'unmap', 'move-active'], slots: [MOST] }),
    ...matrix(defaults, { memslots: ['btree'], test: [...PUBLISHED_TESTS], slots: [MOST] }),
    ...matrix(defaults, { memslots: ['array', 'tree'], test: ['rw'], slots: [509] }),
    // What does it cost to enable dirty logging?
    ...matrix(defaults, { memslots: all, test: ['flags'], slots: [...QUESTION_SLOTS, 1000] }),
    // Many changes at once: the whole new set, or the changes alone?
    ...matrix({ ...defaults, changes: 10 }, { memslots: all, test: ['batch'], call: [...CALLS], slots: [101, 1001] }),
    ...matrix({ ...defaults, changes: 10 }, { memslots: ['tree'], test: ['batch'], call: [...CALLS], slots: [KERNEL_SLOTS] }),
    // What does it cost running vCPUs that a move drops all of their mappings?
    ...matrix({ ...defaults, memslots: 'tree', slots: 509 }, { test: ['zap'], vcpus: ZAP_VCPUS, zapAll: [true, false] }),
    // One word that remembers the memslot found last, for 64 vCPUs that are each at another.
    ...matrix(
      { ...defaults, vcpus: SHARE_VCPUS, slots: SHARE_VCPUS + 1 },
      { test: ['share'], mmu: ['shadow', 'tdp'], memslots: ['array', 'tree'], lastUsed: ['shared', 'vcpu'] },
    ),
    // Do readers notice an updater?
    ...matrix({ ...defaults, vcpus: READERS, slots: 509 }, { test: ['readers'], memslots: all }),
  ];
}

/** Every test, structure and call, as small as the tests' areas allow. */
function smokeCells(defaults: CellOptions): CellOptions[] {
  const memslots = [...STRUCTURES];
  const oneVcpu = TESTS.filter((test) => !['batch', 'zap', 'share', 'readers'].includes(test));
  return [
    ...matrix(defaults, { memslots, test: oneVcpu, slots: [10] }),
    ...matrix({ ...defaults, changes: 3, slots: 10 }, { memslots, test: ['batch'], call: [...CALLS] }),
    ...matrix({ ...defaults, vcpus: 2, slots: 10 }, { memslots, test: ['zap'], zapAll: [true, false] }),
    ...matrix({ ...defaults, vcpus: 2, slots: 3 }, { memslots, test: ['share'], mmu: ['shadow', 'tdp'], lastUsed: ['shared', 'vcpu'] }),
    ...matrix({ ...defaults, vcpus: 2, slots: 10 }, { memslots, test: ['readers'] }),
  ];
}

/** On real threads, the tests that an iteration of tells apart on two cores. */
function threadsCells(defaults: CellOptions): CellOptions[] {
  return matrix({ ...defaults, slots: 509 }, { test: ['map', 'unmap', 'unmap-chunked', 'move-active', 'readers'], memslots: [...STRUCTURES] });
}

/** Every combination of what was given, test by test. */
function askedFor(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { firstTest, lastTest, ...fields } = given;
  const { tests, named } = testsOf({ firstTest, lastTest }, fields);
  const cells = tests.flatMap((test) => matrix(baseOf(test, request.defaults), { ...fieldsFor(test, tests, fields), test: [test] }));
  return named ? cells : withoutTooHigh(cells, request);
}

/** The tests that are asked for: in words, by their indices in the selftest, or as the other options suggest. `named`: in words. */
function testsOf(range: { firstTest?: CellOptions[string][]; lastTest?: CellOptions[string][] }, fields: GivenOptions): { tests: Test[]; named: boolean } {
  const { firstTest, lastTest } = range;
  const ranged = firstTest !== undefined || lastTest !== undefined;
  if (fields.test !== undefined) {
    if (ranged) throw new UsageError('Cannot choose tests: current --test with --first-test or --last-test, expected words or indices');
    return { tests: fields.test as Test[], named: true };
  }
  const first = Number(firstTest?.[0] ?? 0);
  const last = Number(lastTest?.[0] ?? SELFTEST_TESTS.length - 1);
  if (first > last)
    throw new UsageError(`Cannot choose tests: current --first-test ${first} after --last-test ${last}, expected the first not to be greater than the last`);
  if (ranged) return { tests: SELFTEST_TESTS.slice(first, last + 1), named: false };
  if (fields.call !== undefined || fields.changes !== undefined) return { tests: ['batch'], named: true };
  if (fields.vcpus?.some((vcpus) => vcpus !== 1)) return { tests: ['zap', 'share'], named: true };
  return { tests: [...SELFTEST_TESTS], named: false };
}

/** What is given, without what only others of the chosen tests take; what none of them takes stays, to be refused. */
function fieldsFor(test: Test, tests: readonly Test[], fields: GivenOptions): GivenOptions {
  const elsewhere = (field: string): boolean => {
    const takers = ONLY_FOR[field];
    return takers !== undefined && !takers.includes(test) && tests.some((other) => takers.includes(other));
  };
  return Object.fromEntries(Object.entries(fields).filter(([field]) => !elsewhere(field)));
}

/** The defaults of a test; share has a memslot for each vCPU, see `completed`. */
function baseOf(test: Test, defaults: CellOptions): CellOptions {
  if (test === 'zap') return { ...defaults, vcpus: ZAP_DEFAULT_VCPUS };
  return test === 'share' ? { ...defaults, vcpus: SHARE_VCPUS, slots: 0 } : defaults;
}

/** As the selftest does, leaves out tests for which the slot count is too high and goes on with the others; alone, they are refused later. */
function withoutTooHigh(cells: CellOptions[], { note }: PlanRequest): CellOptions[] {
  const fits = (cell: CellOptions): boolean => Number(cell.slots) > KERNEL_SLOTS || Number(cell.slots) <= mostSlotsOf(cell);
  const kept = cells.filter(fits);
  if (kept.length === 0) return cells;
  const left = new Map(cells.filter((cell) => !fits(cell)).map((cell) => [cell.test, mostSlotsOf(cell)]));
  for (const [test, most] of left) note?.(`Memslot count too high for test ${test}, which is left out: decrease the cap (max is ${most})`);
  return kept;
}

/** Every combination, each with the slots and the kernel that go with it. */
function matrix(base: CellOptions, given: GivenOptions): CellOptions[] {
  return crossProduct(base, given).map((cell) => completed(cell, given.maxSlots !== undefined));
}

function completed(cell: CellOptions, kernelGiven: boolean): CellOptions {
  const { slots, maxSlots } = cell;
  const most = kernelGiven ? Math.min(mostSlotsOf(cell), Number(maxSlots)) : mostSlotsOf(cell);
  const used = slots === MOST ? most : slots === 0 ? Number(cell.vcpus) + 1 : Number(slots);
  return { ...cell, slots: used, maxSlots: kernelGiven ? maxSlots : kernelFor(cell, used) };
}

/** An array pays for the slots that its kernel was built for, so its kernels had few. */
function kernelFor({ memslots }: CellOptions, slots: number): number {
  const array = memslots === 'array' || memslots === 'array-hva-tree';
  return array && slots <= ARRAY_KERNEL_SLOTS ? ARRAY_KERNEL_SLOTS : KERNEL_SLOTS;
}

function mostSlotsOf({ test, vcpus }: CellOptions): number {
  if (test === 'map') return MAP_SLOTS;
  let slots = KERNEL_SLOTS;
  if (test === 'share') while ((Number(vcpus) * SHARE_VCPU_PAGES) % (slots - 1) !== 0) slots--;
  return slots;
}

function unique(cells: readonly CellOptions[]): CellOptions[] {
  return [...new Map(cells.map((cell) => [JSON.stringify(cell), cell])).values()];
}
