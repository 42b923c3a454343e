// A guest that is migrated while it writes: the strongest thing that a dirty log is for. Each guest write gives its page a new version. User space
// copies every page once, then again and again those that the log says are dirty; when the guest has stopped and the last round is over, all copies
// must be of the last version.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { VirtualEngine } from '../engine/virtual/engine.js';
import { costsInNs, loadProfile } from '../machine/profile.js';
import { Arena } from '../memory/arena.js';
import { blockWords } from '../memory/heap.js';
import { Prng } from '../prng.js';
import { enableDirtyLogging, getDirtyLog } from './dirty-log.js';
import { ERAS } from './era.js';
import { Kvm, type KvmConfig, kvmArenaWords } from './kvm.js';
import { firstMemslot } from './kvm.kit.js';
import { LOCK_SITE_NAMES } from './lock-sites.js';
import { checkMappings } from './mapping-invariant.js';
import { archWords, userBitmap } from './memslots.js';
import { shadowMmu } from './shadow-mmu.js';
import { splitLazy } from './split-lazy.js';
import { Vcpu } from './vcpu.js';
import { type GuestCode, stopVcpus, vcpuRun } from './vcpu-run.js';
import { checkFreedTables, checkWriteProtection } from './write-protect-invariant.js';

/** First gfn of the memslot: 2 MiB aligned. */
const BASE_GFN = 1 << 18;

export interface MigrationPlan {
  config?: Partial<KvmConfig>;
  vcpus?: number;
  npages?: number;
  /** Accesses of one pass of a vCPU, which goes on with another until it has been migrated. */
  accesses?: number;
  /** Rounds beside the running guest. */
  rounds?: number;
  seed?: number;
}

/**
 * Random accesses, half of them writes. A write counts up its page's version when it has been made: at once, or for a stretch of hits, which is
 * planned first and may be cut short, when it is over.
 */
class Writer implements GuestCode {
  readonly #vm: MigratedVm;
  readonly #cpu: Cpu;
  readonly #accesses: { gfn: number; write: boolean }[];
  #index = 0;
  /** Accesses before it have been counted. */
  #counted = 0;
  #marked: { index: number; at: number } | null = null;

  constructor(vm: MigratedVm, cpu: Cpu, plan: { seed: number; accesses: number }) {
    this.#vm = vm;
    this.#cpu = cpu;
    const prng = new Prng(plan.seed);
    this.#accesses = Array.from({ length: plan.accesses }, () => ({ gfn: BASE_GFN + prng.below(vm.npages), write: prng.below(2) === 0 }));
  }

  get gfn(): number {
    return this.#accesses[this.#index].gfn;
  }

  get write(): boolean {
    return this.#accesses[this.#index].write;
  }

  get remaining(): number {
    if (this.#marked !== null && this.#cpu.now() > this.#marked.at) this.#count();
    return this.#accesses.length - this.#index;
  }

  #count(): void {
    this.#marked = null;
    for (; this.#counted < this.#index; this.#counted++) {
      const { gfn, write } = this.#accesses[this.#counted];
      if (write) this.#vm.versions[gfn - BASE_GFN]++;
    }
  }

  restart(): void {
    this.#count();
    this.#index = 0;
    this.#counted = 0;
  }

  alike(): number {
    return 1;
  }

