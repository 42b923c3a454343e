// What one cell is asked (options) and what it answers (outcome). Plain data: it crosses worker threads and results files.

import type { HistogramSummary } from '../engine/histogram.js';
import type { LockReport } from '../engine/lock-stats.js';
import type { WriteProtectName } from '../kvm/write-protect.js';

export const SPLIT_POLICIES = ['lazy', 'eager', 'eager-skip', 'on-fault'] as const;
export const MMUS = ['shadow', 'tdp'] as const;
export const BACKINGS = [
  'anonymous',
  'anonymous_thp',
  'anonymous_hugetlb_2mb',
  'anonymous_hugetlb_1gb',
  'shmem',
  'shared_hugetlb_2mb',
  'shared_hugetlb_1gb',
] as const;
export const PREEMPT_MODELS = ['none', 'voluntary', 'full'] as const;

/** Everything that decides the numbers of one dirty_log_perf_test cell, besides the engine, the seed and the machine. */
export interface DirtyLogOptions {
  vcpus: number;
  /** Bytes of each vCPU's region (of the whole region with `overlap`). */
  vcpuBytes: number;
  memslots: number;
  iterations: number;
  /** Percent of accesses that write, drawn per access; used when `writeEvery` is 0. */
  writePercent: number;
  /** One access in `writeEvery` writes (the older `-f N`); 0 leaves it to `writePercent`. */
  writeEvery: number;
  randomAccess: boolean;
  overlap: boolean;
  /** Seed of the guests' own random numbers (the selftest's 1). */
  guestSeed: number;
  /** Manual protect with initially-all-set (the default); false is `-g`. */
  initiallyAllSet: boolean;
  /** `-e`: vCPUs keep running while logging is disabled. */
  runWhileDisabling: boolean;
  /** vCPUs keep running while the ioctl thread enables and clears. */
  concurrent: boolean;
  backing: (typeof BACKINGS)[number];
  mmu: (typeof MMUS)[number];
  ept: boolean;
  split: (typeof SPLIT_POLICIES)[number];
  /** Size of the guest's own mappings: 4096, 2 MiB or 1 GiB. */
  guestPageBytes: number;
  /** Guest page tables that alias the same memory. More than one needs ept=false. */
  processes: number;
  /** Quota of shadow pages; 0 takes KVM's default (2 % of the guest's pages, at least 64). */
  mmuPages: number;
  preempt: (typeof PREEMPT_MODELS)[number];
  /** Lock of a 4 KiB write-protection fault in the shadow MMU. */
  wpFaultLock: 'write' | 'read';
  /** Granularity of dirty logging: 4096, or 2 MiB (huge pages are then not split below 2 MiB). */
  dirtyGranularityBytes: number;
}

export const MEMSLOT_TESTS = [
  'map',
  'unmap',
  'unmap-chunked',
  'move-active',
  'move-inactive',
  'rw',
  'setup',
  'flags',
  'batch',
  'zap',
  'share',
  'readers',
] as const;
export const BATCH_CALLS = ['one-by-one', 'set-regions', 'change-regions'] as const;

/**
 * Everything that decides the numbers of one memslot_perf_test cell. The first six tests are the selftest's, `setup` is what it prints as slot setup;
 * the others answer questions that were left open:
 * `flags` turns dirty logging on and off, memslot by memslot; `batch` changes the flags of several at once; `zap` moves a memslot beside vCPUs that
 * run elsewhere; `share` lets each vCPU fault in memslots of its own; `readers` checks every lookup of vCPUs beside an updater at full speed.
 */
