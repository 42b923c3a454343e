// The vCPU thread: KVM_RUN, guest accesses, exits. Accesses that hit a huge TLB entry touch nothing shared, so a run of them is one
// stretch of guest time that a kick may cut short; every other access is ordered by itself.

import type { KernelPath } from '../engine/cpu.js';
import type { Kvm } from '../kvm/kvm.js';
import { Access, flushPmlBuffer, GuestMode, hardwareAccess, serviceRequests, type Vcpu } from '../kvm/vcpu.js';
import type { AccessPattern, PassPlan } from './access-pattern.js';

/** Accesses in one uninterrupted stretch, at most. */
const STRETCH = 1 << 18;

/** One pass of the guest, from entry to the exit at its end. Suspends: before each access that walks, and wherever a fault does. */
export function* runPass(kvm: Kvm, vcpu: Vcpu, pattern: AccessPattern, plan: PassPlan): KernelPath {
  const { cpu } = vcpu;
  pattern.start(plan);
  cpu.store(kvm.inGuestMode + cpu.id, GuestMode.inside);
  while (pattern.remaining > 0) {
    serviceRequests(kvm, vcpu);
    if (vcpu.tlb.holdsHuge && vcpu.tlb.hitsHuge(pattern.gfn, pattern.write)) {
      yield* runStretch(kvm, vcpu, pattern);
      continue;
    }
    if (cpu.touch(vcpu.lastSptep)) {
      yield;
      serviceRequests(kvm, vcpu);
    }
    const { gfn, write } = pattern;
    const start = cpu.now();
    const outcome = hardwareAccess(kvm, vcpu, gfn, write);
    if (outcome === Access.done) {
      countAccess(vcpu, write);
      pattern.advance();
      continue;
    }
    cpu.store(kvm.inGuestMode + cpu.id, GuestMode.outside);
    if (outcome === Access.pmlFull) exitPmlFull(kvm, vcpu);
    else {
      countFault(kvm, vcpu, write);
      yield* kvm.mmu.pageFault(kvm, vcpu, gfn, write);
      (write ? vcpu.writeStalls : vcpu.readStalls).add(cpu.now() - start);
    }
    cpu.store(kvm.inGuestMode + cpu.id, GuestMode.inside);
  }
  cpu.store(kvm.inGuestMode + cpu.id, GuestMode.outside);
  flushPmlBuffer(kvm, vcpu);
}

/** Passes without end, until the word `kvm.stopWord` is set. */
export function* runUntilStopped(kvm: Kvm, vcpu: Vcpu, pattern: AccessPattern, plan: PassPlan): KernelPath {
  const { cpu } = vcpu;
  for (;;) {
    yield* runPass(kvm, vcpu, pattern, plan);
    if (cpu.touch(kvm.stopWord)) yield;
    if (cpu.load(kvm.stopWord) !== 0) return;
  }
}

function countAccess(vcpu: Vcpu, write: boolean): void {
  if (write) vcpu.cpu.counters.guestWrites++;
  else vcpu.cpu.counters.guestReads++;
}

function countFault(kvm: Kvm, vcpu: Vcpu, write: boolean): void {
  const { counters } = vcpu.cpu;
  counters.pageFaults++;
  if (write) counters.writeFaults++;
  else counters.readFaults++;
  if (vcpu.pmlCount > 0) flushPmlBuffer(kvm, vcpu);
}

function exitPmlFull(kvm: Kvm, vcpu: Vcpu): void {
  vcpu.cpu.counters.pmlFullExits++;
  vcpu.cpu.spend(vcpu.cpu.cost.pml_full_exit);
  flushPmlBuffer(kvm, vcpu);
}

/** Accesses that hit huge TLB entries, as many as there are in a row; those that a kick leaves over come later. */
function* runStretch(kvm: Kvm, vcpu: Vcpu, pattern: AccessPattern): KernelPath {
  const { cpu } = vcpu;
  const from = pattern.save();
  const first = { gfn: pattern.gfn, write: pattern.write };
  const full = scanHits(vcpu, pattern, Number.POSITIVE_INFINITY);
  if (cpu.run(full.ps)) yield;
  let done = full;
  if (cpu.ranFor < full.ps) {
    pattern.restore(from, first);
    done = scanHits(vcpu, pattern, cpu.ranFor);
  }
  cpu.counters.guestReads += done.reads;
  cpu.counters.guestWrites += done.writes;
  cpu.counters.tlbHits += done.reads + done.writes;
  serviceRequests(kvm, vcpu);
}

/** Advances over accesses that hit, while they take no more than `limitPs` together. */
function scanHits(vcpu: Vcpu, pattern: AccessPattern, limitPs: number): { ps: number; reads: number; writes: number } {
  const { tlb, cpu } = vcpu;
  let ps = 0;
  let reads = 0;
  let writes = 0;
  for (let n = 0; n < STRETCH && pattern.remaining > 0 && tlb.hitsHuge(pattern.gfn, pattern.write); n++) {
    const next = ps + (pattern.write ? cpu.cost.guest_write : cpu.cost.guest_read);
    if (next > limitPs) break;
    ps = next;
    if (pattern.write) writes++;
    else reads++;
    pattern.advance();
  }
  return { ps, reads, writes };
}
