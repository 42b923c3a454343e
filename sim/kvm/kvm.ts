// One VM: its configuration, its locks, and where its state lives in the arena.
// The one file that knows the offsets inside shared memory, shadow-page headers excepted (shadow-page.ts).

import { assert } from '../assert.js';
import type { Cpu, LockFactory, Mutex, RwLock, SpinLock, Word } from '../engine/cpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import { blockWords, Heap } from '../memory/heap.js';
import type { HostMemory } from '../memory/host-memory.js';
import { PAGE_BYTES, TABLE_ENTRIES } from '../units.js';
import { dirtyMarkOf } from './dirty-mark.js';
import type { Era } from './era.js';
import { ExclusiveRwLock } from './exclusive-rw-lock.js';
import { FreeRwLock } from './free-rw-lock.js';
import type { GuestPaging } from './guest-paging.js';
import type { MemoryRegion } from './memory-region.js';
import { type Memslot, readMemslot } from './memslot.js';
import type { MemslotSets, MemslotStructure } from './memslot-sets.js';
import { memslotStructures } from './memslot-structures.js';
import { archBlocks, createArch } from './memslots.js';
import type { Mm } from './mm.js';
import type { Mmu } from './mmu.js';
import { Observer } from './observer.js';
import type { KvmPlant } from './plants.js';
import { Rcu } from './rcu.js';
import { DESC_WORDS, plainRmaps } from './rmap.js';
import { nullsRmaps } from './rmap-nulls.js';
import type { RmapOps } from './rmap-ops.js';
import { HASH_BUCKETS, SP_HEADER_WORDS } from './shadow-page.js';
import type { SplitPolicy } from './split-policy.js';
import { MAX_PAYLOAD } from './spte.js';
import { Srcu } from './srcu.js';
import { assertSupported, type WriteProtectName, type WriteProtectPolicy } from './write-protect.js';
import { writeProtects } from './write-protects.js';

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
  /** Shadow pages that may be in use (n_requested_mmu_pages); 0 for KVM's default, which follows the memslots. */
  requestedMmuPages: number;
  era: Era;
  memslotStructure: MemslotStructure;
  /** Ids of memslots are below it (KVM_USER_MEM_SLOTS). */
  maxMemslots: number;
  /** Who keeps the memslot found last. */
  lastUsed: 'shared' | 'vcpu';
  /** Deleting or moving a memslot drops everything that the guest has mapped (KVM_X86_QUIRK_SLOT_ZAP_ALL). */
  slotZapAll: boolean;
  /** Largest level that the backing of the memslots maps. */
  hostLevel: number;
  /** KVM_CAP_USERFAULT, of a kernel that also has guest_memfd: memslots may have KVM_MEM_USERFAULT and KVM_MEM_GUEST_MEMFD, and room for a userfault bitmap. */
  capUserfault?: boolean;
  /** vCPUs have the kernel's asynchronous page faults enabled (MSR_KVM_ASYNC_PF_EN). Kept and checked; none is sent. */
  kernelAsyncPf?: boolean;
  /** Memslots that are there when the VM starts. */
  memslots: MemslotPlan[];
  /** Words to make room for beside those: rmaps and bitmaps of memslots that come later, and of those that move. */
  archRoom: number;
  /** Threads of the host beside vCPUs and the ioctl thread that enter KVM; 0 when left out. Their numbers follow. */
  hostThreads?: number;
  /** How the shadow MMU write-protects memory whose writes are logged; 'locked' when left out. 'lockless' and 'root' track by write protection alone: no PML. */
  writeProtect?: WriteProtectName;
  /** EPT has accessed and dirty bits; it has when left out. Without them there is no PML, and dirty pages are tracked by write protection. */
  hasAdBits?: boolean;
  /** mmu_lock costs nothing and nobody ever waits for it: a what-if of the virtual engine. */
  freeMmuLock?: boolean;
  /** Freed page tables are filled with a poison, and a lockless walk that meets it fails: for checks. */
  poisonsFreedTables?: boolean;
  /** A bug to plant; none when left out. */
  plant?: KvmPlant;
  /** Table frames and rmap descriptors to make room for. */
  tableCapacity: number;
  descCapacity: number;
}

export interface MemslotPlan {
  id: number;
  baseGfn: number;
  npages: number;
  hvaPage: number;
  /** None when left out. */
  flags?: number;
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
  total +=
    archHeapWords(config) +
    Srcu.arenaWords(cpuCountOf(config)) +
    Rcu.arenaWords(cpuCountOf(config)) +
    memslotStructures[config.memslotStructure].arenaWords(setsConfig(config));
  return total + 1024; // locks
}

function archHeapWords(config: Pick<KvmConfig, 'memslots' | 'archRoom' | 'capUserfault'>): number {
  const blocks = config.memslots.flatMap(({ npages }) => archBlocks(npages, config.capUserfault === true));
  return blocks.reduce((words, block) => words + blockWords(block), carvedWords(config.archRoom));
}

