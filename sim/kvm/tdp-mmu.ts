// The TDP MMU: faults under mmu_lock held for read, sptes changed by cmpxchg, no rmaps, no quota. Models arch/x86/kvm/mmu/tdp_mmu.c
// of early 2022.
//
// Invariant 7: an spte is changed only by cmpxchg from the value that was read, or while FROZEN by its freezer.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import * as units from '../units.js';
import { markPageDirtyInSlot } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import { hostMappingLevel, isDirtyTracked, isUserfault, pfnOf } from './memslots.js';
import type { Mmu } from './mmu.js';
import * as shadowPage from './shadow-page.js';
import { roleLevel, spHeader, spTable } from './shadow-page.js';
import * as spteBits from './spte.js';
import { isLeaf, makeNonleafSpte, makeSpte, sptePayload, tableIndex } from './spte.js';
import * as dirtyLog from './tdp-mmu-dirty-log.js';
import { recoverHugePages } from './tdp-mmu-recover.js';
import * as zap from './tdp-mmu-zap.js';
import { freeSubtree, tdpAllocTable, tdpFreeTable, tdpSplitHugePage } from './tdp-tables.js';
import { kvmFlushRemoteTlbs, type Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { ROOT_LEVEL, TABLE_ENTRIES, TABLE_SHIFT } = units;
const { SP_IN_USE, SP_ROLE } = shadowPage;
const { ACC_ALL, FROZEN, LARGE, PRESENT, WRITABLE } = spteBits;

export const tdpMmu: Mmu = {
  name: 'tdp',
  createRoots,
  createRoot: createRoots,
  fixesLockless: () => true,
  lockForFault: (kvm, vcpu) => kvm.mmuLock.readLock(vcpu.cpu, LockSite.pageFault),
  prepareMap,
  commitMap,
  unlockAfterFault: (kvm, vcpu) => kvm.mmuLock.readUnlock(vcpu.cpu),
  trySplitHugePages: dirtyLog.trySplitHugePages,
  slotLeafClearDirty: dirtyLog.slotLeafClearDirty,
  slotRemoveWriteAccess: dirtyLog.slotRemoveWriteAccess,
  zapCollapsibleSptes: dirtyLog.zapCollapsibleSptes,
  recoverHugePages,
  slotGfnWriteProtect: dirtyLog.slotGfnWriteProtect,
  protectMasked: dirtyLog.protectMasked,
  unmapGfnRange: zap.unmapGfnRange,
  zapMemslot: zap.zapMemslot,
  zapAllFast: zap.zapAllFast,
  checkInvariants,
};

function createRoots(kvm: Kvm, cpu: Cpu): void {
  kvm.words[kvm.roots] = tdpAllocTable(kvm, cpu, { gfn: 0, level: ROOT_LEVEL });
}

/** Walks to the leaf, linking tables on the way. Locks: mmu_lock for read. Models the walk of kvm_tdp_mmu_map(). */
function prepareMap(kvm: Kvm, vcpu: Vcpu, gfn: number): Word {
  const { cpu } = vcpu;
  const { memslot } = vcpu;
  vcpu.goalLevel = goalLevel(kvm, memslot, gfn);
  vcpu.lastSptep = descend(kvm, vcpu, { gfn, goal: vcpu.goalLevel });
  cpu.spend(cpu.cost.map_tdp);
  if (vcpu.lastSptep !== 0) vcpu.seenSpte = cpu.load(vcpu.lastSptep);
  return vcpu.lastSptep;
}

function goalLevel(kvm: Kvm, memslot: Memslot, gfn: number): number {
  if (isUserfault(kvm.words, memslot)) return 1;
  const host = hostMappingLevel(kvm.words, memslot, gfn);
  return isDirtyTracked(kvm.words, memslot) ? Math.min(host, kvm.config.dirtyLevel) : host;
}

/** The sptep of `gfn` at the goal level, with tables linked on the way; 0 when a race was lost. */
function descend(kvm: Kvm, vcpu: Vcpu, to: { gfn: number; goal: number }): number {
  const { cpu } = vcpu;
  let sp = vcpu.root;
  for (let level = ROOT_LEVEL; level > to.goal; level--) {
    const sptep = spTable(kvm, sp) + tableIndex(to.gfn, level);
    let spte = cpu.load(sptep);
    if ((spte & (PRESENT | LARGE)) === (PRESENT | LARGE)) {
      if (!resolveHuge(kvm, cpu, { sptep, spte, level, gfn: to.gfn })) return lostRace(cpu);
      spte = cpu.load(sptep);
    }
    if ((spte & FROZEN) !== 0) return lostRace(cpu);
    sp = (spte & PRESENT) !== 0 ? sptePayload(spte) : linkTable(kvm, cpu, { sptep, level: level - 1, gfn: to.gfn });
    if (sp === 0) return lostRace(cpu);
  }
  return spTable(kvm, sp) + tableIndex(to.gfn, to.goal);
}

function lostRace(cpu: Cpu): number {
  cpu.counters.tdpCmpxchgFailures++;
  return 0;
}

function linkTable(kvm: Kvm, cpu: Cpu, at: { sptep: number; level: number; gfn: number }): number {
  const shift = at.level * TABLE_SHIFT;
  const sp = tdpAllocTable(kvm, cpu, { gfn: (at.gfn >>> shift) << shift, level: at.level });
  if (cpu.cmpxchg(at.sptep, 0, makeNonleafSpte(sp)) === 0) return sp;
  tdpFreeTable(kvm, cpu, sp);
  return 0;
}

/** A fault needs a smaller page than the huge one at `sptep`: zap it, or split it if the policy says so. */
function resolveHuge(kvm: Kvm, cpu: Cpu, huge: { sptep: number; spte: number; level: number; gfn: number }): boolean {
  if (kvm.split.splitsOnFault) return tdpSplitHugePage(kvm, cpu, huge);
  if (cpu.cmpxchg(huge.sptep, huge.spte, FROZEN) !== huge.spte) return false;
  cpu.spend(cpu.cost.zap_spte);
  kvmFlushRemoteTlbs(kvm, cpu);
  cpu.store(huge.sptep, 0);
  cpu.fetchAdd(kvm.pagesStat + huge.level, -1);
  cpu.counters.hugeSptesDropped++;
  cpu.counters.sptesZapped++;
  return true;
}

/** Sets the leaf that `prepareMap` walked to. A lost race leaves the fault to be taken again. Models tdp_mmu_map_handle_target_level(). */
function commitMap(kvm: Kvm, vcpu: Vcpu, gfn: number): void {
  const { cpu, lastSptep: sptep, seenSpte: seen, goalLevel: level } = vcpu;
  const { memslot } = vcpu;
  const shift = (level - 1) * TABLE_SHIFT;
  const spte = makeSpte(pfnOf(kvm.words, memslot, (gfn >>> shift) << shift), level, ACC_ALL);
  if ((seen & FROZEN) !== 0 || cpu.cmpxchg(sptep, seen, spte) !== seen) {
    lostRace(cpu);
    return;
  }
  markPageDirtyInSlot(kvm, cpu, memslot, gfn, level);
  if ((seen & PRESENT) === 0) {
    cpu.fetchAdd(kvm.pagesStat + level, 1);
    cpu.counters.sptesMapped++;
  } else if (!isLeaf(seen, level)) {
    freeSubtree(kvm, cpu, sptePayload(seen));
    cpu.fetchAdd(kvm.pagesStat + level, 1);
    cpu.counters.sptesMapped++;
    kvmFlushRemoteTlbs(kvm, cpu);
  } else if ((seen & WRITABLE) !== 0) cpu.counters.spuriousFaults++;
  else cpu.counters.wpFaults++;
}

/** Invariant 4: the pages_* statistics count the present leaves. Nothing is left frozen in a table that is in use. */
function checkInvariants(kvm: Kvm): void {
  const { words } = kvm;
  const leaves = [0, 0, 0, 0, 0];
  for (let sp = 1; sp <= words[kvm.nextTable]; sp++) {
    const header = spHeader(kvm, sp);
    if (words[header + SP_IN_USE] === 0) continue;
    const level = roleLevel(words[header + SP_ROLE]);
    for (let sptep = spTable(kvm, sp), end = sptep + TABLE_ENTRIES; sptep < end; sptep++) {
      if ((words[sptep] & FROZEN) !== 0) assert(false, `spte ${sptep} of table ${sp} is left frozen`);
      if ((words[sptep] & PRESENT) !== 0 && isLeaf(words[sptep], level)) leaves[level]++;
    }
  }
  for (let level = 1; level <= 3; level++) {
    assert(leaves[level] === words[kvm.pagesStat + level], `${leaves[level]} leaf sptes at level ${level}, the statistics say ${words[kvm.pagesStat + level]}`);
  }
}
