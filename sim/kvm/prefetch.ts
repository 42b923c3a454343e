// A direct 4 KiB fault maps its neighbours too: those of the aligned eight whose pages the host has and whose sptes are empty.
// Models direct_pte_prefetch() and direct_pte_prefetch_many() of mmu.c.

import type { Word } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import { type Memslot, MS_BASE_GFN, MS_NPAGES } from './memslot.js';
import { gfnToRmap, pfnOf } from './memslots.js';
import { SP_PRESENT, spHeader, sptepToSp } from './shadow-page.js';
import { ACC_ALL, makeSpte, PRESENT } from './spte.js';
import type { Vcpu } from './vcpu.js';

/** PTE_PREFETCH_NUM. */
const PREFETCH = 8;

/** Maps the neighbours of `gfn`, whose spte `sptep` has just been set. Locks: mmu_lock for write. Suspends: never. */
export function prefetchSptes(kvm: Kvm, vcpu: Vcpu, memslot: Memslot, at: { sptep: Word; gfn: number }): void {
  const { words } = kvm;
  if (words[kvm.invalidateInProgress] !== 0) return; // a page that is going away must not be mapped now
  const firstGfn = at.gfn - (at.gfn % PREFETCH);
  const firstSptep = at.sptep - (at.gfn % PREFETCH);
  const header = spHeader(kvm, sptepToSp(kvm, at.sptep));
  const endGfn = words[memslot + MS_BASE_GFN] + words[memslot + MS_NPAGES];
  let pageIsMissing = false; // the kernel takes a run of pages at once, up to the first that is missing
  for (let i = 0; i < PREFETCH; i++) {
    const gfn = firstGfn + i;
    if ((words[firstSptep + i] & PRESENT) !== 0) {
      pageIsMissing = false;
      continue;
    }
    if (gfn < words[memslot + MS_BASE_GFN] || gfn >= endGfn || pageIsMissing) continue;
    const pfn = pfnOf(words, memslot, gfn);
    pageIsMissing = kvm.hostMemory !== null && !kvm.hostMemory.isPresent(pfn, vcpu.cpu);
    if (!pageIsMissing) prefetchOne(kvm, vcpu, { sptep: firstSptep + i, pfn, header, head: gfnToRmap(words, memslot, gfn, 1) });
  }
}

function prefetchOne(kvm: Kvm, vcpu: Vcpu, at: { sptep: Word; pfn: number; header: Word; head: Word }): void {
  const { cpu } = vcpu;
  cpu.store(at.sptep, makeSpte(at.pfn, 1, ACC_ALL));
  kvm.rmaps.add(kvm, cpu, at.head, at.sptep);
  kvm.words[at.header + SP_PRESENT]++;
  kvm.words[kvm.pagesStat + 1]++;
  cpu.counters.rmapAdds++;
  cpu.counters.sptesMapped++;
  cpu.counters.sptesPrefetched++;
  cpu.spend(cpu.cost.prefetch_spte);
}
