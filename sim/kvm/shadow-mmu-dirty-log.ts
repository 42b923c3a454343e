// The shadow MMU's side of dirty logging: walks over the rmap heads of a memslot. After each head mmu_lock may be dropped.
// Models slot_handle_level_range() and its handlers, kvm_mmu_try_split_huge_pages(), kvm_mmu_slot_gfn_write_protect(),
// kvm_mmu_clear_dirty_pt_masked() and kvm_mmu_write_protect_pt_masked() of mmu.c.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import * as units from '../units.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import { gfnToRmap, hostMappingLevel } from './memslots.js';
import { type DirtyMask, type GfnRange, slotRange } from './mmu.js';
import * as shadowPage from './shadow-page.js';
import { dropSpteFrom, roleIsDirect, roleLevel, spHeader, sptepGfn, sptepToSp } from './shadow-page.js';
import { splitHugePage } from './split-huge-page.js';
import * as spteBits from './spte.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { LEVEL_1G, TABLE_SHIFT } = units;
const { KVM_MIN_FREE_MMU_PAGES, SP_COLD, SP_ROLE } = shadowPage;
const { DIRTY, LARGE, WRITABLE } = spteBits;

/** Visits one rmap head. True when an spte changed in a way that the TLBs must learn of. */
type RmapHandler = (kvm: Kvm, cpu: Cpu, memslot: Memslot, head: number) => boolean;

/** Heads of `memslot` that `range` touches at `level`: the first head word and how many. */
function headsOf(kvm: Kvm, memslot: Memslot, range: GfnRange, level: number): { first: number; count: number } {
  const first = gfnToRmap(kvm.words, memslot, range.start, level);
  return { first, count: gfnToRmap(kvm.words, memslot, range.end - 1, level) - first + 1 };
}

/**
 * Calls `handler` for each rmap head of levels `minLevel` to `maxLevel`. Returns true when the TLBs must be flushed by the caller.
 * Locks: mmu_lock held for write at entry and return, dropped between heads when contended. Suspends: there.
 */
export function* handleLevels(
  kvm: Kvm,
  cpu: Cpu,
  memslot: Memslot,
  walk: { minLevel: number; maxLevel: number; site: number; handler: RmapHandler },
): KernelPath<boolean> {
  const { words } = kvm;
  let flush = false;
  for (let level = walk.minLevel; level <= walk.maxLevel; level++) {
    const { first, count } = headsOf(kvm, memslot, slotRange(kvm, memslot), level);
    cpu.counters.rmapHeadsVisited += count;
    for (let head = first; head < first + count; head++) {
      cpu.spend(cpu.cost.rmap_scan);
      if (words[head] !== 0 && walk.handler(kvm, cpu, memslot, head)) flush = true;
      if (cpu.touch(head)) yield;
      if (!kvm.needsLockBreak(cpu)) continue;
      if (flush) kvmFlushRemoteTlbs(kvm, cpu);
      flush = false;
      yield* breakLock(kvm, cpu, walk.site);
    }
  }
  return flush;
}

/** Lets the waiters in. Models cond_resched_rwlock_write(). */
export function* breakLock(kvm: Kvm, cpu: Cpu, site: number): KernelPath {
  cpu.counters.lockBreaks++;
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
  if (kvm.mmuLock.writeLock(cpu, site)) yield;
}

export function* slotLeafClearDirty(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.enableDirtyLog)) yield;
  yield* handleLevels(kvm, cpu, memslot, { minLevel: 1, maxLevel: 1, site: LockSite.enableDirtyLog, handler: rmapClearDirty });
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

export function* slotRemoveWriteAccess(kvm: Kvm, cpu: Cpu, memslot: Memslot, minLevel: number): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.enableDirtyLog)) yield;
  yield* handleLevels(kvm, cpu, memslot, { minLevel, maxLevel: LEVEL_1G, site: LockSite.enableDirtyLog, handler: rmapWriteProtect });
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** Locks: mmu_lock for write. Collapses at all levels below 1 GiB, as the series makes it. */
export function* zapCollapsibleSptes(kvm: Kvm, cpu: Cpu, memslot: Memslot, site: number): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, site)) yield;
  const flush = yield* handleLevels(kvm, cpu, memslot, {
    minLevel: 1,
    maxLevel: LEVEL_1G - 1,
    site,
    handler: rmapZapCollapsible,
  });
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

