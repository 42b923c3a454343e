// One vCPU: its TLB, its PML buffer, its root, and the page walk of the hardware.
// Left out: two vCPUs on one TLB, prefetching page walkers, the guest's own A and D bits.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { bucketOf, HISTOGRAM_BUCKETS } from '../engine/histogram.js';
import * as units from '../units.js';
import { markPageDirty } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import * as memslotFields from './memslot.js';
import * as shadowPage from './shadow-page.js';
import { spHeader, spTable } from './shadow-page.js';
import * as spteBits from './spte.js';
import { isLeaf, sptePayload, tableIndex } from './spte.js';
import { Tlb } from './tlb.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { ROOT_LEVEL, TABLE_SHIFT } = units;
const { NO_MEMSLOT } = memslotFields;
const { SP_NODE } = shadowPage;
const { ACCESSED, DIRTY, PRESENT, WRITABLE } = spteBits;

export const PML_ENTRIES = 512;

/** What an access of the hardware ends in. */
export const Access = { done: 0, fault: 1, pmlFull: 2 } as const;

/** Stalls of one kind of access: from the first attempt to the one that succeeds. Picoseconds. */
export class Stalls {
  count = 0;
  totalPs = 0;
  maxPs = 0;
  readonly histogram = new Float64Array(HISTOGRAM_BUCKETS);

  add(ps: number): void {
    this.count++;
    this.totalPs += ps;
    if (ps > this.maxPs) this.maxPs = ps;
    this.histogram[bucketOf(ps)] += 1;
  }
}

/** Where stalls go until a phase collects them. */
const NO_STALLS = new Stalls();

export class Vcpu {
  readonly cpu: Cpu;
  readonly tlb = new Tlb();
  // The fields of every fault come first: they share cache lines of the host.
  /** Arena word of the spte that the last walk ended at. */
  lastSptep = 0;
  /** The last fault found a present spte: it was for the lack of permission. */
  faultPresent = false;
  /** Root shadow page in use. */
  root = 0;
  process = 0;
  tlbGeneration = 0;
  /** Number of the last zap of everything that `root` has seen, and whether there has been another. */
  validGen = 0;
  needsRoot = false;
  /** Memslot of the current fault, NO_MEMSLOT for none; valid within its SRCU read section. */
  memslot = NO_MEMSLOT;
  /** Generation of the memslots in which it was found. */
  memslotGeneration = -1;
  /** The mmu notifier's sequence when the current fault began. */
  invalidateSeq = 0;
  /** SRCU index of the current fault's read section, once its memslot is found; -1 outside. */
  srcuIndex = -1;
  pmlCount = 0;
  /** When the current access began, picoseconds. */
  accessStart = 0;
  /** The current fault holds mmu_lock for read where its MMU normally takes it for write. */
  readLocked = false;
  /** The last call of fast_page_fault() has fixed the fault. */
  fastFixed = false;
  /** The read lock did not do for the last fault: the next takes the lock for write. */
  needsWriteLock = false;
  writeStalls = NO_STALLS;
  readStalls = NO_STALLS;
  /** Level that the current fault maps at. */
  goalLevel = 0;
  /** Value of the leaf spte when the current fault walked to it. */
  seenSpte = 0;
  /** Planned length of the current stretch of guest time, picoseconds, and its accesses. */
  stretchPs = 0;
  stretchReads = 0;
  stretchWrites = 0;
  readonly pml = new Int32Array(PML_ENTRIES);

  constructor(cpu: Cpu) {
    this.cpu = cpu;
  }
}

/**
 * One access of the guest to `gfn`, by the hardware: TLB, page walk, A and D bits, PML. Returns an `Access`.
 * Locks: none. Suspends: never; the caller has just touched the spte. Models what VMX does without KVM.
 */
