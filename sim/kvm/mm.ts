// The address space of the process that runs the VM (struct mm_struct): its locks, its page tables as one bit per page, and the page cache
// behind them. What faults, UFFDIO ioctls and readers of a userfaultfd share.
//
// Left out: several processes, fork and copy on write, reclaim, page contents beyond what filled a page first; the page tables' own split locks
// (regions of vCPUs share none but at their edges); swap.
// Invariant: a page is installed once. Who finds it there has lost a race (EEXIST), and its contents stay what the first one made them.

import { assert } from '../assert.js';
import type { AtomicLine, Cpu, LockFactory, RwLock, SpinLock, Word } from '../engine/cpu.js';
import type { Arena } from '../memory/arena.js';
import { carvedWords, LINE_WORDS } from '../memory/arena.js';
import { HostMemory } from '../memory/host-memory.js';
import type { Userfaultfd } from './userfaultfd.js';

/** Lines beside mmap_lock that any two faults of one process write: the vma, its file and its memory cgroup, statistics, LRU and free lists. */
const FAULT_LINES = 8;

/** What first filled a page. */
export const Contents = { none: 0, zeroes: 1, prototype: 2 } as const;

export type Backing = 'anonymous' | 'shmem' | 'guest_memfd';

export interface MmConfig {
  /** 4 KiB pages of user space. */
  pageCount: number;
  /** log2 of the 4 KiB pages that one host page has: 0, or 9 for 2 MiB. */
  hostPageShift: number;
  backing: Backing;
  /** The page cache holds every page from the start, filled from the prototype. Shared memory only. */
  preallocated: boolean;
  /** Pieces that user space's memory is cut into, each a vma of its own with a lock. */
  vmaCount: number;
  /** ioctls of a userfaultfd lock the vma; else the whole mm. */
  vmaLocks: boolean;
}

/** Arena words that `new Mm` carves. */
export function mmArenaWords({ pageCount, hostPageShift }: Pick<MmConfig, 'pageCount' | 'hostPageShift'>): number {
  const units = pageCount >>> hostPageShift;
  return 2 * HostMemory.arenaWords(units) + carvedWords(units / 16 + 1) + FAULT_LINES * LINE_WORDS;
}

/** Pages are counted in units of one host page. */
export class Mm {
  readonly config: MmConfig;
  readonly words: Int32Array;
  readonly unitCount: number;
  readonly mmapLock: RwLock;
  /** mm_users, which each ioctl of a userfaultfd takes and drops. */
  readonly users: AtomicLine;
  /** Present entries of the page tables. */
  readonly pageTables: HostMemory;
  /** Pages in the page cache, mapped or not. */
  readonly pageCache: HostMemory;
  /** Lock of the page cache's own tree. */
  readonly pageCacheLock: SpinLock;
  /** What catches faults, by vma; empty without userfaultfd. */
  readonly userfaultfds: Userfaultfd[] = [];
  readonly #vmaLocks: RwLock[];
  readonly #unitsPerVma: number;
  readonly #contents: Word;
  readonly #faultLines: Word;

  constructor(arena: Arena, locks: LockFactory, config: MmConfig, initialize: boolean) {
    this.config = config;
    this.words = arena.words;
    this.unitCount = config.pageCount >>> config.hostPageShift;
    this.#unitsPerVma = this.unitCount / config.vmaCount;
    this.mmapLock = locks.rwSem('mmap_lock');
    this.users = locks.atomicLine('mm_users');
    this.pageCacheLock = locks.spinLock('i_pages', 'queued');
    this.#vmaLocks = config.vmaLocks ? Array.from({ length: config.vmaCount }, () => locks.rwSem('vma lock')) : [];
    this.pageTables = new HostMemory(arena, this.unitCount);
    this.pageCache = new HostMemory(arena, this.unitCount);
    this.#contents = arena.carve('hostContents', this.unitCount / 16 + 1);
    this.#faultLines = arena.carve('hostFaultLines', FAULT_LINES * LINE_WORDS);
    if (initialize && config.preallocated) for (let unit = 0; unit < this.unitCount; unit++) this.#fillCache(unit);
  }

  #fillCache(unit: number): void {
    this.pageCache.add(unit);
    this.#setContents(unit, Contents.prototype);
  }

  unitOf(page: number): number {
    return page >>> this.config.hostPageShift;
  }

  /** Arena word to touch before the page-table entry of a unit is read or changed. */
  pteWord(unit: number): Word {
    return this.pageTables.wordOf(unit);
  }

  /** As a CPU sees it that runs beside others; without one, for checks. */
  isMapped(unit: number, cpu?: Cpu): boolean {
    return this.pageTables.isPresent(unit, cpu);
  }

  /** What catches faults on the unit now: registered for missing pages, or for pages that are in the page cache and not mapped. */
  userfaultfdFor(unit: number): Userfaultfd | undefined {
    const ctx = this.userfaultfds[this.#vmaOf(unit)] as Userfaultfd | undefined;
    return ctx !== undefined && (ctx.mode === 'missing') !== this.pageCache.isPresent(unit) ? ctx : undefined;
  }

  /** The lock that an ioctl of a userfaultfd holds for reading while it maps the unit. Models uffd_mfill_lock(). */
  lockToFill(unit: number): RwLock {
    return this.config.vmaLocks ? this.#vmaLocks[this.#vmaOf(unit)] : this.mmapLock;
  }

  #vmaOf(unit: number): number {
    return this.config.vmaCount === 1 ? 0 : Math.floor(unit / this.#unitsPerVma);
  }

  /** What every fault that takes the slow path writes. */
  chargeFaultLines(cpu: Cpu): void {
    cpu.chargeLines(this.#faultLines, FAULT_LINES);
  }

  /** A fault that nobody catches makes the page: from the page cache, else with zeroes. Locks: mmap_lock for reading. Models do_anonymous_page() and do_shared_fault(). */
  makePage(cpu: Cpu, unit: number): void {
    if (this.pageCache.isPresent(unit)) cpu.spend(cpu.cost.page_cache_lookup);
    else {
      cpu.spend(this.unitPages * cpu.cost.page_alloc);
      cpu.counters.pagesAllocated += this.unitPages;
    }
    this.install(cpu, unit, Contents.zeroes);
  }

  /** Maps the unit: true when it was not mapped. `contents` is what a page that nobody has filled yet gets. */
  install(cpu: Cpu, unit: number, contents: number): boolean {
    if (!this.pageTables.add(unit, cpu)) return false;
    cpu.counters.hostPagesInstalled++;
    if (this.pageCache.isPresent(unit)) return true;
    this.#setContents(unit, contents);
    if (this.config.backing !== 'anonymous') this.pageCache.add(unit);
    return true;
  }

  /** 4 KiB pages in a unit. */
  get unitPages(): number {
    return 1 << this.config.hostPageShift;
  }

  #setContents(unit: number, contents: number): void {
    Atomics.or(this.words, this.#contents + (unit >>> 4), contents << ((unit & 15) * 2));
  }

  contentsOf(unit: number): number {
    return (this.words[this.#contents + (unit >>> 4)] >>> ((unit & 15) * 2)) & 3;
  }

  /** Throws unless every unit of a range is mapped and was filled as it should be. No CPU may be running. */
  assertFilled(range: { first: number; count: number }, contents: number): void {
    for (let unit = range.first; unit < range.first + range.count; unit++) {
      if (!this.isMapped(unit)) assert(false, `host page ${unit} is not mapped at the end`);
      if (this.contentsOf(unit) !== contents) assert(false, `host page ${unit} holds ${this.contentsOf(unit)}, not ${contents}`);
    }
  }
}
