// Page tables of the TDP MMU: allocation, and the split of a huge spte. Models tdp_mmu_alloc_sp() and tdp_mmu_split_huge_page().
// Freed tables are never used again within a run: lockless walkers (RCU readers) may still be on them.

import type { Cpu } from '../engine/cpu.js';
import { TABLE_ENTRIES, TABLE_SHIFT } from '../units.js';
import type { Kvm } from './kvm.js';
import { allocTable, makeRole, roleLevel, SP_GFN, SP_HEADER_WORDS, SP_IN_USE, SP_NODE, SP_ROLE, spHeader, spTable } from './shadow-page.js';
import { ACC_ALL, FROZEN, isLeaf, makeNonleafSpte, makeSplitSpte, PRESENT, sptePayload } from './spte.js';

/** A table that nobody sees yet. Models tdp_mmu_alloc_sp(); the allocator's own lock stands for the slab's per-CPU lists. */
export function tdpAllocTable(kvm: Kvm, cpu: Cpu, page: { gfn: number; level: number }): number {
  while (cpu.xchg(kvm.allocatorLock, 1) !== 0);
  const sp = allocTable(kvm, cpu);
  cpu.store(kvm.allocatorLock, 0);
  const header = spHeader(kvm, sp);
  kvm.words.fill(0, header, header + SP_HEADER_WORDS);
  kvm.words[header + SP_GFN] = page.gfn;
  kvm.words[header + SP_ROLE] = makeRole(page.level, true, ACC_ALL);
  kvm.words[header + SP_NODE] = cpu.socket;
  kvm.words[header + SP_IN_USE] = 1;
  cpu.counters.mmuPagesAllocated++;
  return sp;
}

/** Gives up a table: not for reuse, see the head of this file. */
export function tdpFreeTable(kvm: Kvm, cpu: Cpu, sp: number): void {
  kvm.words[spHeader(kvm, sp) + SP_IN_USE] = 0;
  cpu.counters.mmuPagesFreed++;
}

/** Frees an unlinked table and all below it. Models handle_removed_pt(). */
export function freeSubtree(kvm: Kvm, cpu: Cpu, sp: number): void {
  const level = roleLevel(kvm.words[spHeader(kvm, sp) + SP_ROLE]);
  for (let sptep = spTable(kvm, sp), end = sptep + TABLE_ENTRIES; sptep < end; sptep++) {
    const spte = cpu.xchg(sptep, FROZEN);
    if ((spte & PRESENT) === 0) continue;
    cpu.spend(cpu.cost.zap_spte);
    if (isLeaf(spte, level)) {
      cpu.fetchAdd(kvm.pagesStat + level, -1);
      cpu.counters.sptesZapped++;
    } else freeSubtree(kvm, cpu, sptePayload(spte));
  }
  tdpFreeTable(kvm, cpu, sp);
}

/** Splits a huge spte: 512 children written off-line, then linked by one cmpxchg. Models tdp_mmu_split_huge_page(). */
export function tdpSplitHugePage(kvm: Kvm, cpu: Cpu, huge: { sptep: number; spte: number; level: number; gfn: number }): boolean {
  const childLevel = huge.level - 1;
  const shift = childLevel * TABLE_SHIFT;
  const sp = tdpAllocTable(kvm, cpu, { gfn: (huge.gfn >>> shift) << shift, level: childLevel });
  const table = spTable(kvm, sp);
  for (let index = 0; index < TABLE_ENTRIES; index++) kvm.words[table + index] = makeSplitSpte(huge.spte, huge.level, index);
  cpu.spend(TABLE_ENTRIES * cpu.cost.split_spte);
  if (cpu.cmpxchg(huge.sptep, huge.spte, makeNonleafSpte(sp)) !== huge.spte) {
    tdpFreeTable(kvm, cpu, sp);
    return false;
  }
  cpu.fetchAdd(kvm.pagesStat + huge.level, -1);
  cpu.fetchAdd(kvm.pagesStat + childLevel, TABLE_ENTRIES);
  cpu.counters.hugePagesSplit++;
  cpu.counters.splitSptes += TABLE_ENTRIES;
  return true;
}
