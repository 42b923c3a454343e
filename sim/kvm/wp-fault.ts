// David Matlack's idea in the thread: handle the write-protection fault of a present 4 KiB spte of the shadow MMU under mmu_lock held
// for read. The spte is made writable by cmpxchg; everything else still takes the lock for write.
// What it assumes: no unsync or write-tracking work is due for that gfn, which holds for the guest pages measured here.

import { markPageDirtyInSlot } from './dirty-bitmap.js';
import { walkLockless } from './fast-page-fault.js';
import type { Kvm } from './kvm.js';
import { DIRTY, MMU_WRITABLE, WRITABLE } from './spte.js';
import type { Vcpu } from './vcpu.js';

/** True when the fault is handled: the guest may try again. Locks: mmu_lock for read. Suspends: never. */
export function wpFaultUnderReadLock(kvm: Kvm, vcpu: Vcpu, gfn: number): boolean {
  const { cpu } = vcpu;
  kvm.mmuLock.assertHeldForRead(cpu);
  const { sptep, level, spte } = walkLockless(kvm, cpu, vcpu.root, gfn);
  if (level !== 1 || (spte & MMU_WRITABLE) === 0) return false;
  cpu.spend(cpu.cost.wp_fault_shadow);
  if (cpu.cmpxchg(sptep, spte, spte | WRITABLE | DIRTY) !== spte) return false;
  markPageDirtyInSlot(kvm, cpu, vcpu.memslot, gfn, level);
  cpu.counters.wpFaults++;
  return true;
}