function rmapClearDirty(kvm: Kvm, cpu: Cpu, _memslot: Memslot, head: number): boolean {
  let flush = false;
  for (let i = 0, sptep = kvm.rmaps.get(kvm, cpu, head, 0); sptep !== 0; sptep = kvm.rmaps.get(kvm, cpu, head, ++i)) {
    cpu.spend(cpu.cost.clear_dirty);
    if (clearDirty(cpu, sptep)) flush = true;
  }
  return flush;
}

function clearDirty(cpu: Cpu, sptep: number): boolean {
  if ((cpu.fetchAnd(sptep, ~DIRTY) & DIRTY) === 0) return false;
  cpu.counters.dirtyBitsCleared++;
  return true;
}

function rmapWriteProtect(kvm: Kvm, cpu: Cpu, _memslot: Memslot, head: number): boolean {
  let flush = false;
  let kept = 0;
  for (let sptep = kvm.rmaps.get(kvm, cpu, head, 0); sptep !== 0; sptep = kvm.rmaps.get(kvm, cpu, head, kept)) {
    if (kvm.dropsLargeSptes && dropLargeWritable(kvm, cpu, head, sptep)) {
      flush = true;
      continue;
    }
    if (writeProtect(cpu, sptep)) flush = true;
    kept++;
  }
  return flush;
}

/** Models __drop_large_spte() as spte_write_protect() of 2013 calls it. */
function dropLargeWritable(kvm: Kvm, cpu: Cpu, head: number, sptep: number): boolean {
  if ((cpu.load(sptep) & (LARGE | WRITABLE)) !== (LARGE | WRITABLE)) return false;
  dropSpteFrom(kvm, cpu, head, roleLevel(kvm.words[spHeader(kvm, sptepToSp(kvm, sptep)) + SP_ROLE]), sptep);
  cpu.spend(cpu.cost.zap_spte);
  cpu.counters.hugeSptesDropped++;
  return true;
}

function writeProtect(cpu: Cpu, sptep: number): boolean {
  if ((cpu.load(sptep) & WRITABLE) === 0) return false;
  cpu.fetchAnd(sptep, ~WRITABLE);
  cpu.spend(cpu.cost.write_protect);
  cpu.counters.sptesWriteProtected++;
  return true;
}

/** Models kvm_mmu_zap_collapsible_spte(): only direct pages, whose level the host, not the guest, decides. */
function rmapZapCollapsible(kvm: Kvm, cpu: Cpu, memslot: Memslot, head: number): boolean {
  let zapped = false;
  let kept = 0;
  const goal = collapsedLevel(kvm, memslot, sptepGfn(kvm, kvm.rmaps.get(kvm, cpu, head, 0)));
  for (let sptep = kvm.rmaps.get(kvm, cpu, head, kept); sptep !== 0; sptep = kvm.rmaps.get(kvm, cpu, head, kept)) {
    const role = kvm.words[spHeader(kvm, sptepToSp(kvm, sptep)) + SP_ROLE];
    if (!roleIsDirect(role) || roleLevel(role) >= goal) {
      kept++;
      continue;
    }
    dropSpteFrom(kvm, cpu, head, roleLevel(role), sptep);
    cpu.spend(cpu.cost.collapse_spte);
    cpu.counters.sptesCollapsed++;
    zapped = true;
  }
  return zapped;
}

function collapsedLevel(kvm: Kvm, memslot: Memslot, gfn: number): number {
  const host = hostMappingLevel(kvm.words, memslot, gfn);
  return kvm.direct ? host : Math.min(host, kvm.config.guest.leafLevel);
}

/**
 * Splits the huge pages that `range` touches, top down. The lock is dropped between sptes when contended or when a reschedule is due.
 * Locks: mmu_lock for write, taken here unless `locked`. Models kvm_mmu_try_split_huge_pages() for rmaps.
 */
