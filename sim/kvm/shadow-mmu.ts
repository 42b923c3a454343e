// The shadow (legacy) MMU: faults under mmu_lock held for write, rmaps, a quota of shadow pages. It serves two-dimensional paging
// (direct: one root for all vCPUs) and shadow paging (indirect pages shadow the guest's tables, one root per process).
// Models direct_page_fault()/__direct_map() of mmu.c and FNAME(page_fault)/FNAME(fetch) of paging_tmpl.h, the latter without prefetch.
// The kernel never prefetches a writable spte of a memslot whose writes are logged; prefetch.ts does what is left, where the era has it.
// Neighbours of a page of KVM Userfault are not mapped along with it: their bits may be set.

import type { Cpu, Suspend, Word } from '../engine/cpu.js';
import * as units from '../units.js';
import { markPageDirtyInSlot } from './dirty-bitmap.js';
import { DirtyMark } from './dirty-mark.js';
import { guestAccess, guestTableGfn } from './guest-paging.js';
import { type Kvm, MMU_LINES } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import { gfnToRmap, hostMappingLevel, isDirtyTracked, isUserfault, pfnOf } from './memslots.js';
import type { Mmu } from './mmu.js';
import { prefetchSptes } from './prefetch.js';
import { singleHead } from './rmap-ops.js';
import { checkShadowInvariants } from './shadow-invariants.js';
import * as dirtyLog from './shadow-mmu-dirty-log.js';
import * as zap from './shadow-mmu-zap.js';
import * as shadowPage from './shadow-page.js';
import { createShadowPage, dropParentPte, dropSpte, getShadowPage, linkShadowPage, makeRole, spHeader, spTable, sptepToSp } from './shadow-page.js';
import * as spteBits from './spte.js';
import { makeSpte, sptePayload, tableIndex } from './spte.js';
import { kvmFlushRemoteTlbs, type Vcpu } from './vcpu.js';
import { wpFaultUnderReadLock } from './wp-fault.js';
import { openPath, pushProtection } from './write-protect-root.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { ROOT_LEVEL, TABLE_SHIFT } = units;
const { SP_GFNS, SP_PRESENT } = shadowPage;
const { ACC_ALL, LARGE, PRESENT, WRITABLE } = spteBits;
const { beforeSpte: BEFORE_SPTE, beforeRmap: BEFORE_RMAP, last: LAST } = DirtyMark;

export const shadowMmu: Mmu = {
  name: 'shadow',
  createRoots,
  createRoot,
  fixesLockless: (kvm) => kvm.direct,
  lockForFault,
  prepareMap,
  commitMap: () => undefined,
  unlockAfterFault,
  trySplitHugePages: dirtyLog.trySplitHugePages,
  slotLeafClearDirty: dirtyLog.slotLeafClearDirty,
  slotRemoveWriteAccess: dirtyLog.slotRemoveWriteAccess,
  zapCollapsibleSptes: dirtyLog.zapCollapsibleSptes,
  recoverHugePages: null,
  slotGfnWriteProtect: dirtyLog.slotGfnWriteProtect,
  protectMasked: dirtyLog.protectMasked,
  unmapGfnRange: zap.unmapGfnRange,
  zapMemslot: zap.zapMemslot,
  zapAllFast: zap.zapAllFast,
  checkInvariants: checkShadowInvariants,
};

function createRoots(kvm: Kvm, cpu: Cpu): void {
  const count = kvm.direct ? 1 : kvm.config.guest.processCount;
  for (let process = 0; process < count; process++) createRoot(kvm, cpu, process);
}

function createRoot(kvm: Kvm, cpu: Cpu, process: number): void {
  const gfn = kvm.direct ? 0 : guestTableGfn(process, ROOT_LEVEL, 0);
  kvm.words[kvm.roots + process] = createShadowPage(kvm, cpu, { gfn, role: makeRole(ROOT_LEVEL, kvm.direct, ACC_ALL), isRoot: true });
}

