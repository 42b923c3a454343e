// The TDP MMU's side of dirty logging: every step walks the page tables, for there is no rmap that says where huge pages are.
// Models kvm_tdp_mmu_try_split_huge_pages(), kvm_tdp_mmu_clear_dirty_slot(), kvm_tdp_mmu_wrprot_slot(),
// kvm_tdp_mmu_clear_dirty_pt_masked() and kvm_tdp_mmu_zap_collapsible_sptes().

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LEVEL_1G, LEVEL_2M, TABLE_ENTRIES } from '../units.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import { hostLevel, hostMappingLevel } from './memslots.js';
import { type DirtyMask, type GfnRange, slotRange } from './mmu.js';
import { spTable } from './shadow-page.js';
import { DIRTY, isLeaf, PRESENT, sptePayload, tableIndex, WRITABLE } from './spte.js';
import { TdpIter } from './tdp-iter.js';
import { tdpSplitHugePage } from './tdp-tables.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';

/** Visits a present spte. True when the TLBs must learn of it. Suspends: never. */
export type SpteHandler = (kvm: Kvm, cpu: Cpu, memslot: Memslot, iter: TdpIter) => boolean;

function iterate(kvm: Kvm, cpu: Cpu, range: GfnRange, minLevel: number): TdpIter {
  return new TdpIter(kvm, cpu, { root: kvm.words[kvm.roots], range, minLevel });
}

/** Walks the sptes of a memslot from `minLevel` up. Locks: mmu_lock for read, dropped between sptes when contended. Suspends: there and before each spte. */
export function* walkSlot(kvm: Kvm, cpu: Cpu, memslot: Memslot, walk: { minLevel: number; site: number; handler: SpteHandler }): KernelPath {
  if (kvm.mmuLock.readLock(cpu, walk.site)) yield;
  const iter = iterate(kvm, cpu, slotRange(kvm, memslot), walk.minLevel);
  let flush = false;
  while (iter.next()) {
    if (cpu.touch(iter.sptep)) yield;
    iter.spte = cpu.load(iter.sptep);
    if ((iter.spte & PRESENT) !== 0 && walk.handler(kvm, cpu, memslot, iter)) flush = true;
    if (!kvm.needsLockBreak(cpu)) continue;
    cpu.counters.lockBreaks++;
    if (kvm.mmuLock.readUnlock(cpu)) yield;
    if (kvm.mmuLock.readLock(cpu, walk.site)) yield;
  }
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.readUnlock(cpu)) yield;
}

export function* slotLeafClearDirty(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  yield* walkSlot(kvm, cpu, memslot, { minLevel: 1, site: LockSite.enableDirtyLog, handler: clearDirty });
}

export function* slotRemoveWriteAccess(kvm: Kvm, cpu: Cpu, memslot: Memslot, minLevel: number): KernelPath {
  yield* walkSlot(kvm, cpu, memslot, { minLevel, site: LockSite.enableDirtyLog, handler: writeProtect });
}

export function* zapCollapsibleSptes(kvm: Kvm, cpu: Cpu, memslot: Memslot, site: number): KernelPath {
  yield* walkSlot(kvm, cpu, memslot, { minLevel: 1, site, handler: zapCollapsible });
}

function clearDirty(_kvm: Kvm, cpu: Cpu, _memslot: Memslot, iter: TdpIter): boolean {
  if (iter.level !== 1) return false;
  cpu.spend(cpu.cost.clear_dirty);
  if ((cpu.fetchAnd(iter.sptep, ~DIRTY) & DIRTY) !== 0) cpu.counters.dirtyBitsCleared++;
  return false; // the ioctl flushes once at its end
}

function writeProtect(_kvm: Kvm, cpu: Cpu, _memslot: Memslot, iter: TdpIter): boolean {
  if (!isLeaf(iter.spte, iter.level) || (iter.spte & WRITABLE) === 0) return false;
  cpu.spend(cpu.cost.write_protect);
  cpu.fetchAnd(iter.sptep, ~WRITABLE);
  cpu.counters.sptesWriteProtected++;
  return false;
}

function zapCollapsible(kvm: Kvm, cpu: Cpu, memslot: Memslot, iter: TdpIter): boolean {
  if (!isLeaf(iter.spte, iter.level) || iter.level >= hostMappingLevel(kvm.words, memslot, iter.gfn)) return false;
  if (cpu.cmpxchg(iter.sptep, iter.spte, 0) !== iter.spte) return false;
  cpu.spend(cpu.cost.collapse_spte);
  cpu.fetchAdd(kvm.pagesStat + iter.level, -1);
  cpu.counters.sptesCollapsed++;
  cpu.counters.sptesZapped++;
  return true;
}