export function* trySplitHugePages(kvm: Kvm, cpu: Cpu, memslot: Memslot, split: { range: GfnRange; targetLevel: number; locked: boolean }): KernelPath {
  if (!split.locked && kvm.mmuLock.writeLock(cpu, LockSite.splitHugePages)) yield;
  for (let level = LEVEL_1G; level > split.targetLevel; level--) {
    const { first, count } = headsOf(kvm, memslot, split.range, level);
    cpu.counters.rmapHeadsVisited += count;
    for (let head = first; head < first + count; head++) {
      cpu.spend(cpu.cost.rmap_scan);
      yield* splitRmap(kvm, cpu, { head, level });
    }
  }
  if (!split.locked && kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** Splits all huge sptes of one head. A dropped lock starts the head again: the list may be another one then. */
function* splitRmap(kvm: Kvm, cpu: Cpu, at: { head: number; level: number }): KernelPath {
  let skipped = 0;
  for (;;) {
    if (skipped >= kvm.rmaps.count(kvm, cpu, at.head)) return;
    if (cpu.touch(at.head)) yield;
    if (kvm.needsLockBreak(cpu)) {
      yield* breakLock(kvm, cpu, LockSite.splitHugePages);
      skipped = 0;
      continue;
    }
    const sptep = kvm.rmaps.get(kvm, cpu, at.head, skipped);
    if (!splitHugePage(kvm, cpu, { sptep, level: at.level }, kvm.split)) {
      if (kvm.availableMmuPages() <= KVM_MIN_FREE_MMU_PAGES) return;
      skipped++;
    }
  }
}

export function slotGfnWriteProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot, at: { gfn: number; minLevel: number }): boolean {
  let changed = false;
  for (let level = at.minLevel; level <= LEVEL_1G; level++) {
    const head = gfnToRmap(kvm.words, memslot, at.gfn, level);
    cpu.spend(cpu.cost.rmap_scan);
    cpu.counters.rmapHeadsVisited++;
    if (kvm.words[head] !== 0 && rmapWriteProtect(kvm, cpu, memslot, head)) changed = true;
  }
  return changed;
}

export function protectMasked(kvm: Kvm, cpu: Cpu, memslot: Memslot, mask: DirtyMask, by: 'clear-dirty' | 'write-protect'): void {
  protectBits(kvm, cpu, { memslot, gfn: mask.gfn, bits: mask.low, by });
  protectBits(kvm, cpu, { memslot, gfn: mask.gfn + 32, bits: mask.high, by });
}

function protectBits(kvm: Kvm, cpu: Cpu, half: { memslot: Memslot; gfn: number; bits: number; by: 'clear-dirty' | 'write-protect' }): void {
  const firstHead = half.bits === 0 ? 0 : gfnToRmap(kvm.words, half.memslot, half.gfn, 1);
  let visited = 0;
  for (let bits = half.bits; bits !== 0; bits &= bits - 1) {
    const head = firstHead + 31 - Math.clz32(bits & -bits);
    visited++;
    for (let i = 0, sptep = kvm.rmaps.get(kvm, cpu, head, 0); sptep !== 0; sptep = kvm.rmaps.get(kvm, cpu, head, ++i)) protectSpte(kvm, cpu, sptep, half.by);
  }
  cpu.counters.rmapHeadsVisited += visited;
  cpu.spend(visited * cpu.cost.rmap_scan);
}

function protectSpte(kvm: Kvm, cpu: Cpu, sptep: number, by: 'clear-dirty' | 'write-protect'): void {
  const cold = spHeader(kvm, sptepToSp(kvm, sptep)) + SP_COLD;
  if (kvm.words[cold] !== 0) visitCold(kvm, cpu, { cold, sptep });
  if (by === 'clear-dirty') {
    cpu.spend(cpu.cost.clear_dirty_masked);
    clearDirty(cpu, sptep);
  } else {
    writeProtect(cpu, sptep);
  }
}

/** The first visit to each spte that a split made is dearer than later ones; why, the published figures do not tell. */
function visitCold(kvm: Kvm, cpu: Cpu, at: { cold: number; sptep: number }): void {
  const index = (at.sptep - kvm.tableBase) & ((1 << TABLE_SHIFT) - 1);
  const word = 1 << (index >>> 6);
  if ((kvm.words[at.cold] & word) === 0) return;
  cpu.spend(cpu.cost.cold_spte_visit);
  if ((index & 63) === 63) kvm.words[at.cold] &= ~word;
}
