// The ioctls of dirty logging, as user space's thread calls them: KVM_SET_USER_MEMORY_REGION that toggles the flag, KVM_GET_DIRTY_LOG,
// KVM_CLEAR_DIRTY_LOG. Models kvm_mmu_slot_apply_flags() of x86.c and the generic part of virt/kvm/kvm_main.c.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LEVEL_2M, LEVEL_4K } from '../units.js';
import { clearBitmap, setAllDirty } from './dirty-bitmap.js';
import { bitmapWords, type Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import { LOG_DIRTY_PAGES, type Memslot } from './memslots.js';
import type { DirtyMask } from './mmu.js';
import { kickVcpus, kvmFlushRemoteTlbs } from './vcpu.js';

/** Turns logging on for one memslot. Locks: slots_lock, then those of the MMU's walks. Suspends: there. */
export function* enableDirtyLogging(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.enableDirtyLog)) yield;
  if (kvm.config.initiallyAllSet) setAllDirty(kvm, memslot);
  else clearBitmap(kvm, memslot);
  yield* swapMemslots(cpu, memslot, LOG_DIRTY_PAGES);
  cpu.fetchAdd(kvm.dirtyLoggingCount, 1);
  if (!kvm.config.initiallyAllSet) yield* startTracking(kvm, cpu, memslot);
  if (kvm.slotsLock.unlock(cpu)) yield;
}

/** Splits and protects a whole memslot. Models the enabling half of kvm_mmu_slot_apply_flags(). */
function* startTracking(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  const { dirtyLevel } = kvm;
  if (kvm.split.eager) {
    const range = { start: memslot.baseGfn, end: memslot.baseGfn + memslot.npages };
    yield* kvm.mmu.trySplitHugePages(kvm, cpu, memslot, { range, targetLevel: dirtyLevel, locked: false });
  }
  if (kvm.hasPml) {
    yield* kvm.mmu.slotLeafClearDirty(kvm, cpu, memslot);
    yield* kvm.mmu.slotRemoveWriteAccess(kvm, cpu, memslot, LEVEL_2M);
  } else yield* kvm.mmu.slotRemoveWriteAccess(kvm, cpu, memslot, LEVEL_4K);
  kvmFlushRemoteTlbs(kvm, cpu);
}

/** Turns logging off and lets huge pages come back. Locks: slots_lock, then those of the MMU's walk. */
export function* disableDirtyLogging(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.disableDirtyLog)) yield;
  yield* swapMemslots(cpu, memslot, 0);
  cpu.fetchAdd(kvm.dirtyLoggingCount, -1);
  yield* kvm.mmu.zapCollapsibleSptes(kvm, cpu, memslot);
  if (kvm.slotsLock.unlock(cpu)) yield;
}

/** Publishes new flags: one swap of the memslot sets and its grace period. */
function* swapMemslots(cpu: Cpu, memslot: Memslot, flags: number): KernelPath {
  cpu.spend(cpu.cost.slot_update);
  if (cpu.touch(memslot.flagsWord)) yield;
  cpu.store(memslot.flagsWord, flags);
  cpu.spend(cpu.cost.srcu_grace_period);
}

/** KVM_GET_DIRTY_LOG into the memslot's user bitmap. Without manual protection it also clears and protects, under one long hold. */
export function* getDirtyLog(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.getDirtyLog)) yield;
  kickVcpus(kvm, cpu); // they empty their PML buffers on the way out
  if (kvm.config.initiallyAllSet) copyBitmap(kvm, cpu, memslot);
  else yield* getAndProtect(kvm, cpu, memslot);
  if (kvm.slotsLock.unlock(cpu)) yield;
}

function copyBitmap(kvm: Kvm, cpu: Cpu, memslot: Memslot): void {
  const words = bitmapWords(memslot.npages);
  for (let i = 0; i < words; i++) kvm.words[memslot.userBitmap + i] = cpu.load(memslot.dirtyBitmap + i);
  cpu.spend((words / 2) * cpu.cost.bitmap_word);
}

/** Locks: mmu_lock for write, over the whole memslot. Models kvm_get_dirty_log_protect(). */
function* getAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.getDirtyLog)) yield;
  const words = bitmapWords(memslot.npages);
  let flush = false;
  for (let i = 0; i < words; i += 2) {
    cpu.spend(cpu.cost.bitmap_word);
    const dirty = memslot.dirtyBitmap + i;
    const user = memslot.userBitmap + i;
    if (cpu.touch(dirty)) yield;
    kvm.words[user] = cpu.xchg(dirty, 0);
    kvm.words[user + 1] = cpu.xchg(dirty + 1, 0);
    if ((kvm.words[user] | kvm.words[user + 1]) === 0) continue;
    flush = true;
    yield* protectWord(kvm, cpu, memslot, { gfn: memslot.baseGfn + i * 32, low: kvm.words[user], high: kvm.words[user + 1] });
  }
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** KVM_CLEAR_DIRTY_LOG of a whole memslot with the bitmap that GET has read. Locks: slots_lock, mmu_lock for write. */
export function* clearDirtyLog(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.clearDirtyLog)) yield;
  if (kvm.mmuLock.writeLock(cpu, LockSite.clearDirtyLog)) yield;
  const words = bitmapWords(memslot.npages);
  let flush = false;
  for (let i = 0; i < words; i += 2) {
    cpu.spend(cpu.cost.bitmap_word);
    const dirty = memslot.dirtyBitmap + i;
    const user = memslot.userBitmap + i;
    if ((kvm.words[user] | kvm.words[user + 1]) === 0) continue;
    if (cpu.touch(dirty)) yield;
    const low = cpu.fetchAnd(dirty, ~kvm.words[user]) & kvm.words[user];
    const high = cpu.fetchAnd(dirty + 1, ~kvm.words[user + 1]) & kvm.words[user + 1];
    if ((low | high) === 0) continue;
    flush = true;
    yield* protectWord(kvm, cpu, memslot, { gfn: memslot.baseGfn + i * 32, low, high });
  }
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
  if (kvm.slotsLock.unlock(cpu)) yield;
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
