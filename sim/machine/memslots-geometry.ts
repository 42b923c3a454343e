// Where memslot_perf_test of early 2021 puts its memslots, what its host unmaps and moves, and what its guest writes: numbers only, nothing runs.
// Of that time: an extra area of 4 KiB (now 64 KiB) and a move window of 50 pages (now 48).
//
// Pages of the test memory are numbered from 0; page 0 is the extra area, through which host and guest talk, so the test area begins at page 1.
// Memslots 1..nslots lie in one row from BASE_GFN. Each is a mapping of its own in the host: between two there is one host page that nobody uses, so
// that no range of host pages runs over a boundary. Host pages stay below 2^24, as an spte can hold no more.

import { assert } from '../assert.js';
import { KVM_USER_MEM_SLOTS } from '../kvm/memslot-sets.js';
import { PAGE_BYTES } from '../units.js';
import type { MemslotsOptions } from './cell.js';

const MIB_PAGES = 2 ** 20 / PAGE_BYTES;

/** First gfn of the test memory: 256 MiB. */
export const BASE_GFN = 256 * MIB_PAGES;
/** Memslot 0, which every VM has: the guest's code, stack and page tables. */
const MEMSLOT0_PAGES = 512;
const MEMSLOT0_HVA_PAGE = 1;
/** First host page of memslot 1. */
const BASE_HVA_PAGE = MEMSLOT0_HVA_PAGE + MEMSLOT0_PAGES + 1;

const EXTRA_PAGES = 1;
const CHUNK_PAGES = 2 * MIB_PAGES;
const MOVE_WINDOW_PAGES = 50;
const FULL_AREA_PAGES = 512 * MIB_PAGES;
/** Test `zap`: what each vCPU works on, and the memslot that is moved beside it. */
const ZAP_VCPU_PAGES = 16 * MIB_PAGES;
const ZAP_MOVED_PAGES = 2 * MIB_PAGES;
/** Test `share`: what each vCPU faults in. */
const SHARE_VCPU_PAGES = 16 * MIB_PAGES;

type Test = MemslotsOptions['test'];

/** What decides the geometry of a cell. */
export type GeometryOptions = Pick<MemslotsOptions, 'test' | 'slots' | 'vcpus'>;

/** The memslots of a cell besides memslot 0. Sizes in pages of 4 KiB. */
export interface TestMemory {
  test: Test;
  vcpus: number;
  /** Memslots 1..nslots. */
  nslots: number;
  totalPages: number;
  /** Of memslot 1, where it is not the last. */
  firstPages: number;
  /** Of each memslot between the first and the last. */
  pagesPerSlot: number;
  /** Of the last memslot, which takes the remainder. */
  lastPages: number;
}

/** Where a memslot lies; host pages as numbers of 4 KiB pages. */
export interface MemslotPlace {
  id: number;
  baseGfn: number;
  npages: number;
  hvaPage: number;
}

/** Guest pages in one row. */
export interface GuestSpan {
  gfn: number;
  npages: number;
}

/** Pages of the test area: what is unmapped, moved or written lies in it. Tests `zap` and `share` have no extra area. */
export function testAreaPages({ test, vcpus }: Pick<GeometryOptions, 'test' | 'vcpus'>): number {
  switch (test) {
    case 'map':
      return 32 * MIB_PAGES;
    case 'unmap':
    case 'unmap-chunked':
      return 128 * MIB_PAGES;
    case 'zap':
      return vcpus * ZAP_VCPU_PAGES;
    case 'share':
      return vcpus * SHARE_VCPU_PAGES;
    default:
      return FULL_AREA_PAGES;
  }
}

/** The memslots of a cell that `geometryProblem` has nothing against. */
export function testMemory(options: GeometryOptions): TestMemory {
  const { test, vcpus } = options;
  const problem = geometryProblem(options);
  assert(problem === undefined, problem ?? '');
  const nslots = options.slots - 1;
  if (test !== 'zap') return { test, vcpus, nslots, ...evenLayout(options) };
  const firstPages = testAreaPages(options);
  return { test, vcpus, nslots, totalPages: firstPages + nslots - 2 + ZAP_MOVED_PAGES, firstPages, pagesPerSlot: 1, lastPages: ZAP_MOVED_PAGES };
}