  advance(accesses: number): void {
    this.#index += accesses;
    if (this.#marked === null) this.#count();
  }

  mark(): void {
    this.#marked = { index: this.#index, at: this.#cpu.now() };
  }

  rewind(): void {
    if (this.#marked !== null) this.#index = this.#marked.index;
  }
}

export class MigratedVm {
  readonly kvm: Kvm;
  readonly engine: VirtualEngine;
  readonly vcpus: Vcpu[];
  readonly npages: number;
  readonly versions: Int32Array;
  readonly copies: Int32Array;
  readonly #plan: Required<MigrationPlan>;

  constructor(plan: MigrationPlan = {}) {
    this.#plan = { config: {}, vcpus: 3, npages: 40, accesses: 300, rounds: 6, seed: 1, ...plan };
    const { vcpus, npages, seed, config } = this.#plan;
    this.npages = npages;
    this.versions = new Int32Array(npages);
    this.copies = new Int32Array(npages).fill(-1);
    const full = { ...baseConfig(vcpus, npages), ...config };
    const arena = Arena.ofWords(kvmArenaWords(full));
    const profile = loadProfile('intel-2s48c-2022');
    this.engine = new VirtualEngine(arena, vcpus, { topology: profile.topology, smt: profile.smt, costNs: costsInNs(profile), seed });
    this.kvm = new Kvm(arena, this.engine.locks, full, true);
    this.vcpus = this.engine.cpus.slice(0, vcpus).map((cpu) => new Vcpu(cpu));
    this.engine.runGang([{ cpu: this.#ioctlCpu, path: this.#createRoots(this.#ioctlCpu) }]);
  }

  get #ioctlCpu() {
    return this.engine.cpus[this.#plan.vcpus];
  }

  *#createRoots(cpu: Cpu): KernelPath {
    this.kvm.mmu.createRoots(this.kvm, cpu);
    yield* [];
  }

  /** The guest runs for a while, then is migrated while it goes on. Throws when a copy is old, or an invariant is broken. */
  migrate(): void {
    this.#runGuests(null);
    this.#runGuests(this.#precopy(this.#ioctlCpu));
    this.engine.runGang([{ cpu: this.#ioctlCpu, path: this.#round(this.#ioctlCpu) }]);
    this.check();
    for (let page = 0; page < this.npages; page++) {
      if (this.copies[page] !== this.versions[page]) throw new Error(`page ${page} has version ${this.versions[page]}, its copy ${this.copies[page]}`);
    }
  }

  /** The guest runs for a while; then logging is enabled beside nothing. */
  enableAtRest(): void {
    this.#runGuests(null);
    this.engine.runGang([{ cpu: this.#ioctlCpu, path: enableDirtyLogging(this.kvm, this.#ioctlCpu, 1) }]);
    this.check();
  }

  /** How often mmu_lock was taken at a call site. */
  lockAcquisitions(site: string): number {
    const reports = this.engine.locks.stats.flatMap((stats) => stats.report(LOCK_SITE_NAMES));
    return reports.find((report) => report.lock === 'mmu_lock' && report.site === site)?.acquisitions ?? 0;
  }

  #runGuests(beside: KernelPath | null): void {
    const { accesses, seed } = this.#plan;
    const { processCount } = this.kvm.config.guest;
    const guests = this.vcpus.map((vcpu, id) => ({
      cpu: this.engine.cpus[id],
      path: vcpuRun(this.kvm, vcpu, new Writer(this, vcpu.cpu, { seed: 1000 * seed + id, accesses }), {
        process: id % processCount,
        stopAt: beside === null ? 0 : 1,
      }),
    }));
    this.engine.runGang(beside === null ? guests : [...guests, { cpu: this.#ioctlCpu, path: beside }]);
  }

  *#precopy(cpu: Cpu): KernelPath {
    yield* enableDirtyLogging(this.kvm, cpu, 1);
    this.copies.set(this.versions);
    for (let round = 0; round < this.#plan.rounds; round++) yield* this.#round(cpu);
    yield* stopVcpus(this.kvm, cpu, 1);
  }

  *#round(cpu: Cpu): KernelPath {
    yield* getDirtyLog(this.kvm, cpu, 1);
    const bitmap = userBitmap(this.kvm.words, firstMemslot(this.kvm));
    for (let page = 0; page < this.npages; page++) {
      if ((this.kvm.words[bitmap + (page >>> 5)] & (1 << (page & 31))) !== 0) this.copies[page] = this.versions[page];
    }
  }

  /** Invariants at rest. */
  check(): void {
    this.kvm.mmu.checkInvariants(this.kvm);
    checkMappings(this.kvm);
    checkWriteProtection(this.kvm, this.vcpus);
    if (this.kvm.poisonsFreedTables) checkFreedTables(this.kvm);
  }
}

function baseConfig(vcpuCount: number, npages: number): KvmConfig {
  return {
    vcpuCount,
    ept: true,
    mmu: shadowMmu,
    split: splitLazy,
    preempt: 'full',
    wpFaultLock: 'write',
    dirtyLevel: 1,
    initiallyAllSet: false,
    guest: { processCount: 1, leafLevel: 2 },
    requestedMmuPages: 64,
    era: ERAS['2013'],
    memslotStructure: 'array',
    maxMemslots: 8,
    lastUsed: 'shared',
    slotZapAll: true,
    hostLevel: npages >= 512 ? 2 : 1,
    hasAdBits: false,
    memslots: [{ id: 1, baseGfn: BASE_GFN, npages, hvaPage: 0 }],
    archRoom: blockWords(archWords(npages)),
    tableCapacity: 160,
    descCapacity: 4 * npages + 64,
    poisonsFreedTables: true,
  };
}