/** For write; for read where the fault is for permission only and the option says so. */
function lockForFault(kvm: Kvm, vcpu: Vcpu, write: boolean): Suspend {
  if (kvm.readLocksWpFaults && write && vcpu.faultPresent && !vcpu.needsWriteLock) {
    vcpu.readLocked = true;
    return kvm.mmuLock.readLock(vcpu.cpu, LockSite.wpFault);
  }
  vcpu.readLocked = false;
  vcpu.needsWriteLock = false;
  return kvm.mmuLock.writeLock(vcpu.cpu, LockSite.pageFault);
}

function unlockAfterFault(kvm: Kvm, vcpu: Vcpu): Suspend {
  return vcpu.readLocked ? kvm.mmuLock.readUnlock(vcpu.cpu) : kvm.mmuLock.writeUnlock(vcpu.cpu);
}

function prepareMap(kvm: Kvm, vcpu: Vcpu, gfn: number): Word {
  if (vcpu.readLocked) vcpu.needsWriteLock = !wpFaultUnderReadLock(kvm, vcpu, gfn);
  else map(kvm, vcpu, gfn);
  return 0;
}

/** Maps `gfn` as large as may be. The quota allows the page tables that it takes. Locks: mmu_lock for write. Suspends: never. Models __direct_map() and FNAME(fetch)(). */
function map(kvm: Kvm, vcpu: Vcpu, gfn: number): void {
  const { words } = kvm;
  const { cpu } = vcpu;
  kvm.mmuLock.assertHeldForWrite(cpu);
  cpu.chargeLines(kvm.mmuLines, MMU_LINES);
  const { memslot } = vcpu;
  const logged = isDirtyTracked(words, memslot);
  const userfault = isUserfault(words, memslot);
  const goal = userfault || (logged && kvm.dirtyLevel === 1) ? 1 : goalLevel(kvm, memslot, gfn, logged);
  let sp = vcpu.root;
  for (let level = ROOT_LEVEL; level > goal; level--) {
    const sptep = spTable(kvm, sp) + tableIndex(gfn, level);
    let spte = cpu.load(sptep);
    if ((spte & (PRESENT | LARGE)) === (PRESENT | LARGE)) {
      kvm.split.onFault(kvm, cpu, { sptep, level });
      spte = cpu.load(sptep);
    }
    sp = (spte & PRESENT) !== 0 ? sptePayload(spte) : linkNewTable(kvm, vcpu, { sptep, level: level - 1, gfn });
    if (kvm.protectsAtRoot && (spte & (PRESENT | WRITABLE)) === PRESENT) openPath(kvm, cpu, { sptep, sp });
  }
  const sptep = spTable(kvm, sp) + tableIndex(gfn, goal);
  mmuSetSpte(kvm, vcpu, memslot, sptep, goal, gfn);
  if (kvm.prefetches && goal === 1 && kvm.direct && !logged && !userfault) prefetchSptes(kvm, vcpu, memslot, { sptep, gfn });
}

function goalLevel(kvm: Kvm, memslot: Memslot, gfn: number, logged: boolean): number {
  const host = Math.min(logged ? kvm.dirtyLevel : ROOT_LEVEL, hostMappingLevel(kvm.words, memslot, gfn));
  return kvm.direct ? host : Math.min(host, kvm.config.guest.leafLevel);
}

/** Links a table of `level` below `sptep`: direct where the guest has no table of its own. */
function linkNewTable(kvm: Kvm, vcpu: Vcpu, at: { sptep: number; level: number; gfn: number }): number {
  const { sptep, level, gfn } = at;
  const shift = level * TABLE_SHIFT;
  const direct = kvm.direct || level < kvm.config.guest.leafLevel;
  const page = direct
    ? { gfn: (gfn >>> shift) << shift, role: makeRole(level, true, kvm.direct ? ACC_ALL : guestAccess(vcpu.process)) }
    : { gfn: guestTableGfn(vcpu.process, level, gfn), role: makeRole(level, false, ACC_ALL) };
  const sp = getShadowPage(kvm, vcpu.cpu, page);
  if (kvm.protectsAtRoot) pushProtection(kvm, vcpu.cpu, sp);
  linkShadowPage(kvm, vcpu.cpu, { sptep, sp });
  return sp;
}

