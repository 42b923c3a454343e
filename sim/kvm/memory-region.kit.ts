// A small VM whose memslots may change, for tests: four memslots, two vCPUs, any structure, and the virtual engine to run paths on.

import type { KernelPath } from '../engine/cpu.js';
import { VirtualEngine } from '../engine/virtual/engine.js';
import { AccessPattern } from '../guest/access-pattern.js';
import { costsInNs, loadProfile } from '../machine/profile.js';
import { Arena } from '../memory/arena.js';
import { blockWords } from '../memory/heap.js';
import { HostMemory } from '../memory/host-memory.js';
import { PAGE_BYTES } from '../units.js';
import { ERAS } from './era.js';
import { walkLockless } from './fast-page-fault.js';
import { Kvm, type KvmConfig, kvmArenaWords } from './kvm.js';
import { clearUserfaultBit, userfaultBitmapWord } from './kvm-userfault.js';
import { checkMappings } from './mapping-invariant.js';
import type { MemoryRegion } from './memory-region.js';
import { type MemslotFields, readMemslot } from './memslot.js';
import { MEMSLOT_STRUCTURES } from './memslot-sets.js';
import { memslotStructures } from './memslot-structures.js';
import { archWords, dirtyBitmapOf } from './memslots.js';
import { Observer } from './observer.js';
import { shadowMmu } from './shadow-mmu.js';
import { SP_IN_USE, spHeader, sptepToSp } from './shadow-page.js';
import { splitLazy } from './split-lazy.js';
import { Vcpu } from './vcpu.js';
import { type RunPlan, stopVcpus, vcpuRun } from './vcpu-run.js';

/** The structures that there are. */
export const STRUCTURES = MEMSLOT_STRUCTURES.filter((name) => memslotStructures[name] !== undefined);

/** Ids are below it. */
export const MAX_MEMSLOTS = 16;
const HOST_PAGES = 2048;

/** 1 and 2 touch each other; between 2 and 3 there is a hole of 128 pages. */
export const PLANS = [
  { id: 0, baseGfn: 0, npages: 16, hvaPage: 1 },
  { id: 1, baseGfn: 256, npages: 64, hvaPage: 100 },
  { id: 2, baseGfn: 320, npages: 64, hvaPage: 200 },
  { id: 3, baseGfn: 512, npages: 100, hvaPage: 300 },
] as const;

/** Room for so many memslots of 100 pages beside those. */
const ROOM = 6;

export class RegionKvm {
  readonly kvm: Kvm;
  readonly host: HostMemory;
  readonly engine: VirtualEngine;
  readonly vcpus: readonly Vcpu[];

  constructor(changes: Partial<KvmConfig> = {}, seed = 1) {
    const config = { ...baseConfig(), ...changes };
    const arena = Arena.ofWords(kvmArenaWords(config) + HostMemory.arenaWords(HOST_PAGES));
    const profile = loadProfile('xeon-8167m-2021');
    this.engine = new VirtualEngine(arena, config.vcpuCount, { topology: profile.topology, smt: profile.smt, costNs: costsInNs(profile), seed });
    this.kvm = new Kvm(arena, this.engine.locks, config, true);
    this.host = new HostMemory(arena, HOST_PAGES);
    for (let page = 0; page < HOST_PAGES; page++) this.host.add(page);
    this.kvm.hostMemory = this.host;
    this.kvm.mmu.createRoots(this.kvm, this.ioctl);
    this.vcpus = this.engine.cpus.slice(0, config.vcpuCount).map((cpu) => new Vcpu(cpu));
  }

  get ioctl() {
    return this.engine.cpus[this.engine.cpus.length - 1];
  }

  get counters() {
    return this.engine.counters;
  }

  /** Runs a path of the ioctl thread alone. */
  exec<T>(path: KernelPath<T>): T {
    return this.beside(path, []);
  }

  /** Runs one path for each of the first vCPUs. */
  runGuests(...guests: KernelPath[]): void {
    this.engine.runGang(guests.map((path, id) => ({ cpu: this.engine.cpus[id], path })));
  }

  /** Runs a path of the ioctl thread beside one path for each of the first vCPUs; all of them end. */
  beside<T>(path: KernelPath<T>, guests: readonly KernelPath[]): T {
    let result: T | undefined;
    function* keep(): KernelPath {
      result = yield* path;
    }
    this.engine.runGang([{ cpu: this.ioctl, path: keep() }, ...guests.map((guest, id) => ({ cpu: this.engine.cpus[id], path: guest }))]);
    return result as T;
  }

  /** A vCPU that touches each page of a span, in order: pass after pass until `stopAt`, or `passes` times. Its user space lets KVM have any page at once. */
  *touch(id: number, span: { gfn: number; npages: number }, plan: { passes?: number; stopAt?: number; write?: boolean } = {}): KernelPath {
    const pattern = new AccessPattern(id + 1);
    pattern.plan({ firstGfn: span.gfn, pages: span.npages, random: false, writePercent: plan.write === false ? 0 : 100, writeEvery: 0 });
    for (let pass = 0; pass < (plan.passes ?? 1); pass++) yield* vcpuRun(this.kvm, this.vcpus[id], pattern, this.#runPlan(plan.stopAt ?? 0));
  }

  #runPlan(stopAt: number): RunPlan {
    return { process: 0, stopAt, onMemoryFault: (vcpu, gfn) => this.#bringPage(vcpu, gfn) };
  }

  *#bringPage({ cpu }: Vcpu, gfn: number): KernelPath {
    const memslot = this.kvm.memslots.gfnToMemslot(new Observer(this.kvm.words), gfn);
    if (cpu.touch(userfaultBitmapWord(this.kvm, memslot, gfn))) yield;
    clearUserfaultBit(this.kvm, cpu, gfn, memslot);
  }

