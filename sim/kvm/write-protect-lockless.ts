// Write protection without mmu_lock: rmaps are walked and sptes made read-only while faults go on. Models Xiao Guangrong's series of 2013.
//
//   - Rmaps may be walked without the lock: rmap-nulls.ts.
//   - Page tables that a walk may be on are freed after an RCU grace period, while rcu_free_shadow_page says that there may be a walk.
//   - Protection only clears WRITABLE, atomically, for both sizes: a large spte stays and becomes read-only; a write to it faults and drops it.
//   - A fault makes its spte writable, puts it on its rmap, marks its page dirty, in this order:
//
//     vCPU                                    get_dirty_log
//     spte writable
//     spte on its rmap
//     marks the page dirty
//                                             takes the bits of a word (xchg)
//                                             walks their rmaps: finds the spte, makes it read-only
//                                             flushes the TLBs
//
// The TLBs are flushed whenever a bit was taken, not only when an spte was changed: one that another CPU has just dropped, under mmu_lock, may
// stay in the TLBs until that CPU flushes them; under the locked policy the wait for mmu_lock was the wait for that flush.
//
// What a walk finds may belong to another rmap, since descriptors are reused at once. Nothing is lost by that (the walk starts again), and nothing
// broken: the spte, if it is a leaf and writable, becomes read-only by a cmpxchg, and at the next write the guest faults and gets it back, as for
// any spurious write protection. A non-leaf (the lists of parents use the same descriptors) must be left alone: nobody would make it writable again.
//
// Left out: the reschedules of the series between bitmap words; they end no more than the RCU read section, which is short here anyway.

import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import * as units from '../units.js';
import { type BitmapPart, type Bitmaps, bitmapsOf, WHOLE_BITMAP } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import type { Memslot } from './memslot.js';
import * as memslotFields from './memslot.js';
import { gfnToRmap } from './memslots.js';
import { type GfnRange, slotRange } from './mmu.js';
import { LocklessRmapWalk } from './rmap-nulls.js';
import * as shadowPage from './shadow-page.js';
import { assertNotFreed, roleLevel, spHeader, sptepToSp } from './shadow-page.js';
import * as spteBits from './spte.js';
import { isLeaf } from './spte.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';
import type { WriteProtectPolicy } from './write-protect.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { LEVEL_1G } = units;
const { MS_NPAGES } = memslotFields;
const { SP_ROLE } = shadowPage;
const { PRESENT, WRITABLE } = spteBits;

export const writeProtectLockless: WriteProtectPolicy = { name: 'lockless', protectMemslot, getAndProtect, clearAndProtect };

/** Every spte of a memslot becomes read-only. Faults obey the memslot's flag already: what they map now they mark dirty. */
function* protectMemslot(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  beginWalks(kvm, cpu);
  for (let level = 1; level <= LEVEL_1G; level++) yield* protectRange(kvm, cpu, memslot, { range: slotRange(kvm, memslot), level });
  endWalks(kvm, cpu);
  kvmFlushRemoteTlbs(kvm, cpu);
}

function* getAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  yield* takeAndProtect(kvm, cpu, memslot, { take: takeAll, part: WHOLE_BITMAP });
}

function* clearAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot, part: BitmapPart): KernelPath {
  yield* takeAndProtect(kvm, cpu, memslot, { take: takeAsked, part });
}

/** Takes bits of one word of the dirty bitmap, whose number is `index`. Returns them. */
type TakeBits = (kvm: Kvm, cpu: Cpu, at: Bitmaps, index: number) => number;

/** KVM_GET_DIRTY_LOG: all of them, and user space gets them. */
function takeAll(kvm: Kvm, cpu: Cpu, at: Bitmaps, index: number): number {
  const bits = cpu.xchg(at.dirty + index, 0);
  kvm.words[at.user + index] = bits;
  return bits;
}

/** KVM_CLEAR_DIRTY_LOG: those that user space asks for. */
function takeAsked(kvm: Kvm, cpu: Cpu, at: Bitmaps, index: number): number {
  const asked = kvm.words[at.user + index];
  return asked === 0 ? 0 : cpu.fetchAnd(at.dirty + index, ~asked) & asked;
}

/** Locks: slots_lock held. Suspends: before each access that may race. */
function* takeAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot, { take, part }: { take: TakeBits; part: BitmapPart }): KernelPath {
  const at = bitmapsOf(kvm.words, memslot);
  const words = Math.ceil(kvm.words[memslot + MS_NPAGES] / 32);
  const protectsLarge = kvm.config.initiallyAllSet || kvm.dirtyLevel > 1;
  let found = false;
  let changed = false;
  beginWalks(kvm, cpu);
  for (let index = part.first; index < Math.min(words, part.end); index++) {
    if (index % 2 === 0) cpu.spend(cpu.cost.bitmap_word);
    if (cpu.touch(at.dirty + index)) yield;
    const bits = take(kvm, cpu, at, index);
    if (bits === 0) continue;
    found = true;
    const gfn = at.baseGfn + index * 32;
    if (protectsLarge && (yield* protectLarge(kvm, cpu, memslot, gfn, bits))) changed = true;
    if (yield* protectHeads(kvm, cpu, gfnToRmap(kvm.words, memslot, gfn, 1), bits)) changed = true;
  }
  endWalks(kvm, cpu);
  if (mustFlush(kvm, found, changed)) kvmFlushRemoteTlbs(kvm, cpu);
}

