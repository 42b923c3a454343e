// Huge mappings of the TDP MMU that come back in place: a huge spte takes the place of a page table whose pages the host maps as one.
// Models kvm_tdp_mmu_recover_huge_pages() of late 2024.
//
// Left out: the host's page tables, which the kernel asks how large the page is; here the memslot's backing says so. A range that the mmu
// notifier is about to unmap stays as it is.
// A page table is replaced only where it maps something: what the guest never touched is left to its first fault.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import * as units from '../units.js';
import { pagesPerLevel } from '../units.js';
import type { Kvm } from './kvm.js';
import type { Memslot } from './memslot.js';
import { hostMappingLevel, pfnOf } from './memslots.js';
import { spTable } from './shadow-page.js';
import * as spteBits from './spte.js';
import { isLeaf, makeSpte, sptePayload } from './spte.js';
import type { TdpIter } from './tdp-iter.js';
import { walkSlot } from './tdp-mmu-dirty-log.js';
import { freeSubtree } from './tdp-tables.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use.
const { LEVEL_2M, TABLE_ENTRIES } = units;
const { ACC_ALL, PRESENT } = spteBits;

/** As `Mmu.recoverHugePages`. The memslot must not log. Locks: mmu_lock for read. Suspends: at the lock, before each spte. */
export function* recoverHugePages(kvm: Kvm, cpu: Cpu, memslot: Memslot, site: number): KernelPath {
  yield* walkSlot(kvm, cpu, memslot, { minLevel: LEVEL_2M, site, handler: recoverHugePage });
}

/** Replaces the table below `iter` by a huge spte, as large as may be: the walk comes from above. Models tdp_mmu_make_huge_spte(). */
function recoverHugePage(kvm: Kvm, cpu: Cpu, memslot: Memslot, iter: TdpIter): boolean {
  const { level, spte } = iter;
  if (isLeaf(spte, level) || level > hostMappingLevel(kvm.words, memslot, iter.gfn)) return false;
  const pages = pagesPerLevel(level);
  const pfn = pfnOf(kvm.words, memslot, iter.gfn - (iter.gfn % pages));
  if (!mapsLeaf(kvm, cpu, sptePayload(spte), level - 1) || !hostHas(kvm, pfn, pages)) return false;
  if (cpu.cmpxchg(iter.sptep, spte, makeSpte(pfn, level, ACC_ALL)) !== spte) {
    cpu.counters.tdpCmpxchgFailures++;
    return false;
  }
  freeSubtree(kvm, cpu, sptePayload(spte));
  cpu.fetchAdd(kvm.pagesStat + level, 1);
  cpu.counters.sptesRecovered++;
  return true;
}

/** Whether table `sp` of `level` maps any page. Looks at entries in order, up to the first leaf. */
function mapsLeaf(kvm: Kvm, cpu: Cpu, sp: number, level: number): boolean {
  const first = spTable(kvm, sp);
  for (let sptep = first; sptep < first + TABLE_ENTRIES; sptep++) {
    cpu.counters.tdpIterSteps++;
    cpu.spend(cpu.cost.tdp_iter_step);
    const spte = cpu.load(sptep);
    if ((spte & PRESENT) === 0) continue;
    if (isLeaf(spte, level) || mapsLeaf(kvm, cpu, sptePayload(spte), level - 1)) return true;
  }
  return false;
}

/** Whether the host has every page of a range and is not dropping any. Locks: mmu_lock. */
function hostHas(kvm: Kvm, firstPage: number, pages: number): boolean {
  const { hostMemory } = kvm;
  if (hostMemory === null) return true;
  if (kvm.words[kvm.invalidateInProgress] !== 0) return false;
  for (let page = firstPage; page < firstPage + pages; page++) if (!hostMemory.isPresent(page)) return false;
  return true;
}