export interface MemslotsOptions {
  test: (typeof MEMSLOT_TESTS)[number];
  /** Memslots in use, as `-s` counts them: memslot 0, which holds the guest's code, included. */
  slots: number;
  memslots: 'array' | 'tree' | 'array-hva-tree' | 'btree';
  /** Memslots that the kernel was built for (KVM_USER_MEM_SLOTS): 509 before the tree. An array pays for them. */
  maxSlots: number;
  /** vCPUs; the selftest's tests have one. */
  vcpus: number;
  /** MMU of the host; the posted tables had the shadow MMU with two-dimensional paging. */
  mmu: (typeof MMUS)[number];
  /** Iterations that are timed, at most, after one that warms up; 0 for as many as the test needs to be steady. */
  loops: number;
  /** Seconds after which no further iteration starts (`-l`). */
  seconds: number;
  /** The memslots are added one by one before the test, and that is timed; else they are there from the start. Test setup always adds them. */
  slotSetup: boolean;
  /** Deleting or moving a memslot drops all mappings of the guest (the quirk that `-q` disables), or those of the memslot alone. */
  zapAll: boolean;
  /** Who remembers the memslot found last: all vCPUs in one word, or each for itself. */
  lastUsed: 'shared' | 'vcpu';
  /** `batch`: memslots whose flags change. */
  changes: number;
  /** `batch`: one KVM_SET_USER_MEMORY_REGION each, the whole new set at once (a diff), or only the changes at once. */
  call: (typeof BATCH_CALLS)[number];
}

export const UFFD_MODES = ['none', 'missing', 'minor'] as const;
export const UFFD_BACKINGS = ['anonymous', 'anonymous_thp', 'shmem', 'shared_hugetlb_2mb', 'guest_memfd'] as const;
export const READER_WAITS = ['poll', 'epoll', 'epoll-exclusive'] as const;
export const ASYNC_PF_MODES = ['off', 'kernel', 'user'] as const;
export const RECOVERY_POLICIES = ['none', 'eager', 'on-demand'] as const;

/** What demand_paging_test and a post-copy migration have in common: the memory, who catches a fault, and who resolves it. */
export interface UserfaultOptions {
  vcpus: number;
  /** Bytes of each vCPU's region (of the whole region with `overlap`). */
  vcpuBytes: number;
  backing: (typeof UFFD_BACKINGS)[number];
  /** userfaultfd: not used, or registered for missing or for minor faults (`-u`). */
  uffd: (typeof UFFD_MODES)[number];
  /** One userfaultfd for all memory (`-a`), or one for each vCPU's region. */
  singleUffd: boolean;
  /** Reader threads of each userfaultfd (`-r`). */
  readers: number;
  /** KVM Userfault (`-k`): faults of vCPUs leave to user space, where the vCPU's own thread resolves them. */
  kvmUserfault: boolean;
  /** All vCPUs touch the whole region. */
  overlap: boolean;
  /** How readers wait. */
  readerWait: (typeof READER_WAITS)[number];
  /** Asynchronous page faults: none, the kernel's, or driven by user space: then the vCPU runs on while its page comes. */
  asyncPf: (typeof ASYNC_PF_MODES)[number];
  /** ioctls of userfaultfd lock the vma (per-VMA locks) or the whole mm. */
  vmaLocks: boolean;
  /** Seed of the guests' own random numbers. */
  guestSeed: number;
}

/** Everything that decides the numbers of one demand_paging_test cell. */
export interface DemandPagingOptions extends UserfaultOptions {
  /** Microseconds that whoever resolves a fault sleeps first (`-d`). */
  delayUs: number;
  /** The page cache holds all pages before the run; with shmem and MINOR it always does. */
  preallocate: boolean;
  /** After the pass KVM Userfault is disabled and everything is touched again: not at all, with huge mappings rebuilt at once, or on demand. */
  recovery: (typeof RECOVERY_POLICIES)[number];
}

export const ACCESS_PATTERNS = ['sequential', 'uniform', 'zipf'] as const;
export const JITTERS = ['none', 'uniform', 'exponential'] as const;

/** Everything that decides the numbers of one cell of a post-copy migration: pages come over a network. */
export interface PostCopyOptions extends UserfaultOptions {
  /** One way and back for one page, without its transfer: nanoseconds. */
  latencyNs: number;
  /** Bytes per second of the link that all pages share; 0 for no limit. */
  bandwidth: number;
  /** Distribution of what is added to the latency, and its mean in percent of it. */
  jitter: (typeof JITTERS)[number];
  jitterPercent: number;
  /** Pages that are fetched with the one that faulted. */
  prefetch: number;
  /** Threads that push the rest in the background, in order; 0 for none. */
  pushers: number;
  pattern: (typeof ACCESS_PATTERNS)[number];
  /** Accesses of each vCPU, in multiples of its pages. */
  accesses: number;
  /** Nanoseconds that the guest computes between two accesses to pages. */
  computeNs: number;
}