/**
 * Sets the leaf at `sptep`. Models mmu_set_spte(): a read fault, too, maps writable and marks the page dirty.
 *
 * The order matters to who write-protects without mmu_lock, by the bits that it takes from the dirty bitmap: once the bit can be seen, the
 * writable spte must be found on its rmap. Otherwise the bit is taken and the page stays writable.
 */
function mmuSetSpte(kvm: Kvm, vcpu: Vcpu, memslot: Memslot, sptep: Word, level: number, gfn: number): void {
  const { words, dirtyMark } = kvm;
  const { cpu } = vcpu;
  const shift = (level - 1) * TABLE_SHIFT;
  const firstGfn = (gfn >>> shift) << shift;
  const pfn = pfnOf(words, memslot, firstGfn);
  const old = cpu.load(sptep);
  const present = (old & PRESENT) !== 0 && !clearForeign(kvm, cpu, { sptep, level, pfn });
  const access = kvm.direct ? ACC_ALL : guestAccess(vcpu.process);
  const spte = makeSpte(pfn, level, access);
  const writable = (spte & WRITABLE) !== 0;
  if (dirtyMark === BEFORE_SPTE && writable) markPageDirtyInSlot(kvm, cpu, memslot, gfn, level);
  cpu.store(sptep, spte);
  if (dirtyMark === BEFORE_RMAP && writable) markPageDirtyInSlot(kvm, cpu, memslot, gfn, level);
  if (present) {
    if ((old & WRITABLE) !== 0) cpu.counters.spuriousFaults++;
    else cpu.counters.wpFaults++;
    cpu.spend(kvm.direct ? cpu.cost.map_direct : cpu.cost.wp_fault_shadow);
  } else {
    const header = spHeader(kvm, sptepToSp(kvm, sptep));
    if (!kvm.direct) noteTranslation(kvm, header, tableIndex(gfn, level), (firstGfn << 3) | access);
    words[header + SP_PRESENT]++;
    words[kvm.pagesStat + level]++;
    const head = gfnToRmap(words, memslot, firstGfn, level);
    if (cpu.load(head) === 0) cpu.store(head, singleHead(sptep));
    else kvm.rmaps.add(kvm, cpu, head, sptep);
    cpu.counters.rmapAdds++;
    cpu.counters.sptesMapped++;
    cpu.spend(kvm.direct ? cpu.cost.map_direct : cpu.cost.map_shadow);
  }
  if (dirtyMark === LAST && writable) markPageDirtyInSlot(kvm, cpu, memslot, gfn, level);
}

/** An indirect page remembers what each spte translates to, since the guest may have changed its entry since. */
function noteTranslation(kvm: Kvm, header: Word, index: number, translation: number): void {
  const gfns = kvm.words[header + SP_GFNS];
  if (gfns !== 0) kvm.words[spTable(kvm, gfns) + index] = translation;
}

/** Clears `sptep` unless it is the leaf for `pfn` already. True when it had to. */
function clearForeign(kvm: Kvm, cpu: Cpu, at: { sptep: number; level: number; pfn: number }): boolean {
  const spte = cpu.load(at.sptep);
  if (at.level > 1 && (spte & LARGE) === 0) dropParentPte(kvm, cpu, at.sptep);
  else if (sptePayload(spte) !== at.pfn) dropSpte(kvm, cpu, at.sptep);
  else return false;
  kvmFlushRemoteTlbs(kvm, cpu);
  return true;
}
