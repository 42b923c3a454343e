// The ioctls of dirty logging, as user space's thread calls them: KVM_SET_USER_MEMORY_REGION that toggles the flag, KVM_GET_DIRTY_LOG,
// KVM_CLEAR_DIRTY_LOG. Models kvm_mmu_slot_apply_flags() of x86.c and the generic part of virt/kvm/kvm_main.c.

import { assert } from '../assert.js';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LEVEL_2M } from '../units.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot, MS_BASE_GFN, MS_NPAGES } from './memslot.js';
import { bitmapWords, dirtyBitmap, userBitmap } from './memslots.js';
import type { DirtyMask } from './mmu.js';
import { setUserMemoryRegion } from './set-memory-region.js';
import { kickVcpus, kvmFlushRemoteTlbs } from './vcpu.js';

/** Turns logging on for the memslot `id`. Locks: as setUserMemoryRegion(). */
export function* enableDirtyLogging(kvm: Kvm, cpu: Cpu, id: number): KernelPath {
  yield* setFlags(kvm, cpu, id, KVM_MEM_LOG_DIRTY_PAGES);
}

/** Turns logging off and lets huge pages come back. Locks: as setUserMemoryRegion(). */
export function* disableDirtyLogging(kvm: Kvm, cpu: Cpu, id: number): KernelPath {
  yield* setFlags(kvm, cpu, id, 0);
}

function* setFlags(kvm: Kvm, cpu: Cpu, id: number, flags: number): KernelPath {
  const refusal = yield* setUserMemoryRegion(kvm, cpu, { ...kvm.regionOf(id), flags });
  if (refusal !== null) assert(false, refusal.message);
}

/** KVM_GET_DIRTY_LOG into the memslot's user bitmap. Without manual protection it also clears and protects, under one long hold. */
export function* getDirtyLog(kvm: Kvm, cpu: Cpu, id: number): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.getDirtyLog)) yield;
  const memslot = kvm.memslots.idToMemslot(cpu, id);
  kickVcpus(kvm, cpu); // they empty their PML buffers on the way out
  if (kvm.config.initiallyAllSet) copyBitmap(kvm, cpu, memslot);
  else yield* getAndProtect(kvm, cpu, memslot);
  if (kvm.slotsLock.unlock(cpu)) yield;
}

/** The memslot's bitmap and user space's copy of it: first words, and how many. */
function bitmapsOf(kvm: Kvm, memslot: Memslot): { baseGfn: number; length: number; dirty: number; user: number } {
  const { words } = kvm;
  const length = bitmapWords(words[memslot + MS_NPAGES]);
  return { baseGfn: words[memslot + MS_BASE_GFN], length, dirty: dirtyBitmap(words, memslot), user: userBitmap(words, memslot) };
}

function copyBitmap(kvm: Kvm, cpu: Cpu, memslot: Memslot): void {
  const at = bitmapsOf(kvm, memslot);
  for (let i = 0; i < at.length; i++) kvm.words[at.user + i] = cpu.load(at.dirty + i);
  cpu.spend((at.length / 2) * cpu.cost.bitmap_word);
}

/** Locks: mmu_lock for write, over the whole memslot. Models kvm_get_dirty_log_protect(). */
function* getAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.mmuLock.writeLock(cpu, LockSite.getDirtyLog)) yield;
  const at = bitmapsOf(kvm, memslot);
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

/** KVM_CLEAR_DIRTY_LOG of a whole memslot with the bitmap that GET has read. Locks: slots_lock, mmu_lock for write. */
export function* clearDirtyLog(kvm: Kvm, cpu: Cpu, id: number): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.clearDirtyLog)) yield;
  const memslot = kvm.memslots.idToMemslot(cpu, id);
  const at = bitmapsOf(kvm, memslot);
  if (kvm.mmuLock.writeLock(cpu, LockSite.clearDirtyLog)) yield;
  let flush = false;
  for (let i = 0; i < at.length; i += 2) {
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