/** See the head of this file. */
function mustFlush(kvm: Kvm, found: boolean, changed: boolean): boolean {
  if (kvm.plant === 'missed-flush') return false;
  return kvm.plant === 'flush-if-changed' ? changed : found;
}

/** Page tables that a walk can reach are freed by RCU from now on. Models kvm_mmu_rcu_free_page_begin() of the series. Locks: slots_lock held. */
function beginWalks(kvm: Kvm, cpu: Cpu): void {
  cpu.store(kvm.rcuFreeShadowPage, 1);
  kvm.rcu.readLock(cpu);
  // Whoever frees a page first takes it off all that leads to it, then looks at the indicator.
  if (kvm.plant !== 'no-indicator-fence') cpu.fence();
}

function endWalks(kvm: Kvm, cpu: Cpu): void {
  kvm.rcu.readUnlock(cpu);
  cpu.store(kvm.rcuFreeShadowPage, 0);
}

/** A walk is over: pages that were freed meanwhile need not wait for the next. */
function nextSection(kvm: Kvm, cpu: Cpu): void {
  kvm.rcu.readUnlock(cpu);
  kvm.rcu.readLock(cpu);
  cpu.fence();
}

/** What maps the pages of `bits`, the first of which is `gfn`, above 4 KiB. */
function* protectLarge(kvm: Kvm, cpu: Cpu, memslot: Memslot, gfn: number, bits: number): KernelPath<boolean> {
  const first = gfn + 31 - Math.clz32(bits & -bits);
  const end = gfn + 32 - Math.clz32(bits);
  let changed = false;
  for (let level = 2; level <= LEVEL_1G; level++) if (yield* protectRange(kvm, cpu, memslot, { range: { start: first, end }, level })) changed = true;
  return changed;
}

/** All sptes of `level` that map `range`. */
function* protectRange(kvm: Kvm, cpu: Cpu, memslot: Memslot, at: { range: GfnRange; level: number }): KernelPath<boolean> {
  const first = gfnToRmap(kvm.words, memslot, at.range.start, at.level);
  const last = gfnToRmap(kvm.words, memslot, at.range.end - 1, at.level);
  let changed = false;
  for (let head = first; head <= last; head += 32) {
    const bits = last - head >= 31 ? -1 : (1 << (last - head + 1)) - 1;
    if (yield* protectHeads(kvm, cpu, head, bits)) changed = true;
  }
  return changed;
}

/**
 * Walks the rmaps of `bits`, bit n for `firstHead` + n, and makes what they hold read-only. True when an spte has changed.
 * Locks: none; page tables are protected by RCU. Suspends: before each access.
 */
function* protectHeads(kvm: Kvm, cpu: Cpu, firstHead: Word, bits: number): KernelPath<boolean> {
  const walk = new LocklessRmapWalk(kvm);
  let changed = false;
  for (let left = bits; left !== 0; left &= left - 1) {
    cpu.spend(cpu.cost.rmap_scan);
    cpu.counters.rmapHeadsVisited++;
    walk.begin(firstHead + 31 - Math.clz32(left & -left));
    while (walk.at !== 0) {
      if (cpu.touch(walk.at)) yield;
      walk.read(cpu);
      const { sptep } = walk;
      while (sptep !== 0) {
        if (cpu.interleave(sptep)) yield;
        const spte = cpu.load(sptep);
        if (!isWritableLeaf(kvm, cpu, sptep, spte)) break;
        if (cpu.interleave(sptep)) yield;
        if (!clearWritable(kvm, cpu, sptep, spte)) continue;
        changed = true;
        break;
      }
    }
  }
  nextSection(kvm, cpu);
  return changed;
}

/** The level of a page never changes while the page is in use, and no page is freed under the walk. */
function isWritableLeaf(kvm: Kvm, cpu: Cpu, sptep: Word, spte: number): boolean {
  if (kvm.poisonsFreedTables) assertNotFreed(kvm, cpu, sptep);
  if ((spte & (PRESENT | WRITABLE)) !== (PRESENT | WRITABLE)) return false;
  return isLeaf(spte, roleLevel(cpu.load(spHeader(kvm, sptepToSp(kvm, sptep)) + SP_ROLE)));
}

/** False when the spte is not what it was. Models the lockless spte_write_protect() of the series. */
function clearWritable(kvm: Kvm, cpu: Cpu, sptep: Word, spte: number): boolean {
  if (kvm.plant === 'drop-protect') cpu.store(sptep, spte & ~WRITABLE);
  else if (cpu.cmpxchg(sptep, spte, spte & ~WRITABLE) !== spte) return false;
  cpu.spend(cpu.cost.write_protect);
  cpu.counters.sptesWriteProtected++;
  return true;
}
