// How the TDP MMU forgets. Models tdp_mmu_zap_leafs() of tdp_mmu.c.
// Left out: page tables are kept when everything is zapped, where the kernel invalidates the root and frees it later under the read lock.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import { type GfnRange, slotRange } from './mmu.js';
import { isLeaf, PRESENT } from './spte.js';
import { TdpIter } from './tdp-iter.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';

/** Drops every leaf of `range`. True when there was one. Locks: mmu_lock for write. Suspends: never. */
export function unmapGfnRange(kvm: Kvm, cpu: Cpu, _memslot: Memslot, range: GfnRange): boolean {
  kvm.mmuLock.assertHeldForWrite(cpu);
  const iter = new TdpIter(kvm, cpu, { root: kvm.words[kvm.roots], range, minLevel: 1 });
  let zapped = false;
  while (iter.next()) {
    if ((iter.spte & PRESENT) === 0 || !isLeaf(iter.spte, iter.level)) continue;
    cpu.store(iter.sptep, 0);
    cpu.spend(cpu.cost.zap_spte);
    cpu.fetchAdd(kvm.pagesStat + iter.level, -1);
    cpu.counters.sptesZapped++;
    zapped = true;
  }
  return zapped;
}

export function* zapMemslot(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.zapMemslot)) yield;
  if (unmapGfnRange(kvm, cpu, memslot, slotRange(kvm, memslot))) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

export function* zapAllFast(kvm: Kvm, cpu: Cpu): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.zapAll)) yield;
  cpu.counters.zapAlls++;
  kvm.memslots.forEach(cpu, (memslot) => {
    unmapGfnRange(kvm, cpu, memslot, slotRange(kvm, memslot));
  });
  kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}
