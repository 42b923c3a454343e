// One VM: its configuration, its locks, and where its state lives in the arena.
// The one file that knows the offsets inside shared memory, shadow-page headers excepted (shadow-page.ts).

import { assert } from '../assert.js';
import type { Cpu, LockFactory, Mutex, RwLock } from '../engine/cpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import { TABLE_ENTRIES } from '../units.js';
import type { GuestPaging } from './guest-paging.js';
import type { Memslot, Memslots } from './memslots.js';
import { rmapHeadCount } from './memslots.js';
import { MemslotsArray } from './memslots-array.js';
import type { Mmu } from './mmu.js';
import { DESC_WORDS } from './rmap.js';
import { HASH_BUCKETS, SP_HEADER_WORDS } from './shadow-page.js';
import type { SplitPolicy } from './split-policy.js';
import { MAX_PAYLOAD } from './spte.js';

/** Lines that every mapping under mmu_lock writes: MMU page accounting with its active list; statistics with the invalidation sequence. */
export const MMU_LINES = 2;

export type PreemptModel = 'none' | 'voluntary' | 'full';

export interface KvmConfig {
  vcpuCount: number;
  /** Two-dimensional paging; false is shadow paging of the guest's tables. */
  ept: boolean;
  mmu: Mmu;
  split: SplitPolicy;
  preempt: PreemptModel;
  /** Lock under which the shadow MMU makes a write-protected 4 KiB spte writable. */
  wpFaultLock: 'write' | 'read';
  /** Level at which writes are logged: 1, or 2 for one bit range per 2 MiB. */
  dirtyLevel: number;
  initiallyAllSet: boolean;
  guest: GuestPaging;
  /** Shadow pages that may be in use (the shadow MMU's quota). */
  mmuPageQuota: number;
  memslots: MemslotPlan[];
  /** Table frames and rmap descriptors to make room for. */
  tableCapacity: number;
  descCapacity: number;
}

export interface MemslotPlan {
  baseGfn: number;
  npages: number;
  basePfn: number;
  hostLevel: number;
}

/** Arena words that `new Kvm` carves for `config`. */
export function kvmArenaWords(config: Omit<KvmConfig, 'mmu' | 'split'>): number {
  let total = carvedWords(config.tableCapacity * TABLE_ENTRIES) + carvedWords(config.tableCapacity * SP_HEADER_WORDS);
  total +=
    carvedWords(config.descCapacity * DESC_WORDS) +
    carvedWords(HASH_BUCKETS) +
    32 * 16 +
    carvedWords(config.vcpuCount) +
    2 * carvedWords(config.guest.processCount);
  for (const { baseGfn, npages } of config.memslots) {
    for (let level = 1; level <= 3; level++) total += carvedWords(rmapHeadCount(baseGfn, npages, level));
    total += 2 * carvedWords(bitmapWords(npages)) + 16;
  }
  return total + 1024; // locks
}

/** Words of a dirty bitmap of `npages`, whole 64-bit words as in KVM's ABI. */
export function bitmapWords(npages: number): number {
  return Math.ceil(npages / 64) * 2;
}

export class Kvm {
  readonly words: Int32Array;
  readonly config: KvmConfig;
  readonly mmu: Mmu;
  readonly split: SplitPolicy;
  readonly mmuLock: RwLock;
  readonly slotsLock: Mutex;
  readonly memslots: Memslots;
  /** The MMU maps guest physical memory: no guest tables to shadow. */
  readonly direct: boolean;
  readonly dirtyLevel: number;
  /** The shadow MMU makes a write-protected 4 KiB spte writable under mmu_lock held for read. */
  readonly readLocksWpFaults: boolean;
  readonly mmuPageQuota: number;
  /** The hardware logs dirty pages itself (Page Modification Logging): with EPT, at 4 KiB granularity. */
  readonly hasPml: boolean;
  /** References of a page walk whose last table is known: the leaf, and with EPT the guest's leaf too. */
  readonly cachedWalkRefs: number;