export const PROTECTED_BACKINGS = ['anonymous', 'anonymous_hugetlb_2mb'] as const;

/** Everything that decides the numbers of one write-protect cell: all memory is protected again and again while vCPUs write it and the host changes pages. */
export interface WriteProtectOptions {
  vcpus: number;
  /** Bytes of each vCPU's region. */
  vcpuBytes: number;
  /** How KVM takes write access away: under mmu_lock, without it, or root by root. */
  writeProtect: WriteProtectName;
  /** What if mmu_lock cost nothing and nobody ever waited for it? Virtual time only. */
  mmuLock: 'real' | 'free';
  backing: (typeof PROTECTED_BACKINGS)[number];
  ept: boolean;
  /** Host pages that another thread of the host changes per second. */
  notifierRate: number;
  /** KVM_GET_DIRTY_LOG calls after the one ioctl that turns logging on. */
  passes: number;
  /** From the start of one ioctl to the start of the next, nanoseconds; one that is late starts at once. 0: back to back. */
  periodNs: number;
  /** What the guest computes after each write, nanoseconds. */
  computeNs: number;
  randomAccess: boolean;
  preempt: (typeof PREEMPT_MODELS)[number];
  /** Seed of the guests' own random numbers, and of the pages that the host changes. */
  guestSeed: number;
}

export const MIGRATION_ERAS = ['2013', '2022'] as const;

/** Everything that decides the numbers of one cell of a pre-copy migration. */
export interface MigrationOptions {
  vcpus: number;
  /** Bytes of each vCPU's region. */
  vcpuBytes: number;
  era: (typeof MIGRATION_ERAS)[number];
  writeProtect: WriteProtectName;
  split: (typeof SPLIT_POLICIES)[number];
  /** Manual protection with an initially all-set log: pages are protected as they are sent, and not when the log is read. */
  manualProtect: boolean;
  /** With manual protection: bytes whose log is cleared by one ioctl. */
  clearChunkBytes: number;
  backing: (typeof BACKINGS)[number];
  ept: boolean;
  /** Pages that each vCPU writes per second when nothing holds it up, at most; 0 for as fast as it can. */
  dirtyRate: number;
  randomAccess: boolean;
  /** Bytes per second of the link. */
  bandwidth: number;
  /** Longest downtime that is asked for: the guest is stopped once the rest is sent within it. Nanoseconds. */
  downtimeNs: number;
  /** Rounds after which it is stopped in any case. */
  maxRounds: number;
  guestSeed: number;
}

/** A doubt about a number, stored beside it. */
export interface Warning {
  code: string;
  message: string;
}

/** One timed quantity. `orderSensitive`: it depends on the first order of arrival, so one seed is one draw. */
export interface PhaseTime {
  metric: string;
  ns: number;
  orderSensitive: boolean;
}

/** One quantity that is no time, such as bytes; its unit is what the suite says of the metric. */
export interface MeasuredValue {
  metric: string;
  value: number;
  /** As in `PhaseTime`; false when left out. */
  orderSensitive?: boolean;
}

/** Stalls of guest accesses (from the exit to the retry) in one phase. */
export interface StallReport {
  phase: string;
  kind: 'read' | 'write';
  count: number;
  totalNs: number;
  maxNs: number;
  histogram: HistogramSummary;
}

/** Whether a wall-clock measurement may be believed (threads engine only). */
export interface Validity {
  /** Sum of the vCPU workers' run time over the window, against min(vCPUs, cores): 1 is perfect. */
  effectiveParallelism: number;
  oversubscribed: boolean;
  cores: number;
  perWorker: { runNs: number; waitNs: number }[];
}

/** What one run of one cell (one seed, or one repetition) found. */
export interface RunOutcome {
  times: PhaseTime[];
  /** What else was measured; absent where a suite has only times. */
  values?: MeasuredValue[];
  counters: Record<string, number>;
  locks: LockReport[];
  stalls: StallReport[];
  warnings: Warning[];
  /** 16 hex digits over every event of the virtual engine; empty in the threads engine. */
  traceHash: string;
  /** 8 hex digits over the final page tables and dirty bitmaps; empty when the scenario has none. */
  stateHash: string;
  /** Faults that took the slow path, for rates. */
  faults: number;
  validity?: Validity;
}
