// What demand_paging_test and a post-copy migration share: one VM under the TDP MMU, one process with its memory, userfaultfds with their reader
// threads, and vCPU threads that answer exits of KVM Userfault themselves.
//
// Threads: vCPUs, the main thread, then the readers of each userfaultfd in turn, then what a scenario adds.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, LockFactory, Word } from '../engine/cpu.js';
import { ERAS } from '../kvm/era.js';
import { runReader } from '../kvm/eventpoll.js';
import { populateGuestMemfd } from '../kvm/gup.js';
import { Kvm, type KvmConfig, kvmArenaWords } from '../kvm/kvm.js';
import { clearUserfaultBit, disableUserfault, enableUserfault, setAllUserfaultBits, userfaultBitmapWord } from '../kvm/kvm-userfault.js';
import { KVM_MEM_GUEST_MEMFD, LIVE, type Memslot, MS_STATE, NO_MEMSLOT } from '../kvm/memslot.js';
import { type Backing, Mm, type MmConfig, mmArenaWords } from '../kvm/mm.js';
import { Observer } from '../kvm/observer.js';
import { splitEager } from '../kvm/split-eager.js';
import { tdpMmu } from '../kvm/tdp-mmu.js';
import { Userfaultfd, UserfaultWaiters } from '../kvm/userfaultfd.js';
import { type Resolve, uffdioResolve } from '../kvm/userfaultfd-ioctl.js';
import type { Vcpu } from '../kvm/vcpu.js';
import type { RunPlan } from '../kvm/vcpu-run.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { LEVEL_2M, LEVEL_4K, ROOT_LEVEL, TABLE_SHIFT } from '../units.js';
import type { UserfaultOptions } from './cell.js';
import { REGION_GFN, regionPages, tablesOfLevel } from './memstress.js';
import { type Phase, rootsPhase } from './scenario.js';

const MEMSLOT = 1;

/** What a backing of the selftest is to the host. */
const BACKINGS: Record<UserfaultOptions['backing'], { kind: Backing; hostPageShift: number }> = {
  anonymous: { kind: 'anonymous', hostPageShift: 0 },
  anonymous_thp: { kind: 'anonymous', hostPageShift: TABLE_SHIFT },
  shmem: { kind: 'shmem', hostPageShift: 0 },
  shared_hugetlb_2mb: { kind: 'shmem', hostPageShift: TABLE_SHIFT },
  guest_memfd: { kind: 'guest_memfd', hostPageShift: 0 },
};

export type ConfigOptions = UserfaultOptions & { preallocate: boolean };

/** userfaultfds of a cell. */
export function uffdCount(options: Pick<UserfaultOptions, 'uffd' | 'singleUffd' | 'overlap' | 'vcpus'>): number {
  if (options.uffd === 'none') return 0;
  return options.singleUffd || options.overlap ? 1 : options.vcpus;
}

/** Reader threads of a cell. */
export function readerCount(options: UserfaultOptions): number {
  return uffdCount(options) * options.readers;
}

/** Locks and atomic lines of a cell, with room for a few of the scenario's own. */
export function userfaultLockCount(options: UserfaultOptions): number {
  return 16 + 5 * Math.max(1, uffdCount(options));
}

function kvmConfigOf(options: ConfigOptions): KvmConfig {
  const pages = regionPages(options);
  const guestMemfd = options.backing === 'guest_memfd';
  return {
    vcpuCount: options.vcpus,
    ept: true,
    mmu: tdpMmu,
    split: splitEager,
    preempt: 'full',
    wpFaultLock: 'write',
    dirtyLevel: LEVEL_4K,
    initiallyAllSet: false,
    guest: { processCount: 1, leafLevel: LEVEL_4K },
    requestedMmuPages: 0,
    era: ERAS['2024'],
    memslotStructure: 'tree',
    maxMemslots: MEMSLOT + 1,
    lastUsed: 'vcpu',
    slotZapAll: true,
    hostLevel: BACKINGS[options.backing].hostPageShift === 0 ? LEVEL_4K : LEVEL_2M,
    memslots: [{ id: MEMSLOT, baseGfn: REGION_GFN, npages: pages, hvaPage: 0, flags: guestMemfd ? KVM_MEM_GUEST_MEMFD : 0 }],
    capUserfault: options.kvmUserfault || guestMemfd,
    kernelAsyncPf: options.asyncPf === 'kernel',
    archRoom: 0,
    tableCapacity: 3 * tablesNeeded(pages) + options.vcpus,
    descCapacity: 64,
  };
}