function evenLayout(options: GeometryOptions): Pick<TestMemory, 'totalPages' | 'firstPages' | 'pagesPerSlot' | 'lastPages'> {
  const nslots = options.slots - 1;
  const totalPages = testAreaPages(options) + (options.test === 'share' ? 0 : EXTRA_PAGES);
  const pagesPerSlot = Math.floor(totalPages / nslots);
  return { totalPages, firstPages: pagesPerSlot, pagesPerSlot, lastPages: pagesPerSlot + (totalPages % nslots) };
}

/**
 * The most slots that the pages of a test can be divided among, memslot 0 included: the selftest's "max is". Found as there, by counting down.
 *
 * @internal
 */
export function mostSlots({ test, vcpus }: Pick<GeometryOptions, 'test' | 'vcpus'>): number {
  let slots = KVM_USER_MEM_SLOTS;
  while (slots > 2 && geometryProblem({ test, vcpus, slots }) !== undefined) slots--;
  return slots;
}

/** What is wrong with a slot count for a test, as "current ..., expected ...", or undefined. `slots` is a whole number of at least 2. */
export function geometryProblem(options: GeometryOptions): string | undefined {
  const { test, slots } = options;
  if (test === 'readers' && slots < 5)
    return `current ${slots} slots, expected at least 5: two that stay, one that moves, one that comes and goes, and memslot 0`;
  if (moves(test) && slots < 3) return `current ${slots} slots, expected at least 3: one that stays beside the one that moves, and memslot 0`;
  if (test === 'zap') return undefined;
  const { totalPages, pagesPerSlot, lastPages } = evenLayout(options);
  if (pagesPerSlot < 1) return `current ${slots} slots, expected at most ${totalPages + 1} for this test`;
  if (test === 'move-active' && lastPages < MOVE_WINDOW_PAGES / 2)
    return `current ${slots} slots with ${lastPages} pages in the last, expected a count that leaves it ${MOVE_WINDOW_PAGES / 2} or more, such as ${slotsThatCanMove(slots)}`;
  if (test === 'share' && lastPages !== pagesPerSlot)
    return `current ${slots - 1} memslots for ${totalPages} pages, expected a divisor of the pages (--slots counts memslot 0 too), such as ${options.vcpus + 1} slots`;
  return undefined;
}

/** The next smaller slot count whose last memslot holds half of the move window. */
function slotsThatCanMove(slots: number): number {
  let fewer = slots - 1;
  while (evenLayout({ test: 'move-active', vcpus: 1, slots: fewer }).lastPages < MOVE_WINDOW_PAGES / 2) fewer--;
  return fewer;
}

/** Memslot `id`, 0 to nslots. */
export function memslotPlace(memory: TestMemory, id: number): MemslotPlace {
  if (id === 0) return { id, baseGfn: 0, npages: MEMSLOT0_PAGES, hvaPage: MEMSLOT0_HVA_PAGE };
  const page = firstPageOf(memory, id);
  return { id, baseGfn: BASE_GFN + page, npages: pagesOf(memory, id), hvaPage: BASE_HVA_PAGE + page + id - 1 };
}

function pagesOf(memory: TestMemory, id: number): number {
  if (id === memory.nslots) return memory.lastPages;
  return id === 1 ? memory.firstPages : memory.pagesPerSlot;
}

function firstPageOf(memory: TestMemory, id: number): number {
  return id === 1 ? 0 : memory.firstPages + (id - 2) * memory.pagesPerSlot;
}

/** The memslot that holds a page of the test memory. */
function memslotOfPage(memory: TestMemory, page: number): number {
  if (memory.nslots === 1 || page < memory.firstPages) return 1;
  return Math.min(memory.nslots, 2 + Math.floor((page - memory.firstPages) / memory.pagesPerSlot));
}

/** The host page behind a page of the test memory. */
function hvaPageOf(memory: TestMemory, page: number): number {
  return BASE_HVA_PAGE + page + memslotOfPage(memory, page) - 1;
}

/** The first host page that lies behind all memslots: so many host pages a cell needs. */
export function hvaPagesEnd(memory: TestMemory): number {
  const last = memslotPlace(memory, memory.nslots);
  return last.hvaPage + last.npages;
}

/** The first gfn that lies behind all memslots, wherever the moved one is. */
export function gfnEnd(memory: TestMemory): number {
  return BASE_GFN + memory.totalPages + (moves(memory.test) ? memory.lastPages : 0);
}

