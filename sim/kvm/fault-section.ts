// The SRCU read section that a fault runs in: the memslots that it sees stay as they are until it closes. Models srcu_read_lock() around
// vcpu_enter_guest()'s exits, kvm_vcpu_gfn_to_memslot() and the snapshot of mmu_notifier_seq in kvm_faultin_pfn().

import { assert } from '../assert.js';
import type { KernelPath } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import * as memslotFields from './memslot.js';
import type { Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { LIVE, MS_BASE_GFN, MS_NPAGES, MS_STATE, NO_MEMSLOT } = memslotFields;

/** Opens the read section of a fault, finds its memslot, and notes the mmu notifier's sequence. Suspends: never. */
export function openSection(kvm: Kvm, vcpu: Vcpu, gfn: number): void {
  const { cpu } = vcpu;
  vcpu.srcuIndex = kvm.srcu.readLock(cpu);
  findMemslot(kvm, vcpu, gfn, kvm.memslots.generation(cpu));
}

/** The same for an engine that lets others in between. A path of its own, since points to suspend at cost the fault's path time that has no use for them. */
export function* openSectionStepwise(kvm: Kvm, vcpu: Vcpu, gfn: number): KernelPath {
  const { cpu } = vcpu;
  if (cpu.interleave(kvm.srcu.indexWord)) yield;
  const index = kvm.srcu.takeIndex(cpu);
  if (cpu.interleave(kvm.srcu.countWord(cpu.id, index))) yield;
  kvm.srcu.enter(cpu, index);
  if (cpu.interleave(kvm.memslots.generationWord)) yield;
  const generation = kvm.memslots.generation(cpu);
  if (cpu.interleave(kvm.invalidateSeq)) yield;
  findMemslot(kvm, vcpu, gfn, generation);
  vcpu.srcuIndex = index;
}

/** Finds the memslot of the fault in the set of `generation`, and notes the mmu notifier's sequence. */
function findMemslot(kvm: Kvm, vcpu: Vcpu, gfn: number, generation: number): void {
  const { cpu } = vcpu;
  if (!holdsLastUsed(kvm, vcpu, gfn, generation)) {
    vcpu.memslotGeneration = generation;
    vcpu.memslot = kvm.memslots.gfnToMemslot(cpu, gfn, generation);
  }
  vcpu.invalidateSeq = cpu.load(kvm.invalidateSeq);
  cpu.spend(kvm.direct ? cpu.cost.fault_exit_direct : cpu.cost.fault_exit_shadow);
}

/** Whether the vCPU's own last memslot serves, while the set is the same, if that is how they are kept. Models kvm_vcpu_gfn_to_memslot(). */
function holdsLastUsed(kvm: Kvm, vcpu: Vcpu, gfn: number, generation: number): boolean {
  if (!kvm.vcpusRememberMemslots || vcpu.memslot === NO_MEMSLOT) return false;
  if (vcpu.memslotGeneration !== generation && kvm.plant !== 'stale-last-used') return false;
  const offset = gfn - kvm.words[vcpu.memslot + MS_BASE_GFN];
  return offset >= 0 && offset < kvm.words[vcpu.memslot + MS_NPAGES];
}

/** The fault is over, and its SRCU read section with it: up to here its memslot must not have been freed. */
export function closeSection(kvm: Kvm, vcpu: Vcpu): void {
  const { cpu, memslot, srcuIndex } = vcpu;
  if (cpu.interleaves && memslot !== NO_MEMSLOT && cpu.load(memslot + MS_STATE) !== LIVE)
    assert(false, `memslot record ${memslot} was freed while a fault used it`);
  vcpu.srcuIndex = -1;
  kvm.srcu.readUnlock(cpu, srcuIndex);
}
