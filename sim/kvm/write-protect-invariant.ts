// Whether the dirty log can be trusted, checked over all tables at rest: no CPU is in the middle of a fault or of an ioctl.

import { assert } from '../assert.js';
import { pagesPerLevel, ROOT_LEVEL, TABLE_ENTRIES, TABLE_SHIFT } from '../units.js';
import type { Kvm } from './kvm.js';
import { type Memslot, MS_BASE_GFN, MS_NPAGES, NO_MEMSLOT } from './memslot.js';
import { dirtyBitmap, isDirtyTracked } from './memslots.js';
import { Observer } from './observer.js';
import { assertPoison, freeTables, spTable } from './shadow-page.js';
import { isLeaf, PRESENT, sptePayload, WRITABLE } from './spte.js';
import type { Vcpu } from './vcpu.js';

/** What a leaf maps. */
interface Leaf {
  gfn: number;
  level: number;
}

/**
 * Invariant 12: in a memslot that logs by write protection, each page that the guest can write has its dirty bit set. It can if the leaf and every
 * entry above it are writable, or if a vCPU's TLB says so and the vCPU has not been told to drop it. With PML nothing is said: D bits decide there.
 * Throws at the first page that is not so. Costs one load for each entry of each table in use, and one TLB look-up for each page and vCPU.
 */
export function checkWriteProtection(kvm: Kvm, vcpus: readonly Vcpu[] = []): void {
  if (kvm.hasPml) return;
  const roots = kvm.direct ? 1 : Math.max(1, kvm.config.guest.processCount);
  for (let process = 0; process < roots; process++) {
    const root = kvm.words[kvm.roots + process];
    if (root !== 0) checkTable(kvm, root, { gfn: 0, level: ROOT_LEVEL });
  }
  for (const vcpu of vcpus) if (vcpu.tlbGeneration === kvm.words[kvm.tlbGeneration] && !vcpu.needsRoot) checkTlb(kvm, vcpu);
}

/** A page table that a freed frame holds is as it was left. For VMs with `poisonsFreedTables`. */
export function checkFreedTables(kvm: Kvm): void {
  for (const frame of freeTables(kvm)) assertPoison(kvm, frame);
}

function checkTable(kvm: Kvm, sp: number, at: Leaf): void {
  const shift = (at.level - 1) * TABLE_SHIFT;
  const table = spTable(kvm, sp);
  for (let index = 0; index < TABLE_ENTRIES; index++) {
    const spte = kvm.words[table + index];
    if ((spte & (PRESENT | WRITABLE)) !== (PRESENT | WRITABLE)) continue;
    const gfn = at.gfn + index * 2 ** shift;
    if (isLeaf(spte, at.level)) checkLeaf(kvm, { gfn, level: at.level });
    else checkTable(kvm, sptePayload(spte), { gfn, level: at.level - 1 });
  }
}

function checkLeaf(kvm: Kvm, leaf: Leaf): void {
  const memslot = kvm.memslots.gfnToMemslot(new Observer(kvm.words), leaf.gfn);
  if (memslot === NO_MEMSLOT || !isDirtyTracked(kvm.words, memslot)) return;
  for (let gfn = leaf.gfn; gfn < leaf.gfn + pagesPerLevel(leaf.level); gfn++) {
    if (!isDirty(kvm, memslot, gfn)) assert(false, `gfn ${gfn} is writable by a leaf of level ${leaf.level}, but not dirty`);
  }
}

function checkTlb(kvm: Kvm, vcpu: Vcpu): void {
  kvm.eachMemslot((memslot) => {
    if (!isDirtyTracked(kvm.words, memslot)) return;
    const baseGfn = kvm.words[memslot + MS_BASE_GFN];
    for (let gfn = baseGfn; gfn < baseGfn + kvm.words[memslot + MS_NPAGES]; gfn++) {
      if (vcpu.tlb.hits(gfn, true) && !isDirty(kvm, memslot, gfn)) assert(false, `gfn ${gfn} is writable by the TLB of vCPU ${vcpu.cpu.id}, but not dirty`);
    }
  });
}

function isDirty(kvm: Kvm, memslot: Memslot, gfn: number): boolean {
  const page = gfn - kvm.words[memslot + MS_BASE_GFN];
  return (kvm.words[dirtyBitmap(kvm.words, memslot) + (page >>> 5)] & (1 << (page & 31))) !== 0;
}