/** Tests in which the last memslot moves. */
function moves(test: Test): boolean {
  return test === 'move-active' || test === 'move-inactive' || test === 'zap' || test === 'readers';
}

/** The last memslot, and where a move takes it: from its place to the end of the test memory. The next move takes it back. */
export function movedMemslot(memory: TestMemory): { id: number; npages: number; homeGfn: number; awayGfn: number } {
  const { id, npages, baseGfn } = memslotPlace(memory, memory.nslots);
  return { id, npages, homeGfn: baseGfn, awayGfn: BASE_GFN + memory.totalPages };
}

/** One of the two halves of an iteration: host and guest work beside each other and meet at its end. */
export interface IterationHalf {
  /** The half of the test area that the host unmaps. */
  unmapped: 0 | 1;
  /** The half that the guest writes meanwhile. */
  written: 0 | 1;
}

/** The halves of one iteration of map, unmap and unmap-chunked, in order. Before the first of all, the unmap tests' guest has written half 0. */
export function iterationHalves(test: Test): readonly [IterationHalf, IterationHalf] {
  const upper: IterationHalf = { unmapped: 1, written: 0 };
  const lower: IterationHalf = { unmapped: 0, written: 1 };
  return test === 'map' ? [upper, lower] : [lower, upper];
}

/**
 * The madvise() calls that unmap one half of the test area: pairs of first host page and number of pages. Test map: one call for what lies in one
 * memslot; unmap: one call per page; unmap-chunked: steps of 2 MiB, cut where a memslot ends.
 */
export function unmapCalls(memory: TestMemory, half: 0 | 1): Int32Array {
  const halfPages = testAreaPages(memory) / 2;
  const start = EXTRA_PAGES + half * halfPages;
  const step = { map: halfPages, unmap: 1, 'unmap-chunked': CHUNK_PAGES }[memory.test as string];
  assert(step !== undefined, `test ${memory.test} unmaps nothing`);
  const pairs: number[] = [];
  for (let page = start; page < start + halfPages; ) {
    const stepEnd = start + (Math.floor((page - start) / step) + 1) * step;
    const end = Math.min(stepEnd, start + halfPages, memslotEnd(memory, page));
    pairs.push(hvaPageOf(memory, page), end - page);
    page = end;
  }
  return Int32Array.from(pairs);
}

/** The first page behind the memslot that holds `page`. */
function memslotEnd(memory: TestMemory, page: number): number {
  const id = memslotOfPage(memory, page);
  return firstPageOf(memory, id) + pagesOf(memory, id);
}

/**
 * What the guest writes in one half of an iteration, one write a page, in ascending order. Map: the whole half; unmap tests: its first page alone
 * (more would make it a map test). Test rw takes the whole area in both halves. No pages for tests without halves.
 */
export function writtenSpan(memory: TestMemory, half: 0 | 1): GuestSpan {
  const area = testAreaPages(memory);
  const gfn = BASE_GFN + EXTRA_PAGES;
  switch (memory.test) {
    case 'map':
      return { gfn: gfn + half * (area / 2), npages: area / 2 };
    case 'unmap':
    case 'unmap-chunked':
      return { gfn: gfn + half * (area / 2), npages: 1 };
    case 'rw':
      return { gfn, npages: area };
    default:
      return { gfn, npages: 0 };
  }
}

/**
 * What the guest of a move test writes again and again. Move active: 50 pages around the start of the moved memslot, half below it and half inside
 * (those become MMIO while it is away); move inactive: the 50 pages directly below it.
 */
export function moveWindow(memory: TestMemory): GuestSpan {
  assert(memory.test === 'move-active' || memory.test === 'move-inactive', `test ${memory.test} has no move window`);
  const below = memory.test === 'move-active' ? MOVE_WINDOW_PAGES / 2 : MOVE_WINDOW_PAGES;
  return { gfn: movedMemslot(memory).homeGfn - below, npages: MOVE_WINDOW_PAGES };
}

/** What vCPU `index` of test zap or share works on: a part of the memory that is its own. */
export function vcpuSpan(memory: TestMemory, index: number): GuestSpan {
  assert(memory.test === 'zap' || memory.test === 'share', `test ${memory.test} has one vCPU`);
  const npages = testAreaPages(memory) / memory.vcpus;
  return { gfn: BASE_GFN + index * npages, npages };
}