/** Tables that map the region with 4 KiB pages. They are not reused, and a vCPU that loses the race for one has made one in vain. */
function tablesNeeded(pages: number): number {
  let tables = 0;
  for (let level = 1; level <= ROOT_LEVEL; level++) tables += tablesOfLevel(pages, level);
  return tables;
}

function mmConfigOf(options: ConfigOptions): MmConfig {
  const { kind, hostPageShift } = BACKINGS[options.backing];
  return {
    pageCount: regionPages(options),
    hostPageShift,
    backing: kind,
    preallocated: kind === 'shmem' && options.preallocate,
    vmaCount: Math.max(1, uffdCount(options)),
    vmaLocks: options.vmaLocks,
  };
}

/** Words that `new UserfaultWorld` carves, with `threadCount` threads in all. */
export function userfaultArenaWords(options: ConfigOptions, threadCount: number): number {
  const uffds = uffdCount(options) * Userfaultfd.arenaWords(options.readers);
  return kvmArenaWords(kvmConfigOf(options)) + mmArenaWords(mmConfigOf(options)) + uffds + UserfaultWaiters.arenaWords(threadCount) + 2 * LINE_WORDS;
}

/** How user space gets the contents of a page before it maps the page. */
export interface PageSource {
  fetchPage(cpu: Cpu, unit: number): KernelPath;
}

export class UserfaultWorld {
  readonly options: ConfigOptions;
  readonly kvm: Kvm;
  readonly mm: Mm;
  readonly uffds: Userfaultfd[];
  readonly firstGfn = REGION_GFN;
  readonly #source: PageSource | undefined;
  /** What vCPUs do besides running their guest. */
  readonly runPlan: RunPlan;
  #slot: Memslot = NO_MEMSLOT;
  /** vCPU threads that have not finished. */
  readonly #running: Word;