function setsConfig(config: Pick<KvmConfig, 'maxMemslots' | 'vcpuCount' | 'hostThreads' | 'lastUsed'>) {
  return { capacity: config.maxMemslots, cpuCount: cpuCountOf(config), lastUsed: config.lastUsed };
}

/** Threads that read memslots: vCPUs, the ioctl thread, and others of the host. */
function cpuCountOf({ vcpuCount, hostThreads = 0 }: Pick<KvmConfig, 'vcpuCount' | 'hostThreads'>): number {
  return vcpuCount + 1 + hostThreads;
}

/** KVM's default quota of shadow pages: 20 per mille of the guest's pages, at least 64. Models kvm_mmu_calculate_default_mmu_pages(). */
export function defaultMmuPages(guestPages: number): number {
  return Math.max(64, Math.floor((guestPages * 20) / 1000));
}

/** The lock of the era; one lock either way, so that all threads make the same. */
function makeMmuLock(locks: LockFactory, { era, freeMmuLock }: Pick<KvmConfig, 'era' | 'freeMmuLock'>): RwLock {
  if (freeMmuLock === true) return new FreeRwLock('mmu_lock');
  return era.mmuLock === 'ticket' ? new ExclusiveRwLock(locks.spinLock('mmu_lock', 'ticket')) : locks.rwLock('mmu_lock');
}

export class Kvm {
  readonly words: Int32Array;
  readonly config: KvmConfig;
  readonly mmu: Mmu;
  readonly split: SplitPolicy;
  readonly mmuLock: RwLock;
  readonly slotsLock: Mutex;
  readonly era: Era;
  /** The bug that is planted, for a check that it is found. */
  readonly plant: KvmPlant | null;
  /** Each vCPU keeps the memslot of its last fault (last_used_slot of struct kvm_vcpu). */
  readonly vcpusRememberMemslots: boolean;
  readonly memslots: MemslotSets;
  readonly srcu: Srcu;
  readonly writeProtect: WriteProtectPolicy;
  /** Lists of the reverse maps, and of the sptes that point to a shadow page. */
  readonly rmaps: RmapOps;
  /** Grace periods of page tables that are walked outside the guest. */
  readonly rcu: Rcu;
  /** Faults push write protection down from the root. */
  readonly protectsAtRoot: boolean;
  /** Step at which a fault marks its page dirty. */
  readonly dirtyMark: number;
  /** A direct fault maps its neighbours: only where A bits tell who has really been accessed. */
  readonly prefetches: boolean;
  readonly poisonsFreedTables: boolean;
  /** Memory of the memslots' rmaps and bitmaps. */
  readonly archHeap: Heap;
  /** User space's memory, where it can go away; null when all of it is always there. */
  hostMemory: HostMemory | null = null;
  /** The process that runs the VM, where its page faults matter; null when they do not. */
  mm: Mm | null = null;
  /** What an exit to user space serialises over the whole host (`user_exit_serial` of the profile). */
  readonly userExitLock: SpinLock;
  /** Write protection drops a writable large spte instead of making it read-only. */
  readonly dropsLargeSptes: boolean;
  /** The MMU maps guest physical memory: no guest tables to shadow. */
  readonly direct: boolean;
  readonly dirtyLevel: number;
  /** The shadow MMU makes a write-protected 4 KiB spte writable under mmu_lock held for read. */
  readonly readLocksWpFaults: boolean;
  /** The page tables that the hardware walks have accessed and dirty bits; those of shadow paging always have. */
  readonly hasAdBits: boolean;
  /** The hardware logs dirty pages itself (Page Modification Logging): with EPT that has D bits, at 4 KiB granularity. */
  readonly hasPml: boolean;
  /** KVM_GET_DIRTY_LOG makes all vCPUs exit, for the sake of PML. Kernels with PML are modelled as doing so even where it is not on. */
  readonly kicksForDirtyLog: boolean;
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
  /** Word: shadow pages that may be in use (arch.n_max_mmu_pages). */
  readonly maxMmuPages: number;
  /** Word: number of the last zap of everything (arch.mmu_valid_gen). */
  readonly mmuValidGen: number;
  /** Word: page tables are freed by RCU, since a thread outside the guest may walk them (arch.rcu_free_shadow_page). Guarded by slots_lock. */
  readonly rcuFreeShadowPage: number;
  /** Word: first of the frames that wait for RCU. Guarded by mmu_lock. */
  readonly rcuPages: number;
  /** Word: number of the last write protection of everything at the root. */
  readonly protectGen: number;
  /** Words of the mmu notifier: mmu_notifier_seq, mmu_notifier_count, and the hull of the ranges in progress. */
  readonly invalidateSeq: number;
  readonly invalidateInProgress: number;
  readonly invalidateFirst: number;
  readonly invalidateLast: number;
  /** Word to touch before memslots are published. */
  readonly slotsWord: number;
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