  /** The ioctl thread's path, after which the vCPUs with this `stopAt` end. */
  *thenStop<T>(path: KernelPath<T>, stopAt: number): KernelPath<T> {
    const result = yield* path;
    yield* stopVcpus(this.kvm, this.ioctl, stopAt);
    return result;
  }

  /** The memslots in order of gfn. */
  memslots(): MemslotFields[] {
    const all: MemslotFields[] = [];
    this.kvm.eachMemslot((memslot) => all.push(readMemslot(this.kvm.words, memslot)));
    return all.sort((a, b) => a.baseGfn - b.baseGfn);
  }

  /** Ids in order of gfn. */
  ids(): number[] {
    return this.memslots().map(({ id }) => id);
  }

  /** Pages of memslot `id` that are mapped. */
  mapped(id: number): number {
    const { baseGfn, npages } = this.#fields(id);
    let count = 0;
    for (let gfn = baseGfn; gfn < baseGfn + npages; gfn++) if (this.#isMapped(gfn)) count++;
    return count;
  }

  /** Offsets of the pages of memslot `id` that its bitmap says are dirty. */
  dirtyPages(id: number): number[] {
    const { npages, arch } = this.#fields(id);
    const bitmap = dirtyBitmapOf(this.kvm.words, arch);
    return Array.from({ length: npages }, (_, page) => page).filter((page) => (this.kvm.words[bitmap + (page >>> 5)] & (1 << (page & 31))) !== 0);
  }

  #fields(id: number): MemslotFields {
    const found = this.memslots().find((fields) => fields.id === id);
    if (found === undefined) throw new Error(`no memslot ${id}`);
    return found;
  }

  #isMapped(gfn: number): boolean {
    return walkLockless(this.kvm, new Observer(this.kvm.words), this.kvm.words[this.kvm.roots], gfn).level !== 0;
  }

  check(): void {
    this.kvm.memslots.checkInvariants();
    this.kvm.mmu.checkInvariants(this.kvm);
    checkMappings(this.kvm);
    for (const vcpu of this.vcpus) this.#checkTlb(vcpu);
  }

  /** What a vCPU may use without a walk is mapped, unless it has been told to flush before its next access. */
  #checkTlb(vcpu: Vcpu): void {
    if (vcpu.tlbGeneration !== this.kvm.words[this.kvm.tlbGeneration] || vcpu.needsRoot || vcpu.root === 0) return;
    for (const { baseGfn, npages } of this.memslots()) {
      for (let gfn = baseGfn; gfn < baseGfn + npages; gfn++) {
        if (vcpu.tlb.hits(gfn, false) && !this.#isMapped(gfn)) throw new Error(`vCPU ${vcpu.cpu.id} still has gfn ${gfn} in its TLB`);
      }
    }
    const { cachedRegion, cachedTable } = vcpu.tlb;
    if (cachedRegion < 0) return;
    const sp = sptepToSp(this.kvm, cachedTable);
    if (this.kvm.words[spHeader(this.kvm, sp) + SP_IN_USE] === 0) throw new Error(`vCPU ${vcpu.cpu.id} still walks table ${sp}, which is free`);
  }
}

function baseConfig(): KvmConfig {
  return {
    vcpuCount: 2,
    ept: true,
    mmu: shadowMmu,
    split: splitLazy,
    preempt: 'full',
    wpFaultLock: 'write',
    dirtyLevel: 1,
    initiallyAllSet: false,
    guest: { processCount: 1, leafLevel: 1 },
    requestedMmuPages: 0,
    era: ERAS['2021'],
    memslotStructure: 'tree',
    maxMemslots: MAX_MEMSLOTS,
    lastUsed: 'shared',
    slotZapAll: true,
    hostLevel: 1,
    memslots: [...PLANS],
    archRoom: ROOM * blockWords(archWords(100)),
    tableCapacity: 64,
    descCapacity: 64,
  };
}

/** A region in pages of 4 KiB, as user space sets it; 0 pages delete. */
export function region(slot: number, at: { gfn?: number; npages: number; hva?: number; flags?: number }): MemoryRegion {
  const bytes = (pages: number): number => pages * PAGE_BYTES;
  return { slot, flags: at.flags ?? 0, guestPhysAddr: bytes(at.gfn ?? 0), memorySize: bytes(at.npages), userspaceAddr: bytes(at.hva ?? 0) };
}

/** Memslot `id` of PLANS, changed. */
export function planned(id: number, changes: { gfn?: number; npages?: number; hva?: number; flags?: number } = {}): MemoryRegion {
  const { baseGfn, npages, hvaPage } = PLANS[id];
  return region(id, { gfn: baseGfn, npages, hva: hvaPage, ...changes });
}