  constructor(arena: Arena, locks: LockFactory, parts: { options: ConfigOptions; threadCount: number; source: PageSource | undefined; initialize: boolean }) {
    const { options, initialize } = parts;
    this.options = options;
    this.#source = parts.source;
    this.runPlan = { process: 0, stopAt: 0, onMemoryFault: (vcpu, gfn) => this.#onMemoryFault(vcpu, gfn), onFinish: (cpu) => this.#finishVcpu(cpu) };
    this.kvm = new Kvm(arena, locks, kvmConfigOf(options), initialize);
    this.mm = new Mm(arena, locks, mmConfigOf(options), initialize);
    this.kvm.mm = this.mm;
    this.#running = arena.carveLine('runningVcpus');
    if (initialize) arena.words[this.#running] = options.vcpus;
    const waiters = new UserfaultWaiters(arena, parts.threadCount);
    this.uffds = Array.from({ length: uffdCount(options) }, (_, index) => this.#makeUffd(arena, locks, { index, waiters, initialize }));
    this.mm.userfaultfds.push(...this.uffds);
  }

  #makeUffd(arena: Arena, locks: LockFactory, parts: { index: number; waiters: UserfaultWaiters; initialize: boolean }): Userfaultfd {
    const { vcpus, readers, uffd, readerWait } = this.options;
    assert(uffd !== 'none', 'a userfaultfd without a mode');
    const first = vcpus + 1 + parts.index * readers;
    return new Userfaultfd(arena, locks, { ...parts, mode: uffd, wait: readerWait, readers: Array.from({ length: readers }, (_, n) => first + n) });
  }

  /** Before vCPUs run: page tables, and with KVM Userfault all pages are still to come. */
  setUpPhases(): Phase[] {
    const enable: Phase = { metric: '', crew: 'ioctl', orderSensitive: false, path: (cpu) => this.#enableUserfault(cpu) };
    return [rootsPhase(this.kvm), ...(this.options.kvmUserfault ? [enable] : [])];
  }

  /** The path of a reader thread, which has each fault resolved by `resolve`. */
  reader(cpu: Cpu, resolve: (ctx: Userfaultfd, cpu: Cpu, unit: number) => KernelPath<unknown> = (ctx, own, unit) => this.#resolve(ctx, own, unit)): KernelPath {
    const nth = cpu.id - this.options.vcpus - 1;
    const ctx = this.uffds[Math.floor(nth / this.options.readers)];
    return runReader(ctx, cpu, { index: nth % this.options.readers, resolve: (own, unit) => resolve(ctx, own, unit) });
  }

  /** A fault costs no generator more than it must: with nothing to fetch, the ioctl is all. */
  #resolve(ctx: Userfaultfd, cpu: Cpu, unit: number): KernelPath<unknown> {
    const page = { unit, how: this.#how };
    return this.#source === undefined ? uffdioResolve(this.mm, ctx, cpu, page) : this.#fetchAndResolve(this.#source, ctx, cpu, page);
  }

  *#fetchAndResolve(source: PageSource, ctx: Userfaultfd, cpu: Cpu, page: { unit: number; how: Resolve }): KernelPath {
    if (cpu.call(source.fetchPage(cpu, page.unit))) yield;
    if (cpu.call(uffdioResolve(this.mm, ctx, cpu, page))) yield;
  }

  get #how(): Resolve {
    return this.options.uffd === 'minor' ? 'continue' : 'copy';
  }

  /** How user space puts contents into a page that no reader was told of; undefined where it leaves that to the kernel. */
  fill(cpu: Cpu, unit: number): KernelPath<unknown> | undefined {
    const { mm } = this;
    if (mm.config.backing === 'guest_memfd') return populateGuestMemfd(mm, cpu, unit);
    const ctx = this.uffds.length === 0 || mm.isMapped(unit) ? undefined : mm.userfaultfdFor(unit);
    return ctx === undefined ? undefined : uffdioResolve(mm, ctx, cpu, { unit, how: this.#how });
  }

  /** What a vCPU's thread does with an exit of KVM Userfault: it brings the page itself. */
  *#onMemoryFault(vcpu: Vcpu, gfn: number): KernelPath {
    const { cpu } = vcpu;
    if (this.#source !== undefined) {
      if (cpu.call(this.#source.fetchPage(cpu, this.mm.unitOf(gfn - REGION_GFN)))) yield;
    }
    if (cpu.call(this.bringPage(cpu, gfn))) yield;
  }

  /** Puts a page in place, and lets KVM have it. */
  *bringPage(cpu: Cpu, gfn: number): KernelPath {
    const path = this.fill(cpu, this.mm.unitOf(gfn - REGION_GFN));
    if (path !== undefined) {
      if (cpu.call(path)) yield;
    }
    if (cpu.touch(this.userfaultWord(gfn))) yield;
    this.clearUserfault(cpu, gfn);
  }

  /** Word to touch before `clearUserfault`. */
  userfaultWord(gfn: number): Word {
    return userfaultBitmapWord(this.kvm, this.#memslot(), gfn);
  }

  /** KVM may map the page from now on. */
  clearUserfault(cpu: Cpu, gfn: number): void {
    clearUserfaultBit(this.kvm, cpu, gfn, this.#memslot());
  }

  /** The one memslot: user space knows it. It changes only while vCPUs do not run. */
  #memslot(): Memslot {
    const { words } = this.kvm;
    if (this.#slot === 0 || words[this.#slot + MS_STATE] !== LIVE) this.#slot = this.kvm.memslots.idToMemslot(new Observer(words), MEMSLOT);
    return this.#slot;
  }

  *#enableUserfault(cpu: Cpu): KernelPath {
    setAllUserfaultBits(this.kvm, MEMSLOT);
    yield* enableUserfault(this.kvm, cpu, MEMSLOT);
  }

  /** After it: everything is there. */
  disableUserfault(cpu: Cpu, recovery: 'eager' | 'on-demand'): KernelPath {
    return disableUserfault(this.kvm, cpu, MEMSLOT, recovery);
  }

  /** A vCPU's thread ends; the last wakes the main thread. */
  *#finishVcpu(cpu: Cpu): KernelPath {
    if (cpu.touch(this.#running)) yield;
    if (cpu.fetchAdd(this.#running, -1) === 1) cpu.wake(this.options.vcpus);
  }

  /** The main thread: waits for the vCPUs, then stops the readers. */
  *joinVcpus(cpu: Cpu): KernelPath {
    cpu.prepareToSleep();
    if (cpu.touch(this.#running)) yield;
    if (cpu.load(this.#running) > 0) {
      if (cpu.schedule('pthread_join')) yield;
    }
    cpu.cancelSleep();
    for (const ctx of this.uffds) {
      for (let index = 0; index < ctx.readerCount; index++) {
        if (cpu.touch(ctx.readerStateWord(ctx.reader(index)))) yield;
        ctx.quitReader(cpu, index);
      }
    }
  }

  /** Throws when one of the `installed` host pages was not mapped and resolved exactly once, or somebody is left waiting. */
  check(counters: Record<string, number>, installed: number): void {
    this.kvm.mmu.checkInvariants(this.kvm);
    for (const ctx of this.uffds) ctx.assertEmpty();
    assert(counters.hostPagesInstalled === installed, `${counters.hostPagesInstalled} host pages installed, expected each of ${installed} once`);
    if (this.uffds.length === 0) return;
    const resolved = counters.uffdCopies + counters.uffdContinues - counters.uffdEexists;
    assert(resolved === installed, `${resolved} host pages resolved by userfaultfd, expected each of ${installed} once`);
  }
}
