// How a fault of the guest gets its host page: from the page tables without a lock, else under mmap_lock, where a userfaultfd may put the vCPU to
// sleep until user space has made the page. Models hva_to_pfn() and what it calls of mm/gup.c, and handle_userfault() of fs/userfaultfd.c.
//
// The slow path runs twice for a page that a userfaultfd catches: KVM's first attempt must not wait, its second may; and once more after the
// wakeup. guest_memfd has no page tables: kvm_gmem_get_pfn() looks into the page cache alone.
// Left out: huge pages within a unit, the mmu notifier's retry (nothing unmaps in these suites).

import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import { pfnOf } from './memslots.js';
import { Contents, type Mm } from './mm.js';
import type { Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use.
const { gup: SITE_GUP, handleUserfault: SITE_FAULT, uffdPoll: SITE_POLL, pageCacheInsert: SITE_INSERT, userPageFault: SITE_USER } = LockSite;
const { zeroes: ZEROES, prototype: PROTOTYPE } = Contents;

/**
 * Makes sure that the page behind `gfn` is there. `vcpu.memslot` is the memslot of the fault.
 * Locks: mmap_lock for reading, those of a userfaultfd. Suspends: before each look at the page tables, at locks, asleep.
 */
export function* faultinPfn(kvm: Kvm, mm: Mm, vcpu: Vcpu, gfn: number): KernelPath {
  const { cpu } = vcpu;
  const unit = mm.unitOf(pfnOf(kvm.words, vcpu.memslot, gfn));
  const pte = mm.pteWord(unit);
  cpu.spend(cpu.cost.gup_fast);
  if (cpu.touch(pte)) yield;
  if (mm.isMapped(unit, cpu)) {
    cpu.counters.gupFast++;
    return;
  }
  if (mm.config.backing === 'guest_memfd') {
    if (cpu.call(gmemGetPfn(mm, vcpu, unit))) yield;
    return;
  }
  for (let mayWait = false; ; mayWait = true) {
    cpu.counters.gupSlow++;
    if (mm.mmapLock.readLock(cpu, SITE_GUP)) yield;
    cpu.spend(cpu.cost.gup_slow);
    mm.chargeFaultLines(cpu);
    if (cpu.touch(pte)) yield;
    const mapped = mm.isMapped(unit, cpu);
    const ctx = mapped ? undefined : mm.userfaultfdFor(unit);
    if (ctx === undefined || !mayWait) {
      if (!mapped && ctx === undefined) mm.makePage(cpu, unit);
      if (mm.mmapLock.readUnlock(cpu)) yield;
      if (ctx === undefined) return;
      continue;
    }
    // handle_userfault(): in the queue first, then look again, so that a page which comes in between wakes nobody in vain.
    cpu.spend(cpu.cost.uffd_fault);
    const early = kvm.plant === 'prepare-before-queue';
    if (early) cpu.prepareToSleep();
    if (ctx.pendingTarget.lock(cpu, SITE_FAULT)) yield;
    ctx.enqueue(cpu, unit);
    if (!early) cpu.prepareToSleep();
    if (ctx.pendingTarget.unlock(cpu)) yield;
    if (cpu.touch(pte)) yield;
    const mustWait = kvm.plant === 'no-recheck' || !mm.isMapped(unit, cpu);
    if (cpu.interleave(ctx.queueWord)) yield;
    if (kvm.plant === 'late-prepare') cpu.prepareToSleep();
    if (mm.mmapLock.readUnlock(cpu)) yield;
    if (mustWait) {
      if (ctx.fdLock.lock(cpu, SITE_POLL)) yield;
      ctx.wakeReaders(cpu);
      if (ctx.fdLock.unlock(cpu)) yield;
      cpu.counters.userfaultsHandled++;
      cpu.counters.threadSleeps++;
      if (cpu.schedule('userfaultfd')) yield;
    }
    cpu.cancelSleep();
    if (cpu.interleave(ctx.waiterWord(cpu))) yield;
    if (!ctx.isQueued(cpu)) continue;
    if (ctx.pendingTarget.lock(cpu, SITE_FAULT)) yield;
    ctx.dequeue(cpu);
    if (ctx.pendingTarget.unlock(cpu)) yield;
  }
}

/**
 * User space writes one 4 KiB page through its own mapping: at the first page of a host page a page fault under the vma's lock, and the copy.
 * Models do_user_addr_fault() and the copy itself. Locks: as an ioctl of a userfaultfd. Suspends: at those, before the page-table entry.
 */
export function* writeUserPage(mm: Mm, cpu: Cpu, unit: number): KernelPath {
  cpu.spend(cpu.cost.page_copy);
  if (cpu.touch(mm.pteWord(unit))) yield;
  if (mm.isMapped(unit, cpu)) return;
  const lock = mm.lockToFill(unit);
  cpu.spend(mm.unitPages * cpu.cost.page_alloc + cpu.cost.gup_slow);
  if (lock.readLock(cpu, SITE_USER)) yield;
  mm.chargeFaultLines(cpu);
  if (cpu.touch(mm.pteWord(unit))) yield;
  mm.install(cpu, unit, PROTOTYPE);
  if (lock.readUnlock(cpu)) yield;
}

/** User space puts a page's contents into a guest_memfd, as the post expects that it soon can. Locks: those of the page cache. */
export function* populateGuestMemfd(mm: Mm, cpu: Cpu, unit: number): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry + mm.unitPages * (cpu.cost.page_alloc + cpu.cost.page_copy));
  if (mm.pageCacheLock.lock(cpu, SITE_INSERT)) yield;
  mm.install(cpu, unit, PROTOTYPE);
  if (mm.pageCacheLock.unlock(cpu)) yield;
}

/** Models kvm_gmem_get_pfn(): a page that the file does not have yet is added to it. Locks: those of the page cache. */
function* gmemGetPfn(mm: Mm, vcpu: Vcpu, unit: number): KernelPath {
  const { cpu } = vcpu;
  cpu.spend(cpu.cost.page_cache_lookup);
  if (!mm.pageCache.isPresent(unit)) cpu.spend(mm.unitPages * cpu.cost.page_alloc);
  if (mm.pageCacheLock.lock(cpu, SITE_INSERT)) yield;
  mm.install(cpu, unit, ZEROES);
  if (mm.pageCacheLock.unlock(cpu)) yield;
}
