// All guest memory is write-protected, again and again, while vCPUs write it and another thread of the host changes pages: the three who want mmu_lock.
// In the spirit of `mmtest`, which came with "[RFC PATCH 00/12] KVM: MMU: locklessly wirte-protect" (2013) and is not at hand.
//
// Phases: vCPUs write all their pages once; then the window that is measured; then the log is read once more, to check that no write is missing in it.
// The window: one ioctl turns logging on and so protects the whole memslot, then KVM_GET_DIRTY_LOG protects what was written since, so many times. With a
// period, the first starts one period after the window, the next one period after that, and the window ends one period after the last has started: then every
// way to protect and every lock has the same window with the same ioctls at the same times, and what differs is how much vCPUs wrote. The host's changes
// are due at fixed times too; what comes late is made up for.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, LockFactory, Word } from '../engine/cpu.js';
import { GuestRandom } from '../guest/random.js';
import { changeHostPage } from '../kvm/change-host-page.js';
import { enableDirtyLogging, getDirtyLog } from '../kvm/dirty-log.js';
import { Kvm } from '../kvm/kvm.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import { checkMappings } from '../kvm/mapping-invariant.js';
import type { KvmPlant } from '../kvm/plants.js';
import { stateHash } from '../kvm/state-hash.js';
import { awaitKickedVcpus } from '../kvm/vcpu.js';
import { stopVcpus } from '../kvm/vcpu-run.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { HostMemory } from '../memory/host-memory.js';
import type { MeasuredValue, StallReport, WriteProtectOptions } from './cell.js';
import { copyLoggedPages } from './dirty-pages.js';
import { LockWaits } from './lock-waits.js';
import { REGION_GFN, regionPages } from './memstress.js';
import { sleepUntil } from './network.js';
import { PageVersions } from './page-versions.js';
import { type Phase, rootsPhase, type Scenario, type World } from './scenario.js';
import { loadWide, storeWide, WIDE_WORDS } from './wide-words.js';
import { hostPagePages, writeProtectArenaWords, writeProtectKvmConfig } from './write-protect-options.js';
import { WriterBook } from './writer-book.js';
import { Writers } from './writers.js';

const PS_PER_NS = 1000;
const PS_PER_SECOND = 1e12;
const MEMSLOT = 1;
const WINDOW = 'window';

/** The scenario of one cell, with a planted bug where a check must find it. `options` have passed `checkWriteProtectOptions`. */
export function writeProtectScenario(options: WriteProtectOptions, plant?: KvmPlant): Scenario {
  return {
    vcpuCount: options.vcpus,
    serviceCount: 1,
    arenaWords: writeProtectArenaWords(options),
    build: (arena, locks, initialize) => new WriteProtectWorld(options, { arena, locks, initialize, ...(plant === undefined ? {} : { plant }) }),
  };
}

// Sums of the ioctl thread and of the thread that changes host pages, picoseconds.
const PROTECT_PS = 0;
const GET_PS = PROTECT_PS + WIDE_WORDS;
const CHANGE_PS = GET_PS + WIDE_WORDS;

class WriteProtectWorld implements World {
  readonly phases: Phase[];
  readonly lockSites = LOCK_SITE_NAMES;
  readonly kvm: Kvm;
  readonly #options: WriteProtectOptions;
  readonly #host: HostMemory;
  readonly #versions: PageVersions;
  readonly #book: WriterBook;
  readonly #writers: Writers;
  readonly #sums: Word;
  /** Value of the stop word that ends the window: its number among the phases. */
  readonly #stop = 3;

