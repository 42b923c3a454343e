// Whether what is mapped may be mapped, checked over all tables after a run. No CPU may be running.

import { assert } from '../assert.js';
import type { Cpu } from '../engine/cpu.js';
import { pagesPerLevel, TABLE_ENTRIES } from '../units.js';
import type { Kvm } from './kvm.js';
import { NO_MEMSLOT } from './memslot.js';
import { isUserfault, pfnOf } from './memslots.js';
import { Observer } from './observer.js';
import { roleLevel, SP_IN_USE, SP_ROLE, spHeader, spTable, sptepGfn } from './shadow-page.js';
import { isLeaf, PRESENT, sptePayload } from './spte.js';

/**
 * Invariant 8: each present leaf maps a gfn of a memslot to the host pages that back it now, and the host has them. So nothing is left of a
 * memslot that was deleted or moved, or of host memory that was unmapped.
 * Invariant 9: a memslot with KVM_MEM_USERFAULT is mapped by 4 KiB leaves alone.
 */
export function checkMappings(kvm: Kvm): void {
  const { words } = kvm;
  const cpu = new Observer(words);
  for (let sp = 1; sp <= words[kvm.nextTable]; sp++) {
    const header = spHeader(kvm, sp);
    if (words[header + SP_IN_USE] === 0) continue;
    const level = roleLevel(words[header + SP_ROLE]);
    for (let sptep = spTable(kvm, sp), end = sptep + TABLE_ENTRIES; sptep < end; sptep++) {
      if ((words[sptep] & PRESENT) !== 0 && isLeaf(words[sptep], level)) checkLeaf(kvm, cpu, { sptep, level });
    }
  }
}

function checkLeaf(kvm: Kvm, cpu: Cpu, { sptep, level }: { sptep: number; level: number }): void {
  const gfn = sptepGfn(kvm, sptep);
  const pfn = sptePayload(kvm.words[sptep]);
  const memslot = kvm.memslots.gfnToMemslot(cpu, gfn);
  if (memslot === NO_MEMSLOT) assert(false, `gfn ${gfn} is mapped, but in no memslot`);
  if (level > 1 && isUserfault(kvm.words, memslot)) assert(false, `gfn ${gfn} is mapped at level ${level}, but its memslot has KVM_MEM_USERFAULT`);
  const backing = pfnOf(kvm.words, memslot, gfn);
  if (pfn !== backing) assert(false, `gfn ${gfn} is mapped to host page ${pfn}, but its memslot says ${backing}`);
  for (let page = pfn; kvm.hostMemory !== null && page < pfn + pagesPerLevel(level); page++) {
    if (!kvm.hostMemory.isPresent(page)) assert(false, `gfn ${gfn} is mapped to host page ${page}, which the host has dropped`);
  }
}
