// The ioctls of dirty logging, as user space's thread calls them: KVM_SET_USER_MEMORY_REGION that toggles the flag, KVM_GET_DIRTY_LOG,
// KVM_CLEAR_DIRTY_LOG. Models the generic part of virt/kvm/kvm_main.c; how pages are tracked again is the write-protection policy's.

import { assert } from '../assert.js';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import { bitmapsOf, WHOLE_BITMAP } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from './memslot.js';
import { setUserMemoryRegion } from './set-memory-region.js';
import { kickVcpus } from './vcpu.js';

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
  if (kvm.kicksForDirtyLog) kickVcpus(kvm, cpu); // they empty their PML buffers on the way out
  if (kvm.config.initiallyAllSet) copyBitmap(kvm, cpu, memslot);
  else yield* kvm.writeProtect.getAndProtect(kvm, cpu, memslot);
  if (kvm.slotsLock.unlock(cpu)) yield;
}

function copyBitmap(kvm: Kvm, cpu: Cpu, memslot: Memslot): void {
  const at = bitmapsOf(kvm.words, memslot);
  for (let i = 0; i < at.length; i++) kvm.words[at.user + i] = cpu.load(at.dirty + i);
  cpu.spend((at.length / 2) * cpu.cost.bitmap_word);
}

/** KVM_CLEAR_DIRTY_LOG of a memslot, or of a part of it, with the bitmap that GET has read. Locks: slots_lock, and what the write-protection policy takes. */
export function* clearDirtyLog(kvm: Kvm, cpu: Cpu, id: number, part = WHOLE_BITMAP): KernelPath {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.clearDirtyLog)) yield;
  yield* kvm.writeProtect.clearAndProtect(kvm, cpu, kvm.memslots.idToMemslot(cpu, id), part);
  if (kvm.slotsLock.unlock(cpu)) yield;
}