  /** Word of entry 0 of shadow page 0. Shadow pages count from 1. */
  readonly tableBase: number;
  readonly spBase: number;
  readonly hashBase: number;
  readonly descBase: number;
  /** Words: free list and high-water mark of tables, and of descriptors. */
  readonly freeTable: number;
  readonly nextTable: number;
  readonly freeDesc: number;
  readonly nextDesc: number;
  /** Guards the TDP MMU's allocations (the slab's own lock; not modelled as a cost). */
  readonly allocatorLock: number;
  /** Shadow pages in use (arch.n_used_mmu_pages). */
  readonly usedMmuPages: number;
  /** Active list of shadow pages, oldest first: head and tail. */
  readonly activeHead: number;
  readonly activeTail: number;
  /** pages_4k, pages_2m, pages_1g at offsets 1, 2, 3. */
  readonly pagesStat: number;
  /** Root shadow page of each process, from here; one for a direct MMU. */
  readonly roots: number;
  /** Unsync shadow pages of each process, from here. */
  readonly unsyncCount: number;
  readonly tlbGeneration: number;
  /** Number of memslots that log (cpu_dirty_logging_count): PML is on while it is not zero. */
  readonly dirtyLoggingCount: number;
  /** One word per vCPU: 1 while it runs guest code. */
  readonly inGuestMode: number;
  /** Number of the phase whose background vCPUs have to stop. */
  readonly stopWord: number;
  /** Lines that every mapping under mmu_lock writes; the first word of each remembers who was last. */
  readonly mmuLines: number;
  readonly tableCapacity: number;
  readonly descCapacity: number;

  constructor(arena: Arena, locks: LockFactory, config: KvmConfig) {
    this.config = config;
    this.mmu = config.mmu;
    this.split = config.split;
    this.direct = config.ept;
    this.dirtyLevel = config.dirtyLevel;
    this.readLocksWpFaults = config.wpFaultLock === 'read' && !config.ept;
    this.mmuPageQuota = config.mmuPageQuota;
    this.hasPml = config.ept && config.dirtyLevel === 1;
    this.cachedWalkRefs = config.ept ? 2 : 1;
    this.words = arena.words;
    this.mmuLock = locks.rwLock('mmu_lock');
    this.slotsLock = locks.mutex('slots_lock');
    this.tableCapacity = config.tableCapacity;
    this.descCapacity = config.descCapacity;
    assert(config.tableCapacity < MAX_PAYLOAD, `${config.tableCapacity} page tables do not fit an spte`);

    this.freeTable = arena.carveLine('freeTable');
    this.nextTable = arena.carveLine('nextTable');
    this.freeDesc = arena.carveLine('freeDesc');
    this.nextDesc = arena.carveLine('nextDesc');
    this.allocatorLock = arena.carveLine('allocatorLock');
    this.usedMmuPages = arena.carveLine('usedMmuPages');
    this.activeHead = arena.carveLine('activeList');
    this.activeTail = this.activeHead + 1;
    this.pagesStat = arena.carveLine('pagesStat');
    this.roots = arena.carve('roots', Math.max(1, config.guest.processCount));
    this.unsyncCount = arena.carve('unsyncCount', Math.max(1, config.guest.processCount));
    this.tlbGeneration = arena.carveLine('tlbGeneration');
    this.dirtyLoggingCount = arena.carveLine('dirtyLoggingCount');
    this.stopWord = arena.carveLine('stopWord');
    this.mmuLines = arena.carve('mmuLines', MMU_LINES * LINE_WORDS);
    this.inGuestMode = arena.carve('inGuestMode', config.vcpuCount);
    this.hashBase = arena.carve('mmuPageHash', HASH_BUCKETS);
    // Shadow page and descriptor numbers start at 1.
    this.spBase = arena.carve('shadowPages', config.tableCapacity * SP_HEADER_WORDS) - SP_HEADER_WORDS;
    this.tableBase = arena.carve('tables', config.tableCapacity * TABLE_ENTRIES) - TABLE_ENTRIES;
    this.descBase = arena.carve('rmapDescs', config.descCapacity * DESC_WORDS);
    const slots = config.memslots.map((plan, index) => carveMemslot(arena, plan, index + 1));
    this.memslots = new MemslotsArray(slots, config.vcpuCount + 1);
  }

  /** Shadow pages that may still be allocated (kvm_mmu_available_pages). */
  availableMmuPages(): number {
    return this.mmuPageQuota - this.words[this.usedMmuPages];
  }

  /** Whether a long walk should drop mmu_lock now. The caller has just touched the lock. Models rwlock_needbreak() and need_resched(). */
  needsLockBreak(cpu: Cpu): boolean {
    if (this.config.preempt === 'full' && this.mmuLock.isContended(cpu)) return true;
    return cpu.needResched();
  }
}

function carveMemslot(arena: Arena, plan: MemslotPlan, id: number): Memslot {
  const { baseGfn, npages, basePfn, hostLevel } = plan;
  const rmap = (level: number) => arena.carve(`rmap${level}[${id}]`, rmapHeadCount(baseGfn, npages, level));
  return {
    id,
    baseGfn,
    npages,
    basePfn,
    hostLevel,
    flagsWord: arena.carveLine(`flags[${id}]`),
    rmapBase: [0, rmap(1), rmap(2), rmap(3)],
    dirtyBitmap: arena.carve(`dirtyBitmap[${id}]`, bitmapWords(npages)),
    userBitmap: arena.carve(`userBitmap[${id}]`, bitmapWords(npages)),
  };
}
