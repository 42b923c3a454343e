// The operations on a reverse map that paths under mmu_lock use. Two kinds of lists stand behind it: rmap.ts, which is read under mmu_lock only,
// and rmap-nulls.ts, which may be walked without.

import type { Cpu, Word } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';

/** `head` is the arena word of a list's head. Locks: mmu_lock for write. Suspends: never. */
export interface RmapOps {
  /** Adds `sptep`, which is not on the list. */
  add(kvm: Kvm, cpu: Cpu, head: Word, sptep: Word): void;
  /** Removes `sptep`; it must be there. */
  remove(kvm: Kvm, cpu: Cpu, head: Word, sptep: Word): void;
  /** The `index`th spte, or 0 past the end. */
  get(kvm: Kvm, cpu: Cpu, head: Word, index: number): Word;
  /** Entries of the list. */
  count(kvm: Kvm, cpu: Cpu, head: Word): number;
  /** True when adding takes a new descriptor. */
  needsDesc(kvm: Kvm, cpu: Cpu, head: Word): boolean;
}

/** The head word of a list that holds `sptep` alone; 0 is that of an empty list. Both kinds have these two alike: most lists are no longer. */
export function singleHead(sptep: Word): number {
  return sptep << 1;
}
