// What the rest of KVM asks of an MMU. Two implementations: the shadow (legacy) MMU and the TDP MMU.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import type { Memslot } from './memslots.js';
import type { Vcpu } from './vcpu.js';

/** A span of gfns, half-open. */
export interface GfnRange {
  start: number;
  end: number;
}

/** 64 bits of a dirty bitmap: bit n of `low` is page `gfn` + n, of `high` page `gfn` + 32 + n. */
export interface DirtyMask {
  gfn: number;
  low: number;
  high: number;
}

export interface Mmu {
  readonly name: 'shadow' | 'tdp';
  /** Makes the root page tables. Runs before any vCPU. */
  createRoots(kvm: Kvm, cpu: Cpu): void;
  /** Handles a fault of `vcpu` at `gfn`. The guest then tries again. */
  pageFault(kvm: Kvm, vcpu: Vcpu, gfn: number, write: boolean): KernelPath;
  /** Splits the huge pages of `range` to `targetLevel`. With `locked`, mmu_lock is held for write at entry and at return. */
  trySplitHugePages(kvm: Kvm, cpu: Cpu, memslot: Memslot, split: { range: GfnRange; targetLevel: number; locked: boolean }): KernelPath;
  /** Clears the D bits of all 4 KiB sptes. Models kvm_mmu_slot_leaf_clear_dirty(). */
  slotLeafClearDirty(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath;
  /** Write-protects all sptes of `minLevel` and above. Models kvm_mmu_slot_remove_write_access(). */
  slotRemoveWriteAccess(kvm: Kvm, cpu: Cpu, memslot: Memslot, minLevel: number): KernelPath;
  /** Drops small mappings of pages that could be huge. Models kvm_mmu_zap_collapsible_sptes(). */
  zapCollapsibleSptes(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath;
  /** Write-protects what maps `gfn` at `minLevel` and above. True when an spte changed. mmu_lock is held for write. */
  slotGfnWriteProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot, at: { gfn: number; minLevel: number }): boolean;
  /** Clears the D bit, or write-protects, the 4 KiB sptes of a mask. mmu_lock is held for write. */
  protectMasked(kvm: Kvm, cpu: Cpu, memslot: Memslot, mask: DirtyMask, by: 'clear-dirty' | 'write-protect'): void;
  /** Throws when the page tables break an invariant. No CPU runs. */
  checkInvariants(kvm: Kvm): void;
}