export function hardwareAccess(kvm: Kvm, vcpu: Vcpu, gfn: number, write: boolean): number {
  const { cpu, tlb } = vcpu;
  const { counters } = cpu;
  if (tlb.hits(gfn, write)) {
    counters.tlbHits++;
    return finishAccess(cpu, write);
  }
  counters.tlbMisses++;
  let sptep: number;
  let level = 1;
  let spte: number;
  if (tlb.cachedRegion === gfn >>> TABLE_SHIFT) {
    sptep = tlb.cachedTable + tableIndex(gfn, 1);
    spte = cpu.load(sptep);
    chargeRefs(vcpu, kvm.cachedWalkRefs);
  } else {
    let sp = vcpu.root;
    let path = WRITABLE;
    level = ROOT_LEVEL;
    for (;;) {
      sptep = spTable(kvm, sp) + tableIndex(gfn, level);
      spte = cpu.load(sptep);
      if ((spte & PRESENT) === 0 || isLeaf(spte, level)) break;
      path &= spte;
      sp = sptePayload(spte);
      level--;
    }
    noteTable(kvm, vcpu, gfn, level, sp);
    chargeRefs(vcpu, walkRefs(kvm, ROOT_LEVEL - level + 1));
    if (path === 0) {
      // Writes need the right at every level. The table is not remembered: once the fault has been handled the walk finds another right.
      tlb.cachedRegion = -1;
      spte &= ~WRITABLE;
    }
  }
  vcpu.lastSptep = sptep;
  vcpu.faultPresent = (spte & PRESENT) !== 0;
  if (!vcpu.faultPresent || (write && (spte & WRITABLE) === 0)) return Access.fault;
  if (write && (spte & DIRTY) === 0 && !setDirty(kvm, vcpu, gfn, sptep, level)) return Access.pmlFull;
  if ((spte & ACCESSED) === 0) cpu.fetchOr(sptep, ACCESSED);
  tlb.fill(gfn, level, write ? spte | DIRTY : spte);
  return finishAccess(cpu, write);
}

function finishAccess(cpu: Cpu, write: boolean): number {
  if (write) cpu.counters.guestWrites++;
  else cpu.counters.guestReads++;
  cpu.spend(write ? cpu.cost.guest_write : cpu.cost.guest_read);
  return Access.done;
}

/** Memory references of a walk over `levels` levels: with EPT each guest level and the final address need a walk of their own. */
function walkRefs(kvm: Kvm, levels: number): number {
  if (!kvm.config.ept) return levels;
  const guestLevels = ROOT_LEVEL + 1 - kvm.config.guest.leafLevel;
  return (guestLevels + 1) * (levels + 1) - 1;
}

function noteTable(kvm: Kvm, vcpu: Vcpu, gfn: number, level: number, sp: number): void {
  const { tlb } = vcpu;
  tlb.cachedRemote = kvm.words[spHeader(kvm, sp) + SP_NODE] !== vcpu.cpu.socket;
  if (level !== 1) return;
  tlb.cachedRegion = gfn >>> TABLE_SHIFT;
  tlb.cachedTable = spTable(kvm, sp);
}

function chargeRefs(vcpu: Vcpu, refs: number): void {
  const { cpu } = vcpu;
  cpu.counters.walkRefs += refs;
  cpu.spend(refs * (vcpu.tlb.cachedRemote ? cpu.cost.walk_ref_remote : cpu.cost.walk_ref));
}

/** Sets the D bit if there is one, and logs the page if PML is on. False when the PML buffer is full: the vCPU must exit first. */
function setDirty(kvm: Kvm, vcpu: Vcpu, gfn: number, sptep: number, level: number): boolean {
  const { cpu } = vcpu;
  if (!kvm.hasAdBits) return true;
  const log = level === 1 && kvm.hasPml && kvm.words[kvm.dirtyLoggingCount] > 0;
  if (log && vcpu.pmlCount === PML_ENTRIES) return false;
  cpu.fetchOr(sptep, DIRTY);
  cpu.counters.dirtyAssists++;
  cpu.spend(vcpu.tlb.cachedRemote ? cpu.cost.dirty_assist_remote : cpu.cost.dirty_assist);
  if (log) {
    vcpu.pml[vcpu.pmlCount++] = gfn;
    cpu.counters.pmlAppends++;
    cpu.spend(cpu.cost.pml_append);
  }
  return true;
}

