// What the rest of KVM asks of an MMU. Two implementations: the shadow (legacy) MMU and the TDP MMU.

import type { Cpu, KernelPath, Suspend, Word } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import { type Memslot, MS_BASE_GFN, MS_NPAGES } from './memslot.js';
import type { Vcpu } from './vcpu.js';

/** A span of gfns, half-open. */
export interface GfnRange {
  start: number;
  end: number;
}

/** The gfns of a memslot. */
export function slotRange(kvm: Kvm, memslot: Memslot): GfnRange {
  const start = kvm.words[memslot + MS_BASE_GFN];
  return { start, end: start + kvm.words[memslot + MS_NPAGES] };
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
  /** Makes the root of one process after everything was zapped. mmu_lock is held for write. */
  createRoot(kvm: Kvm, cpu: Cpu, process: number): void;
  /** True when fast_page_fault() may fix a write-protected spte of this VM. */
  fixesLockless(kvm: Kvm): boolean;
  /** Takes mmu_lock for a fault. */
  lockForFault(kvm: Kvm, vcpu: Vcpu, write: boolean): Suspend;
  /** The first part of mapping `gfn`. Returns the word to touch before `commitMap`, 0 when there is nothing left to do. */
  prepareMap(kvm: Kvm, vcpu: Vcpu, gfn: number): Word;
  /** The last part, for an MMU whose faults run side by side. The guest then tries again, whether it won or lost a race. */
  commitMap(kvm: Kvm, vcpu: Vcpu, gfn: number): void;
  unlockAfterFault(kvm: Kvm, vcpu: Vcpu): Suspend;
  /** Splits the huge pages of `range` to `targetLevel`. With `locked`, mmu_lock is held for write at entry and at return. */
  trySplitHugePages(kvm: Kvm, cpu: Cpu, memslot: Memslot, split: { range: GfnRange; targetLevel: number; locked: boolean }): KernelPath;
  /** Clears the D bits of all 4 KiB sptes. Models kvm_mmu_slot_leaf_clear_dirty(). */
  slotLeafClearDirty(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath;
  /** Write-protects all sptes of `minLevel` and above. Models kvm_mmu_slot_remove_write_access(). */
  slotRemoveWriteAccess(kvm: Kvm, cpu: Cpu, memslot: Memslot, minLevel: number): KernelPath;
  /** Drops small mappings of pages that could be huge. `site` says who takes mmu_lock. Models kvm_mmu_zap_collapsible_sptes(). */
  zapCollapsibleSptes(kvm: Kvm, cpu: Cpu, memslot: Memslot, site: number): KernelPath;
  /** Puts huge mappings in the place of small ones, without a fault. Null where an MMU can but drop the small ones. Models kvm_mmu_recover_huge_pages(). */
  readonly recoverHugePages: ((kvm: Kvm, cpu: Cpu, memslot: Memslot, site: number) => KernelPath) | null;
  /** Write-protects what maps `gfn` at `minLevel` and above. True when an spte changed. mmu_lock is held for write. */
  slotGfnWriteProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot, at: { gfn: number; minLevel: number }): boolean;
  /** Clears the D bit, or write-protects, the 4 KiB sptes of a mask. mmu_lock is held for write. */
  protectMasked(kvm: Kvm, cpu: Cpu, memslot: Memslot, mask: DirtyMask, by: 'clear-dirty' | 'write-protect'): void;
  /** Drops every spte that maps `range`. True when there was one. mmu_lock is held for write. Models kvm_unmap_gfn_range(). */
  unmapGfnRange(kvm: Kvm, cpu: Cpu, memslot: Memslot, range: GfnRange): boolean;
  /** Drops every mapping of one memslot. */
  zapMemslot(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath;
  /** Drops every mapping of the guest. Models kvm_mmu_zap_all_fast(). */
  zapAllFast(kvm: Kvm, cpu: Cpu): KernelPath;
  /** Throws when the page tables break an invariant. No CPU runs. */
  checkInvariants(kvm: Kvm): void;
}
