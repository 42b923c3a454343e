// KVM_RUN: the vCPU runs guest code, exits, has its fault handled, enters again. Models vcpu_enter_guest(), kvm_mmu_page_fault() and
// the common part of direct_page_fault(), FNAME(page_fault)() and kvm_tdp_mmu_page_fault().
//
// The fault path stands in line here, not in a generator of its own: a vCPU that suspends is resumed once, not once per level.
// Accesses that hit a huge TLB entry touch nothing shared, so a run of them is one stretch of guest time that a kick may cut short;
// every other access is ordered by itself.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import type { HostMemory } from '../memory/host-memory.js';
import { fastPageFault } from './fast-page-fault.js';
import { closeSection, openSection, openSectionStepwise } from './fault-section.js';
import { loadRoot, reloadRoot } from './guest-pt-write.js';
import { faultinPfn } from './gup.js';
import type { Kvm } from './kvm.js';
import { userfaultBitSet } from './kvm-userfault.js';
import { LockSite } from './lock-sites.js';
import * as memslotFields from './memslot.js';
import { pfnOf } from './memslots.js';
import { mmuNotifierRetry } from './mmu-notifier.js';
import { isShortOfMmuPages, makeMmuPagesAvailable } from './mmu-page-quota.js';
import { Access, flushPmlBuffer, GuestMode, hardwareAccess, serviceKick, serviceTlbFlush, type Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { inside: INSIDE, outside: OUTSIDE } = GuestMode;
const { done: DONE, pmlFull: PML_FULL } = Access;
const { KVM_MEMSLOT_INVALID, MS_FLAGS, NO_MEMSLOT } = memslotFields;

/** The guest's code: which page it touches next. */
export interface GuestCode {
  /** The current access, while `remaining` is not 0. */
  gfn: number;
  write: boolean;
  /** Accesses left in this pass, the current one included. */
  remaining: number;
  /** What the guest computes after each access, picoseconds; nothing when left out. */
  readonly computePs?: number;
  /** Starts the pass again. */
  restart(): void;
  /** Accesses from the current one on, `remaining` at most, that are to consecutive gfns and of the same kind. */
  alike(): number;
  /** Goes on by `accesses`, not more than `alike()` says. */
  advance(accesses: number): void;
  /** Remembers the current access, and comes back to it. */
  mark(): void;
  rewind(): void;
}

export interface RunPlan {
  /** Guest process whose page tables are used. */
  process: number;
  /** Pass after pass until `kvm.stopWord` has this value; 0 for one pass. */
  stopAt: number;
  /** User space's answer to an exit for a page that it has to bring (KVM_EXIT_MEMORY_FAULT): afterwards the guest goes on with its current access. */
  onMemoryFault?(vcpu: Vcpu, gfn: number): KernelPath;
  /** What the vCPU's thread does after the last pass. */
  onFinish?(cpu: Cpu): KernelPath;
}

/** Accesses in one uninterrupted stretch, at most. */
const STRETCH = 1 << 18;

/**
 * Runs the guest for one pass, or until stopped. Locks: as `kvm.mmu` says for faults; none on the fast path.
 * Suspends: before each access that walks, before a lockless fix, at the lock, before a commit that may race, at the unlock.
 */
export function* vcpuRun(kvm: Kvm, vcpu: Vcpu, guest: GuestCode, plan: RunPlan): KernelPath {
  const { cpu } = vcpu;
  const { mmu } = kvm;
  const modeWord = kvm.inGuestMode + cpu.id;
  yield* loadRoot(kvm, vcpu, plan.process);
  do {
    guest.restart();
    if (cpu.interleave(modeWord)) yield;
    enterGuest(kvm, vcpu, modeWord);
    while (guest.remaining > 0) {
      if (cpu.load(modeWord) !== INSIDE) serviceKick(kvm, vcpu);
      if (vcpu.needsRoot) {
        cpu.store(modeWord, OUTSIDE);
        yield* reloadRoot(kvm, vcpu);
        if (cpu.interleave(modeWord)) yield;
        enterGuest(kvm, vcpu, modeWord);
        continue;
      }
      if (vcpu.tlb.holdsHuge && vcpu.tlb.hitsHuge(guest.gfn, guest.write) > 0) {
        if (beginStretch(vcpu, guest)) yield;
        endStretch(vcpu, guest);
        continue;
      }
      if (cpu.touch(vcpu.lastSptep)) {
        yield;
        if (cpu.load(modeWord) !== INSIDE) serviceKick(kvm, vcpu);
        if (vcpu.needsRoot) continue;
      }
      const gfn = guest.gfn;
      const write = guest.write;
      vcpu.accessStart = cpu.now();
      const outcome = hardwareAccess(kvm, vcpu, gfn, write);
      if (outcome === DONE) {
        guest.advance(1);
        if (guest.computePs !== undefined && guest.computePs > 0) {
          if (cpu.run(guest.computePs)) yield;
        }
        continue;
      }
      cpu.store(modeWord, OUTSIDE);
      if (outcome === PML_FULL) exitPmlFull(kvm, vcpu);
      else {
        beginFault(kvm, vcpu, write);
        if (cpu.interleaves) {
          if (cpu.call(openSectionStepwise(kvm, vcpu, gfn))) yield;
        } else openSection(kvm, vcpu, gfn);
        let exits = false;
        if (vcpu.memslot === NO_MEMSLOT || (cpu.load(vcpu.memslot + MS_FLAGS) & KVM_MEMSLOT_INVALID) !== 0) {
          exitMmio(vcpu);
          guest.advance(1);
        } else if (userfaultBitSet(kvm.words, vcpu.memslot, gfn)) exits = true;
        else {
          let fixed = false;
          if (write && vcpu.faultPresent && mmu.fixesLockless(kvm)) {
            if (cpu.call(fastPageFault(kvm, vcpu, gfn))) yield;
            fixed = vcpu.fastFixed;
          }
          if (!fixed) {
            if (kvm.mm !== null) {
              if (cpu.call(faultinPfn(kvm, kvm.mm, vcpu, gfn))) yield;
            } else if (kvm.hostMemory !== null) {
              if (cpu.touch(hostWord(kvm, kvm.hostMemory, vcpu, gfn))) yield;
              faultHostPage(kvm, kvm.hostMemory, vcpu, gfn);
              if (kvm.plant === 'seq-read-late') {
                if (cpu.interleave(kvm.invalidateSeq)) yield;
                vcpu.invalidateSeq = cpu.load(kvm.invalidateSeq);
              }
            }
            if (mmu.lockForFault(kvm, vcpu, write)) yield;
            if (isStale(kvm, vcpu, gfn)) cpu.counters.faultRetries++;
            else {
              if (!vcpu.readLocked && isShortOfMmuPages(kvm)) {
                if (cpu.call(makeMmuPagesAvailable(kvm, cpu))) yield;
              }
              const word = mmu.prepareMap(kvm, vcpu, gfn);
              if (word !== 0) {
                if (cpu.touch(word)) yield;
                mmu.commitMap(kvm, vcpu, gfn);
              }
            }
            if (mmu.unlockAfterFault(kvm, vcpu)) yield;
          }
        }
        if (cpu.interleaves && cpu.interleave(kvm.srcu.countWord(cpu.id, vcpu.srcuIndex))) yield;
        closeSection(kvm, vcpu);
        if (exits) {
          if (cpu.cost.user_exit_serial > 0) {
            if (kvm.userExitLock.lock(cpu, LockSite.userExit)) yield;
            cpu.spend(cpu.cost.user_exit_serial);
            if (kvm.userExitLock.unlock(cpu)) yield;
          }
          if (cpu.call(exitMemoryFault(vcpu, plan, gfn))) yield;
        }
        (write ? vcpu.writeStalls : vcpu.readStalls).add(cpu.now() - vcpu.accessStart);
      }
      if (cpu.interleave(modeWord)) yield;
      enterGuest(kvm, vcpu, modeWord);
    }
    cpu.store(modeWord, OUTSIDE);
    flushPmlBuffer(kvm, vcpu);
    if (cpu.touch(kvm.stopWord)) yield;
  } while (plan.stopAt !== 0 && cpu.load(kvm.stopWord) !== plan.stopAt);
  if (plan.onFinish !== undefined) yield* plan.onFinish(cpu);
}

/** vCPUs that run until `stopAt` finish their pass. Each phase has a value of its own: one left over stops nobody. Suspends: before the store. */
export function* stopVcpus(kvm: Kvm, cpu: Cpu, stopAt: number): KernelPath {
  if (cpu.touch(kvm.stopWord)) yield;
  cpu.store(kvm.stopWord, stopAt);
}

/** Models the entry of vcpu_enter_guest(): inside from now on, and then what other CPUs have asked for. */
function enterGuest(kvm: Kvm, vcpu: Vcpu, modeWord: Word): void {
  vcpu.cpu.store(modeWord, INSIDE);
  // Who asks for a flush now either finds this vCPU inside, and kicks it, or is found by it.
  if (kvm.plant !== 'entry-no-fence') vcpu.cpu.fence();
  serviceTlbFlush(kvm, vcpu);
}

/** The exit, before the SRCU read section of the fault. */
function beginFault(kvm: Kvm, vcpu: Vcpu, write: boolean): void {
  const { cpu } = vcpu;
  if (write) cpu.counters.writeFaults++;
  else cpu.counters.readFaults++;
  if (vcpu.pmlCount > 0) flushPmlBuffer(kvm, vcpu);
}

/** KVM_EXIT_MEMORY_FAULT with KVM_MEMORY_EXIT_FLAG_USERFAULT, and what user space does about it. */
function exitMemoryFault(vcpu: Vcpu, plan: RunPlan, gfn: number): KernelPath {
  vcpu.cpu.counters.memoryFaultExits++;
  vcpu.cpu.spend(vcpu.cpu.cost.user_exit);
  if (plan.onMemoryFault === undefined) assert(false, `gfn ${gfn} is left to a user space that does not answer`);
  return plan.onMemoryFault(vcpu, gfn);
}

/** An access to a hole, or to a memslot that is on its way out: user space emulates it. */
function exitMmio(vcpu: Vcpu): void {
  vcpu.cpu.counters.mmioExits++;
  vcpu.cpu.spend(vcpu.cpu.cost.mmio_exit);
}

function hostWord(kvm: Kvm, memory: HostMemory, vcpu: Vcpu, gfn: number): Word {
  return memory.wordOf(pfnOf(kvm.words, vcpu.memslot, gfn));
}

/** Models the part of hva_to_pfn_slow() that makes a missing page. */
function faultHostPage(kvm: Kvm, memory: HostMemory, vcpu: Vcpu, gfn: number): void {
  const { cpu } = vcpu;
  const page = pfnOf(kvm.words, vcpu.memslot, gfn);
  if (memory.isPresent(page, cpu)) return;
  memory.add(page, cpu);
  cpu.counters.hostFaults++;
  cpu.spend(cpu.cost.host_fault);
}

/** Whether what the fault has found out may be outdated: an invalidation has run, or its root is gone. Locks: mmu_lock. Models is_page_fault_stale(). */
function isStale(kvm: Kvm, vcpu: Vcpu, gfn: number): boolean {
  if (vcpu.validGen !== vcpu.cpu.load(kvm.mmuValidGen)) return true;
  return kvm.hostMemory !== null && mmuNotifierRetry(kvm, vcpu, pfnOf(kvm.words, vcpu.memslot, gfn));
}

function exitPmlFull(kvm: Kvm, vcpu: Vcpu): void {
  vcpu.cpu.counters.pmlFullExits++;
  vcpu.cpu.spend(vcpu.cpu.cost.pml_full_exit);
  flushPmlBuffer(kvm, vcpu);
}

/** Starts as many accesses that hit as there are in a row. True: suspend until they are over, or a kick has cut them short. */
function beginStretch(vcpu: Vcpu, guest: GuestCode): boolean {
  guest.mark();
  runHits(vcpu, guest, Number.POSITIVE_INFINITY);
  return vcpu.cpu.run(vcpu.stretchPs);
}

/** Counts those accesses for which there was time, and takes back the others. */
function endStretch(vcpu: Vcpu, guest: GuestCode): void {
  const { ranFor, counters } = vcpu.cpu;
  if (ranFor < vcpu.stretchPs) {
    guest.rewind();
    runHits(vcpu, guest, ranFor);
  }
  counters.guestReads += vcpu.stretchReads;
  counters.guestWrites += vcpu.stretchWrites;
  counters.tlbHits += vcpu.stretchReads + vcpu.stretchWrites;
}

/** Advances over accesses that hit, while they take no more than `limitPs` together; leaves their time and number in the vCPU. */
function runHits(vcpu: Vcpu, guest: GuestCode, limitPs: number): void {
  const { cost } = vcpu.cpu;
  let ps = 0;
  let reads = 0;
  let writes = 0;
  while (guest.remaining > 0 && reads + writes < STRETCH) {
    const write = guest.write;
    const pages = vcpu.tlb.hitsHuge(guest.gfn, write);
    const each = (write ? cost.guest_write : cost.guest_read) + (guest.computePs ?? 0);
    const hits = Math.min(guest.alike(), pages - (guest.gfn & (pages - 1)), Math.floor((limitPs - ps) / each));
    if (pages === 0 || hits === 0) break;
    ps += hits * each;
    if (write) writes += hits;
    else reads += hits;
    guest.advance(hits);
  }
  vcpu.stretchPs = ps;
  vcpu.stretchReads = reads;
  vcpu.stretchWrites = writes;
}
