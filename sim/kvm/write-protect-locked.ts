// Write protection under mmu_lock held for write, over a whole memslot: what KVM does. With PML it clears D bits of 4 KiB sptes instead.
// Models kvm_mmu_slot_apply_flags() of x86.c, kvm_get_dirty_log_protect() and kvm_clear_dirty_log_protect() of virt/kvm/kvm_main.c.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LEVEL_2M, LEVEL_4K } from '../units.js';
import { type BitmapPart, bitmapsOf } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import { type DirtyMask, slotRange } from './mmu.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';
import type { WriteProtectPolicy } from './write-protect.js';

export const writeProtectLocked: WriteProtectPolicy = { name: 'locked', protectMemslot, getAndProtect, clearAndProtect };

/** Splits and protects a whole memslot. */
function* protectMemslot(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.split.eager) yield* kvm.mmu.trySplitHugePages(kvm, cpu, memslot, { range: slotRange(kvm, memslot), targetLevel: kvm.dirtyLevel, locked: false });
  if (kvm.hasPml) {
    yield* kvm.mmu.slotLeafClearDirty(kvm, cpu, memslot);
    yield* kvm.mmu.slotRemoveWriteAccess(kvm, cpu, memslot, LEVEL_2M);
  } else yield* kvm.mmu.slotRemoveWriteAccess(kvm, cpu, memslot, LEVEL_4K);
  kvmFlushRemoteTlbs(kvm, cpu);
}

/** Locks: mmu_lock for write, over the whole memslot. Models kvm_get_dirty_log_protect(). */
function* getAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.getDirtyLog)) yield;
  const at = bitmapsOf(kvm.words, memslot);
  let flush = false;
  for (let i = 0; i < at.length; i += 2) {
    cpu.spend(cpu.cost.bitmap_word);
    const dirty = at.dirty + i;
    const user = at.user + i;
    if (cpu.touch(dirty)) yield;
    kvm.words[user] = cpu.xchg(dirty, 0);
    kvm.words[user + 1] = cpu.xchg(dirty + 1, 0);
    if ((kvm.words[user] | kvm.words[user + 1]) === 0) continue;
    flush = true;
    yield* protectWord(kvm, cpu, memslot, { gfn: at.baseGfn + i * 32, low: kvm.words[user], high: kvm.words[user + 1] });
  }
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** Locks: mmu_lock for write, over the whole part. Models kvm_clear_dirty_log_protect(). */
function* clearAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot, part: BitmapPart): KernelPath {
  const at = bitmapsOf(kvm.words, memslot);
  if (kvm.mmuLock.writeLock(cpu, LockSite.clearDirtyLog)) yield;
  let flush = false;
  for (let i = part.first; i < Math.min(at.length, part.end); i += 2) {
    cpu.spend(cpu.cost.bitmap_word);
    const dirty = at.dirty + i;
    const user = at.user + i;
    if ((kvm.words[user] | kvm.words[user + 1]) === 0) continue;
    if (cpu.touch(dirty)) yield;
    const low = cpu.fetchAnd(dirty, ~kvm.words[user]) & kvm.words[user];
    const high = cpu.fetchAnd(dirty + 1, ~kvm.words[user + 1]) & kvm.words[user + 1];
    if ((low | high) === 0) continue;
    flush = true;
    yield* protectWord(kvm, cpu, memslot, { gfn: at.baseGfn + i * 32, low, high });
  }
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/**
 * Starts tracking the pages of one 64-bit word again. Locks: mmu_lock for write, which an eager split may drop and take again.
 * Models kvm_arch_mmu_enable_log_dirty_pt_masked().
 */
function* protectWord(kvm: Kvm, cpu: Cpu, memslot: Memslot, mask: DirtyMask): KernelPath {
  const { dirtyLevel } = kvm;
  const { initiallyAllSet } = kvm.config;
  if (initiallyAllSet || dirtyLevel > 1) {
    const range = maskRange(mask);
    if (kvm.split.eager && initiallyAllSet) yield* kvm.mmu.trySplitHugePages(kvm, cpu, memslot, { range, targetLevel: dirtyLevel, locked: true });
    kvm.mmu.slotGfnWriteProtect(kvm, cpu, memslot, { gfn: range.start, minLevel: LEVEL_2M });
    const lastGfn = range.end - 1;
    if (range.start >>> 9 !== lastGfn >>> 9) kvm.mmu.slotGfnWriteProtect(kvm, cpu, memslot, { gfn: lastGfn, minLevel: LEVEL_2M });
  }
  kvm.mmu.protectMasked(kvm, cpu, memslot, mask, kvm.hasPml ? 'clear-dirty' : 'write-protect');
}

/** From the first to the last set bit of a mask, which is not empty. */
function maskRange(mask: DirtyMask): { start: number; end: number } {
  const first = mask.low !== 0 ? 31 - Math.clz32(mask.low & -mask.low) : 63 - Math.clz32(mask.high & -mask.high);
  const last = mask.high !== 0 ? 63 - Math.clz32(mask.high) : 31 - Math.clz32(mask.low);
  return { start: mask.gfn + first, end: mask.gfn + last + 1 };
}