  /** `initialize`: this thread lays the VM out; others attach to the same arena. */
  constructor(arena: Arena, locks: LockFactory, config: KvmConfig, initialize: boolean) {
    this.config = config;
    this.mmu = config.mmu;
    this.split = config.split;
    this.direct = config.ept;
    this.dirtyLevel = config.dirtyLevel;
    this.readLocksWpFaults = config.wpFaultLock === 'read' && !config.ept;
    this.era = config.era;
    this.plant = config.plant ?? null;
    this.vcpusRememberMemslots = config.lastUsed === 'vcpu';
    const policy = config.writeProtect ?? 'locked';
    assertSupported(policy, config);
    this.writeProtect = writeProtects[policy];
    this.rmaps = policy === 'lockless' ? nullsRmaps : plainRmaps;
    this.protectsAtRoot = policy === 'root';
    this.dirtyMark = dirtyMarkOf(this.plant);
    this.poisonsFreedTables = config.poisonsFreedTables === true;
    this.hasAdBits = !config.ept || config.hasAdBits !== false;
    this.kicksForDirtyLog = policy === 'locked' && this.hasAdBits;
    this.hasPml = config.ept && config.dirtyLevel === 1 && this.kicksForDirtyLog;
    this.prefetches = config.era.prefetchesSptes && this.hasAdBits;
    this.dropsLargeSptes = config.era.dropsLargeSptes && policy === 'locked';
    this.cachedWalkRefs = config.ept ? 2 : 1;
    this.words = arena.words;
    this.mmuLock = makeMmuLock(locks, config);
    this.slotsLock = locks.mutex('slots_lock');
    this.userExitLock = locks.spinLock('exit to user space', 'queued');
    this.tableCapacity = config.tableCapacity;
    this.descCapacity = config.descCapacity;
    assert(config.tableCapacity < MAX_PAYLOAD, `${config.tableCapacity} page tables do not fit an spte`);

    this.freeTable = arena.carveLine('freeTable');
    this.nextTable = arena.carveLine('nextTable');
    this.freeDesc = arena.carveLine('freeDesc');
    this.nextDesc = arena.carveLine('nextDesc');
    this.allocatorLock = arena.carveLine('allocatorLock');
    this.usedMmuPages = arena.carveLine('usedMmuPages');
    this.maxMmuPages = arena.carveLine('maxMmuPages');
    this.mmuValidGen = arena.carveLine('mmuValidGen');
    this.rcuFreeShadowPage = arena.carveLine('rcuFreeShadowPage');
    this.rcuPages = arena.carveLine('rcuPages');
    this.protectGen = arena.carveLine('protectGen');
    this.invalidateSeq = arena.carveLine('mmuNotifier');
    this.invalidateInProgress = this.invalidateSeq + 1;
    this.invalidateFirst = this.invalidateSeq + 2;
    this.invalidateLast = this.invalidateSeq + 3;
    this.slotsWord = arena.carveLine('memslotsPointer');
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
    this.srcu = new Srcu(arena, cpuCountOf(config), this.plant);
    this.rcu = new Rcu(arena, cpuCountOf(config));
    this.archHeap = new Heap(arena, 'memslotArch', archHeapWords(config));
    this.memslots = memslotStructures[config.memslotStructure].create(arena, setsConfig(config));
    if (initialize) this.#loadMemslots();
  }

  #loadMemslots(): void {
    const { memslots, hostLevel, requestedMmuPages, capUserfault } = this.config;
    const archOf = (npages: number): Word => createArch(this.archHeap, { npages, hostLevel, hasUserfaultBitmap: capUserfault === true }).arch;
    this.memslots.load(memslots.map((plan) => ({ flags: 0, ...plan, arch: archOf(plan.npages) })));
    this.words[this.maxMmuPages] = requestedMmuPages || defaultMmuPages(memslots.reduce((pages, { npages }) => pages + npages, 0));
  }

  /** Every memslot. No CPU may be running. */
  eachMemslot(visit: (memslot: Memslot) => void): void {
    this.memslots.forEach(new Observer(this.words), visit);
  }

  /** The region that user space has set for memslot `id`, which must be there; read beside what runs, as user space knows it anyway. */
  regionOf(id: number): MemoryRegion {
    const memslot = this.memslots.idToMemslot(new Observer(this.words), id);
    assert(memslot !== 0, `no memslot ${id}`);
    const { baseGfn, npages, hvaPage, flags } = readMemslot(this.words, memslot);
    return { slot: id, flags, guestPhysAddr: baseGfn * PAGE_BYTES, memorySize: npages * PAGE_BYTES, userspaceAddr: hvaPage * PAGE_BYTES };
  }

  /** Shadow pages that may still be allocated (kvm_mmu_available_pages). */
  availableMmuPages(): number {
    return this.words[this.maxMmuPages] - this.words[this.usedMmuPages];
  }

  /** Whether a long walk should drop mmu_lock now. The caller has just touched the lock. Models rwlock_needbreak() and need_resched(). */
  needsLockBreak(cpu: Cpu): boolean {
    if (this.config.preempt === 'full' && this.mmuLock.isContended(cpu)) return true;
    return cpu.needResched();
  }
}