  constructor(options: WriteProtectOptions, place: { arena: Arena; locks: LockFactory; initialize: boolean; plant?: KvmPlant }) {
    const { arena, locks, initialize, plant } = place;
    const pages = regionPages(options);
    this.#options = options;
    const waits = new LockWaits(options.vcpus);
    const config = writeProtectKvmConfig(options);
    this.kvm = new Kvm(arena, locks, { ...config, mmu: waits.meter(config.mmu), ...(plant === undefined ? {} : { plant }) }, initialize);
    this.#host = new HostMemory(arena, pages);
    this.kvm.hostMemory = this.#host;
    if (initialize) for (let page = 0; page < pages; page++) this.#host.add(page);
    this.#versions = new PageVersions(arena, { firstGfn: REGION_GFN, pages });
    this.#book = new WriterBook(arena, options.vcpus);
    this.#writers = new Writers(this.kvm, { options, computePs: Math.round(options.computeNs * PS_PER_NS), waits, versions: this.#versions });
    this.#sums = arena.carve('writeProtectSums', LINE_WORDS);
    this.phases = [
      rootsPhase(this.kvm),
      { metric: '', crew: 'vcpus', orderSensitive: true, path: (cpu) => this.#writers.populate(cpu) },
      { metric: WINDOW, crew: 'served', orderSensitive: true, path: (cpu) => this.#runWindow(cpu) },
      { metric: '', crew: 'ioctl', orderSensitive: false, path: (cpu) => this.#readLog(cpu) },
    ];
  }

  #runWindow(cpu: Cpu): KernelPath {
    const { vcpus } = this.#options;
    if (cpu.id < vcpus) return this.#writers.write(cpu, this.#book, this.#stop);
    return cpu.id === vcpus ? this.#protect(cpu) : this.#changePages(cpu);
  }

  /** The ioctl thread: logging on, then the passes, each when it is due. */
  *#protect(cpu: Cpu): KernelPath {
    const { passes, periodNs } = this.#options;
    const periodPs = Math.round(periodNs * PS_PER_NS);
    const startPs = cpu.now();
    for (let pass = 0; pass <= passes; pass++) {
      yield* sleepUntil(cpu, startPs + (pass + 1) * periodPs);
      yield* this.#timed(cpu, pass === 0 ? PROTECT_PS : GET_PS, pass === 0 ? enableDirtyLogging : getDirtyLog);
      yield* this.#copyPages(cpu, pass === 0);
    }
    yield* sleepUntil(cpu, startPs + (passes + 2) * periodPs);
    yield* stopVcpus(this.kvm, cpu, this.#stop);
  }

  *#timed(cpu: Cpu, sum: number, ioctl: (kvm: Kvm, cpu: Cpu, id: number) => KernelPath): KernelPath {
    const startPs = cpu.now();
    this.#book.setAtWork(cpu, true);
    yield* ioctl(this.kvm, cpu, MEMSLOT);
    this.#book.setAtWork(cpu, false);
    this.#add(cpu, sum, cpu.now() - startPs);
  }

  #add(cpu: Cpu, sum: number, ps: number): void {
    storeWide(cpu.words, this.#sums + sum, loadWide(cpu.words, this.#sums + sum) + ps);
  }

  /**
   * User space copies all memory, then what the log has, once no vCPU writes on through a stale TLB entry. It takes no time here: what is measured is KVM.
   */
  *#copyPages(cpu: Cpu, all: boolean): KernelPath {
    yield* awaitKickedVcpus(this.kvm, cpu);
    if (all) this.#versions.copyAll(cpu);
    else copyLoggedPages(this.kvm, cpu, MEMSLOT, this.#versions);
  }

  *#readLog(cpu: Cpu): KernelPath {
    yield* getDirtyLog(this.kvm, cpu, MEMSLOT);
    copyLoggedPages(this.kvm, cpu, MEMSLOT, this.#versions);
  }

  /** The host changes one page after the other, drawn from all of them, until the window is over. */
  *#changePages(cpu: Cpu): KernelPath {
    const { notifierRate, guestSeed, backing } = this.#options;
    if (notifierRate === 0) return;
    const count = hostPagePages(backing);
    const random = new GuestRandom(guestSeed + cpu.id);
    const startPs = cpu.now();
    for (let change = 1; ; change++) {
      yield* sleepUntil(cpu, startPs + Math.round((change * PS_PER_SECOND) / notifierRate));
      if (cpu.touch(this.kvm.stopWord)) yield;
      if (cpu.load(this.kvm.stopWord) === this.#stop) return;
      const changeStartPs = cpu.now();
      const first = (random.next() % (this.#host.pageCount / count)) * count;
      yield* changeHostPage(this.kvm, cpu, this.#host, { first, count });
      this.#add(cpu, CHANGE_PS, cpu.now() - changeStartPs);
    }
  }

  values(counters: Record<string, number>): MeasuredValue[] {
    const { vcpus, passes } = this.#options;
    const [protectPs, getPs, changePs] = [PROTECT_PS, GET_PS, CHANGE_PS].map((sum) => loadWide(this.kvm.words, this.#sums + sum));
    const { writes, writesBeside, runPs, lockWaitPs, stalledPs } = this.#book.sums();
    const { count, maxNs, histogram } = this.#book.stalls();
    const values: Record<string, number> = {
      protect_slot: Math.round(protectPs / PS_PER_NS),
      get_dirty_log: Math.round(getPs / passes / PS_PER_NS),
      protect_ns_per_spte: (protectPs + getPs) / PS_PER_NS / Math.max(1, counters.sptesWriteProtected),
      vcpu_writes_per_second: (vcpus * writes * PS_PER_SECOND) / runPs,
      writes_per_second_beside_ioctl: (writesBeside * PS_PER_SECOND) / (protectPs + getPs),
      write_faults: count,
      stall_p50: histogram.p50Ns,
      stall_p99: histogram.p99Ns,
      stall_max: maxNs,
      fault_share: Math.max(0, stalledPs - lockWaitPs) / runPs,
      mmu_lock_wait_share: lockWaitPs / runPs,
      ...(counters.hostPagesChanged === 0 ? {} : { host_page_change: Math.round(changePs / counters.hostPagesChanged / PS_PER_NS) }),
    };
    return Object.entries(values).map(([metric, value]) => ({ metric, value, orderSensitive: vcpus > 1 }));
  }

  stalls(): StallReport[] {
    return this.#writers.stalls(WINDOW, this.#book);
  }

  stateHash(): string {
    return stateHash(this.kvm);
  }

  check(): void {
    this.kvm.mmu.checkInvariants(this.kvm);
    checkMappings(this.kvm);
    assert(this.kvm.words[this.kvm.invalidateInProgress] === 0, 'an invalidation never ended');
    this.#versions.assertCopied();
  }
}
