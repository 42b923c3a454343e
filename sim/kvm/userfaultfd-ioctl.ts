// The ioctls by which user space resolves faults of a userfaultfd: UFFDIO_COPY, ZEROPAGE and CONTINUE of one page, and WAKE. The page is mapped
// under a vma's lock (or mmap_lock) and map_changing_lock, both for reading; then the waiters of that page are woken, unless nobody waits.
// Left out: ranges of several pages, UFFDIO_MOVE, POISON and WRITEPROTECT, MODE_DONTWAKE.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LockSite } from './lock-sites.js';
import { Contents, type Mm } from './mm.js';
import type { Userfaultfd } from './userfaultfd.js';

const { uffdResolve: SITE_RESOLVE, uffdWake: SITE_WAKE } = LockSite;

/** Looks for waiters without a lock while entries move; then a lock is the better way to know. */
const MAX_LOOKS = 1000;

export type Resolve = 'copy' | 'zeropage' | 'continue';

/**
 * Resolves one page and wakes who waits for it. True when this call mapped it, false when somebody else had (EEXIST: nobody is woken then, the other
 * one does that). Locks: as the head says. Suspends: at locks, at reference counts, before the page-table entry.
 */
export function* uffdioResolve(mm: Mm, ctx: Userfaultfd, cpu: Cpu, page: { unit: number; how: Resolve }): KernelPath<boolean> {
  const { unit, how } = page;
  const lock = mm.lockToFill(unit);
  if (ctx.file.modify(cpu)) yield;
  cpu.spend(cpu.cost.uffd_ioctl);
  if (mm.users.modify(cpu)) yield;
  prepare(mm, cpu, how);
  if (lock.readLock(cpu, SITE_RESOLVE)) yield;
  if (ctx.mapChangingLock.readLock(cpu, SITE_RESOLVE)) yield;
  if (ctx.plant === 'wake-before-install') {
    if (ctx.pendingTarget.lock(cpu, SITE_WAKE)) yield;
    ctx.wakeWaiters(cpu, unit);
    if (ctx.pendingTarget.unlock(cpu)) yield;
  }
  if (cpu.touch(mm.pteWord(unit))) yield;
  const installed = mm.install(cpu, unit, how === 'copy' ? Contents.prototype : Contents.zeroes);
  if (!installed) cpu.counters.uffdEexists++;
  if (ctx.mapChangingLock.readUnlock(cpu)) yield;
  if (lock.readUnlock(cpu)) yield;
  if (mm.users.modify(cpu)) yield;
  if (installed && ctx.plant !== 'wake-before-install') {
    cpu.fence(); // the page is there for all before anybody is looked for
    if (cpu.touch(ctx.refilesWord)) yield;
    let mayWait = false;
    for (let looks = 0; !mayWait; looks++) {
      let refiles = cpu.load(ctx.refilesWord);
      for (; (refiles & 1) === 1 && looks < MAX_LOOKS; looks++) {
        if (cpu.interleave(ctx.refilesWord)) yield;
        refiles = cpu.load(ctx.refilesWord);
      }
      if (cpu.interleave(ctx.queueWord)) yield;
      mayWait = ctx.hasPending(cpu) || looks >= MAX_LOOKS;
      if (mayWait) break;
      if (cpu.interleave(ctx.readQueueWord)) yield;
      mayWait = ctx.hasRead(cpu);
      if (mayWait || ctx.plant === 'no-refile-seq') break;
      if (cpu.interleave(ctx.refilesWord)) yield;
      if (cpu.load(ctx.refilesWord) === refiles) break;
    }
    if (mayWait) {
      if (ctx.pendingTarget.lock(cpu, SITE_WAKE)) yield;
      ctx.wakeWaiters(cpu, unit);
      if (ctx.pendingTarget.unlock(cpu)) yield;
    }
  }
  if (ctx.file.modify(cpu)) yield;
  return installed;
}

/** What an ioctl does before it takes a lock: pages are allocated and copied; for CONTINUE the page cache has one. */
function prepare(mm: Mm, cpu: Cpu, how: Resolve): void {
  const { cost, counters } = cpu;
  if (how === 'continue') {
    counters.uffdContinues++;
    cpu.spend(cost.page_cache_lookup);
    return;
  }
  if (how === 'copy') counters.uffdCopies++;
  else counters.uffdZeropages++;
  counters.pagesAllocated += mm.unitPages;
  cpu.spend(mm.unitPages * (cost.page_alloc + (how === 'copy' ? cost.page_copy : 0)));
}

/**
 * UFFDIO_WAKE: wakes who waits for a page that is there. For user space that mapped it some other way. Locks: fault_pending_wqh.
 * @internal no suite maps pages like that
 */
export function* uffdioWake(ctx: Userfaultfd, cpu: Cpu, unit: number): KernelPath {
  if (ctx.file.modify(cpu)) yield;
  cpu.spend(cpu.cost.ioctl_entry);
  if (ctx.pendingTarget.lock(cpu, SITE_WAKE)) yield;
  ctx.wakeWaiters(cpu, unit);
  if (ctx.pendingTarget.unlock(cpu)) yield;
  if (ctx.file.modify(cpu)) yield;
}