/** Empties the PML buffer into the dirty bitmap, as every VM exit does. Models vmx_flush_pml_buffer(). */
export function flushPmlBuffer(kvm: Kvm, vcpu: Vcpu): void {
  const { cpu } = vcpu;
  if (vcpu.pmlCount === 0) return;
  const section = kvm.srcu.readLock(cpu); // which the kernel holds from each exit to the next entry
  for (let i = 0; i < vcpu.pmlCount; i++) markPageDirty(kvm, cpu, vcpu.pml[i], 1);
  kvm.srcu.readUnlock(cpu, section);
  cpu.spend(vcpu.pmlCount * cpu.cost.pml_entry);
  vcpu.pmlCount = 0;
}

/** States of a vCPU's `inGuestMode` word. The last is the lockless walk of a fault (READING_SHADOW_PAGE_TABLES). */
export const GuestMode = { outside: 0, inside: 1, kicked: 2, walksTables: 3 } as const;

/** An IPI has made the vCPU exit: it empties its PML buffer, drops its TLB if asked to, and enters again. */
export function serviceKick(kvm: Kvm, vcpu: Vcpu): void {
  const { cpu } = vcpu;
  cpu.store(kvm.inGuestMode + cpu.id, GuestMode.inside);
  cpu.fence(); // as at every entry
  cpu.spend(cpu.cost.kick_exit);
  flushPmlBuffer(kvm, vcpu);
  serviceTlbFlush(kvm, vcpu);
}

/** Drops the TLB if another CPU has asked for it. Every VM entry does this, after it has said that it is inside the guest. */
export function serviceTlbFlush(kvm: Kvm, vcpu: Vcpu): void {
  const generation = vcpu.cpu.load(kvm.tlbGeneration);
  if (generation === vcpu.tlbGeneration) return;
  vcpu.tlbGeneration = generation;
  vcpu.tlb.flush();
  vcpu.needsRoot = vcpu.validGen !== vcpu.cpu.load(kvm.mmuValidGen);
  vcpu.cpu.counters.tlbFlushes++;
}

/** Makes every vCPU drop its TLB before its next access. Models kvm_flush_remote_tlbs(). */
export function kvmFlushRemoteTlbs(kvm: Kvm, cpu: Cpu): void {
  if (kvm.plant === 'kick-before-request') kickVcpus(kvm, cpu);
  cpu.fetchAdd(kvm.tlbGeneration, 1);
  cpu.counters.remoteTlbFlushes++;
  cpu.spend(cpu.cost.tlb_flush);
  if (kvm.plant !== 'kick-before-request') kickVcpus(kvm, cpu);
}

/** Waits until every vCPU that was kicked has left the guest, and none is in a lockless walk that began before. Models kvm_kick_many_cpus() with KVM_REQUEST_WAIT. Suspends: between two looks. */
export function* awaitKickedVcpus(kvm: Kvm, cpu: Cpu): KernelPath {
  for (let id = 0; id < kvm.config.vcpuCount; id++) {
    const mode = kvm.inGuestMode + id;
    if (cpu.touch(mode)) yield;
    while (cpu.load(mode) >= GuestMode.kicked) {
      cpu.spend(cpu.cost.kick_ack_poll);
      if (cpu.touch(mode)) yield;
    }
  }
}

/**
 * Waits until no vCPU is in a lockless walk that it may have begun before the TLBs were flushed. Those that run guest code need not be waited for:
 * a kicked one touches nothing before it has dropped its TLB. Models the wait of kvm_flush_remote_tlbs() for READING_SHADOW_PAGE_TABLES. Suspends: between two looks.
 */
export function* awaitTableWalkers(kvm: Kvm, cpu: Cpu): KernelPath {
  for (let id = 0; id < kvm.config.vcpuCount; id++) {
    const mode = kvm.inGuestMode + id;
    while (cpu.load(mode) === GuestMode.walksTables) {
      cpu.spend(cpu.cost.kick_ack_poll);
      if (cpu.touch(mode)) yield;
    }
  }
}

/** Sends an IPI to each vCPU that runs guest code. */
export function kickVcpus(kvm: Kvm, cpu: Cpu): void {
  for (let id = 0; id < kvm.config.vcpuCount; id++) {
    if (cpu.cmpxchg(kvm.inGuestMode + id, GuestMode.inside, GuestMode.kicked) !== GuestMode.inside) continue;
    cpu.counters.ipis++;
    cpu.spend(cpu.cost.ipi);
    cpu.kick(id);
  }
}
