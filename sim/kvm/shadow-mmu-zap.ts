// How the shadow MMU forgets: the sptes of a range (mmu notifier), of one memslot, or everything at once.
// Models kvm_unmap_rmapp(), slot_handle_all_level() with kvm_zap_rmapp(), and kvm_mmu_zap_all_fast() with kvm_zap_obsolete_pages() of mmu.c.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LEVEL_1G } from '../units.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import { gfnToRmap } from './memslots.js';
import type { GfnRange } from './mmu.js';
import { breakLock, handleLevels } from './shadow-mmu-dirty-log.js';
import { commitZapPage, dropSpteFrom, isObsolete, prepareZapPage, roleLevel, SP_LIST_NEXT, SP_ROLE, spHeader, sptepToSp } from './shadow-page.js';
import { awaitKickedVcpus, kvmFlushRemoteTlbs } from './vcpu.js';

/** Shadow pages that are zapped before waiters may be let in (BATCH_ZAP_PAGES). */
const BATCH_ZAP_PAGES = 10;

/** Drops every spte that maps `range`. True when there was one. Locks: mmu_lock for write. Suspends: never. */
export function unmapGfnRange(kvm: Kvm, cpu: Cpu, memslot: Memslot, range: GfnRange): boolean {
  kvm.mmuLock.assertHeldForWrite(cpu);
  let zapped = false;
  for (let level = 1; level <= LEVEL_1G; level++) {
    const first = gfnToRmap(kvm.words, memslot, range.start, level);
    const last = gfnToRmap(kvm.words, memslot, range.end - 1, level);
    cpu.counters.rmapHeadsVisited += last - first + 1;
    cpu.spend((last - first + 1) * cpu.cost.rmap_scan);
    for (let head = first; head <= last; head++) if (kvm.words[head] !== 0) zapped = zapRmap(kvm, cpu, memslot, head) || zapped;
  }
  return zapped;
}

function zapRmap(kvm: Kvm, cpu: Cpu, _memslot: Memslot, head: number): boolean {
  let zapped = false;
  for (let sptep = kvm.rmaps.get(kvm, cpu, head, 0); sptep !== 0; sptep = kvm.rmaps.get(kvm, cpu, head, 0)) {
    const level = roleLevel(kvm.words[spHeader(kvm, sptepToSp(kvm, sptep)) + SP_ROLE]);
    dropSpteFrom(kvm, cpu, head, level, sptep);
    cpu.spend(cpu.cost.zap_spte);
    zapped = true;
  }
  return zapped;
}

/** Drops every spte of one memslot; its page tables stay. Locks: mmu_lock for write, dropped between heads when contended. */
export function* zapMemslot(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.zapMemslot)) yield;
  const flush = yield* handleLevels(kvm, cpu, memslot, { minLevel: 1, maxLevel: LEVEL_1G, site: LockSite.zapMemslot, handler: zapRmap });
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/**
 * Drops all page tables of the guest: every vCPU leaves the guest and loads a new root, then the old tables go in batches.
 * Locks: mmu_lock for write, dropped between batches when contended. Suspends: at the lock, and until kicked vCPUs have left.
 */
export function* zapAllFast(kvm: Kvm, cpu: Cpu): KernelPath {
  const { words } = kvm;
  if (kvm.mmuLock.writeLock(cpu, LockSite.zapAll)) yield;
  cpu.counters.zapAlls++;
  cpu.fetchAdd(kvm.mmuValidGen, 1);
  for (let process = 0; process < Math.max(1, kvm.config.guest.processCount); process++) words[kvm.roots + process] = 0;
  kvmFlushRemoteTlbs(kvm, cpu);
  yield* awaitKickedVcpus(kvm, cpu);
  yield* zapObsoletePages(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** The oldest pages stand first on the active list, and a fault that gets the lock meanwhile may recycle some of them. */
function* zapObsoletePages(kvm: Kvm, cpu: Cpu): KernelPath {
  const { words } = kvm;
  let batch = 0;
  for (let sp = words[kvm.activeHead]; sp !== 0 && isObsolete(kvm, sp); sp = words[kvm.activeHead]) {
    prepareZapPage(kvm, cpu, sp);
    commitZapPage(kvm, cpu, sp);
    if (++batch < BATCH_ZAP_PAGES) continue;
    if (cpu.touch(spHeader(kvm, sp) + SP_LIST_NEXT)) yield;
    if (!kvm.needsLockBreak(cpu)) continue;
    batch = 0;
    yield* breakLock(kvm, cpu, LockSite.zapAll);
  }
}
