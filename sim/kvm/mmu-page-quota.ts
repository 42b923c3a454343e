// The quota of shadow pages: a fault that finds fewer than 5 left recycles the oldest. Models make_mmu_pages_available() of mmu.c.

import { assert } from '../assert.js';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import { commitZapPage, KVM_MIN_FREE_MMU_PAGES, prepareZapPage, SP_IS_ROOT, SP_LIST_NEXT, spHeader } from './shadow-page.js';
import { awaitTableWalkers, kvmFlushRemoteTlbs } from './vcpu.js';

const KVM_REFILL_PAGES = 25;

/** Whether a fault must call `makeMmuPagesAvailable` before it maps. Locks: mmu_lock. */
export function isShortOfMmuPages(kvm: Kvm): boolean {
  return kvm.availableMmuPages() < KVM_MIN_FREE_MMU_PAGES;
}

/**
 * Recycles the oldest shadow pages until 25 may be allocated. They are freed once the TLBs are flushed and no vCPU walks them.
 * Locks: mmu_lock held for write. Suspends: while a vCPU is in a lockless walk.
 */
export function* makeMmuPagesAvailable(kvm: Kvm, cpu: Cpu): KernelPath {
  const { words } = kvm;
  kvm.mmuLock.assertHeldForWrite(cpu);
  const zapped: number[] = [];
  let sp = words[kvm.activeHead];
  while (sp !== 0 && kvm.availableMmuPages() < KVM_REFILL_PAGES) {
    const next = words[spHeader(kvm, sp) + SP_LIST_NEXT];
    if (words[spHeader(kvm, sp) + SP_IS_ROOT] === 0) {
      prepareZapPage(kvm, cpu, sp);
      zapped.push(sp);
    }
    sp = next;
  }
  assert(kvm.availableMmuPages() > 0, `no shadow page left of ${words[kvm.maxMmuPages]}`);
  cpu.counters.mmuPagesRecycled += zapped.length;
  kvmFlushRemoteTlbs(kvm, cpu);
  yield* awaitTableWalkers(kvm, cpu);
  for (const page of zapped) commitZapPage(kvm, cpu, page);
}
