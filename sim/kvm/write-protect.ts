// How guest memory is write-protected when its writes are logged. One file per policy.
//
//   locked    under mmu_lock held for write, as KVM does it
//   lockless  by rmap walks without mmu_lock (Xiao Guangrong's series of 2013)
//   root      at the roots alone; faults push the protection down (his idea of 2017)

import { assert } from '../assert.js';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { BitmapPart } from './dirty-bitmap.js';
import type { Kvm, KvmConfig } from './kvm.js';
import type { Memslot } from './memslot.js';

export const WRITE_PROTECTS = ['locked', 'lockless', 'root'] as const;

/** A policy by name. */
export type WriteProtectName = (typeof WRITE_PROTECTS)[number];

export interface WriteProtectPolicy {
  readonly name: WriteProtectName;
  /** Starts tracking a memslot whose logging has been turned on: splits where the split policy is eager, protects, flushes the TLBs. Locks: slots_lock held. */
  protectMemslot(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath;
  /** KVM_GET_DIRTY_LOG without manual protection: moves the bitmap to user space's copy and tracks those pages again. Locks: slots_lock held. */
  getAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath;
  /** KVM_CLEAR_DIRTY_LOG: clears what user space's copy says of `part` and tracks those pages again. Locks: slots_lock held. */
  clearAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot, part: BitmapPart): KernelPath;
}

/** Throws unless a VM of `config` can be protected so. The two policies without long holds of mmu_lock are built on the shadow MMU as it was before eager splitting. */
export function assertSupported(name: WriteProtectName, config: Omit<KvmConfig, 'memslots'>): void {
  if (name === 'locked') return;
  const cannot = `cannot write-protect by policy "${name}"`;
  assert(config.mmu.name === 'shadow', `${cannot}: current MMU ${config.mmu.name}, expected shadow`);
  assert(!config.split.eager && !config.split.splitsOnFault, `${cannot}: current split policy ${config.split.name}, expected lazy`);
  if (name === 'lockless') return;
  assert(config.wpFaultLock === 'write', `${cannot}: current lock of write-protection faults ${config.wpFaultLock}, expected write`);
  assert(!config.initiallyAllSet, `${cannot}: current initially-all-set, expected a log without manual protection`);
}