/** Locks: mmu_lock for read, or, with `locked` (CLEAR), the write lock that the caller holds. */
export function* trySplitHugePages(kvm: Kvm, cpu: Cpu, memslot: Memslot, split: { range: GfnRange; targetLevel: number; locked: boolean }): KernelPath {
  if (hostLevel(kvm.words, memslot) <= split.targetLevel) return;
  if (!split.locked && kvm.mmuLock.readLock(cpu, LockSite.splitHugePages)) yield;
  const iter = iterate(kvm, cpu, split.range, split.targetLevel + 1);
  while (iter.next()) {
    if (cpu.touch(iter.sptep)) yield;
    iter.spte = cpu.load(iter.sptep);
    if ((iter.spte & PRESENT) === 0 || !isLeaf(iter.spte, iter.level)) continue;
    tdpSplitHugePage(kvm, cpu, iter);
    if (split.locked || !kvm.needsLockBreak(cpu)) continue;
    cpu.counters.lockBreaks++;
    if (kvm.mmuLock.readUnlock(cpu)) yield;
    if (kvm.mmuLock.readLock(cpu, LockSite.splitHugePages)) yield;
  }
  if (!split.locked && kvm.mmuLock.readUnlock(cpu)) yield;
}

export function slotGfnWriteProtect(kvm: Kvm, cpu: Cpu, _memslot: Memslot, at: { gfn: number; minLevel: number }): boolean {
  const iter = iterate(kvm, cpu, { start: at.gfn, end: at.gfn + 1 }, Math.max(at.minLevel, LEVEL_2M));
  let changed = false;
  while (iter.next()) {
    const protects = iter.level >= at.minLevel && iter.level <= LEVEL_1G && (iter.spte & PRESENT) !== 0 && isLeaf(iter.spte, iter.level);
    if (!protects || (iter.spte & WRITABLE) === 0) continue;
    cpu.spend(cpu.cost.write_protect);
    cpu.fetchAnd(iter.sptep, ~WRITABLE);
    cpu.counters.sptesWriteProtected++;
    changed = true;
  }
  return changed;
}

/** Finds the level-1 table of the mask by a walk from the root, then visits its sptes. */
export function protectMasked(kvm: Kvm, cpu: Cpu, _memslot: Memslot, mask: DirtyMask, by: 'clear-dirty' | 'write-protect'): void {
  if (mask.low === 0 && mask.high === 0) return;
  let table = lastLevelTable(kvm, cpu, mask.gfn);
  for (let bit = 0; bit < 64; bit++) {
    const gfn = mask.gfn + bit;
    if (bit > 0 && gfn % TABLE_ENTRIES === 0) table = lastLevelTable(kvm, cpu, gfn);
    stepped(cpu);
    const wanted = ((bit < 32 ? mask.low >>> bit : mask.high >>> (bit - 32)) & 1) !== 0;
    if (!wanted || table === 0) continue;
    const sptep = table + tableIndex(gfn, 1);
    if ((cpu.load(sptep) & PRESENT) !== 0) protectSpte(cpu, sptep, by);
  }
}

/** First word of the level-1 table that maps `gfn`, 0 if there is none. */
function lastLevelTable(kvm: Kvm, cpu: Cpu, gfn: number): number {
  let sp = kvm.words[kvm.roots];
  for (let level = 4; level > 1; level--) {
    const spte = cpu.load(spTable(kvm, sp) + tableIndex(gfn, level));
    stepped(cpu);
    if ((spte & PRESENT) === 0 || isLeaf(spte, level)) return 0;
    sp = sptePayload(spte);
  }
  return spTable(kvm, sp);
}

function stepped(cpu: Cpu): void {
  cpu.counters.tdpIterSteps++;
  cpu.spend(cpu.cost.tdp_iter_step);
}

function protectSpte(cpu: Cpu, sptep: number, by: 'clear-dirty' | 'write-protect'): void {
  if (by === 'clear-dirty') {
    cpu.spend(cpu.cost.clear_dirty_masked);
    if ((cpu.fetchAnd(sptep, ~DIRTY) & DIRTY) !== 0) cpu.counters.dirtyBitsCleared++;
    return;
  }
  cpu.spend(cpu.cost.write_protect);
  if ((cpu.fetchAnd(sptep, ~WRITABLE) & WRITABLE) !== 0) cpu.counters.sptesWriteProtected++;
}
