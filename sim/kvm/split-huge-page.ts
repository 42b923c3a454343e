// The mechanism of splitting one huge spte of the shadow MMU, shared by the policies.
// Models shadow_mmu_try_split_huge_page(), shadow_mmu_split_huge_page() and drop_large_spte() of the series.

import type { Cpu } from '../engine/cpu.js';
import * as units from '../units.js';
import type { Kvm } from './kvm.js';
import { gfnToRmap, memslotOf } from './memslots.js';
import * as shadowPage from './shadow-page.js';
import { createShadowPage, dropSpte, findShadowPage, linkShadowPage, makeRole, spHeader, spTable, sptepAccess, sptepGfn, sptepToSp } from './shadow-page.js';
import type { HugeSpte, SplitPolicy } from './split-policy.js';
import * as spteBits from './spte.js';
import { makeSplitSpte } from './spte.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { TABLE_ENTRIES } = units;
const { KVM_MIN_FREE_MMU_PAGES, SP_COLD, SP_PRESENT, SP_UNSYNC } = shadowPage;
const { PRESENT } = spteBits;

/** Sptes that one word of a dirty bitmap covers, as bits of SP_COLD: 512 / 64 words per table. */
const ALL_WORDS_COLD = (1 << (TABLE_ENTRIES / 64)) - 1;

/** Drops a huge spte so that a table can take its place. Models drop_large_spte(). */
export function dropLargeSpte(kvm: Kvm, cpu: Cpu, huge: HugeSpte): void {
  cpu.spend(cpu.cost.zap_spte);
  dropSpte(kvm, cpu, huge.sptep);
  cpu.counters.hugeSptesDropped++;
  kvmFlushRemoteTlbs(kvm, cpu);
}

/**
 * Splits `huge` into 512 sptes one level down. False when the policy, the quota or an unsync page forbids it; nothing has changed then.
 * Locks: mmu_lock for write. Suspends: never.
 */
export function splitHugePage(kvm: Kvm, cpu: Cpu, huge: HugeSpte, policy: SplitPolicy): boolean {
  const { words } = kvm;
  const { counters } = cpu;
  const parent = sptepToSp(kvm, huge.sptep);
  if (words[spHeader(kvm, parent) + SP_UNSYNC] !== 0) {
    counters.splitSkippedUnsync++;
    return false;
  }
  if (kvm.availableMmuPages() <= KVM_MIN_FREE_MMU_PAGES) {
    counters.splitRefusedFewPages++;
    return false;
  }
  const gfn = sptepGfn(kvm, huge.sptep);
  const role = makeRole(huge.level - 1, true, sptepAccess(kvm, huge.sptep));
  const existing = findShadowPage(kvm, gfn, role);
  if (existing !== 0) {
    if (!policy.reusesTables) {
      counters.splitSkippedReuse++;
      return false;
    }
    counters.splitReusedTables++;
  }
  const sp = existing || createShadowPage(kvm, cpu, { gfn, role });
  const flush = populate(kvm, cpu, { sp, gfn, huge, policy });
  dropSpte(kvm, cpu, huge.sptep);
  linkShadowPage(kvm, cpu, { sptep: huge.sptep, sp });
  counters.hugePagesSplit++;
  if (flush) kvmFlushRemoteTlbs(kvm, cpu);
  return true;
}

/** Fills the empty sptes of `sp`. True when something the huge page mapped is now unmapped or mapped by an older table: the TLBs must go. */
function populate(kvm: Kvm, cpu: Cpu, split: { sp: number; gfn: number; huge: HugeSpte; policy: SplitPolicy }): boolean {
  const { words } = kvm;
  const { sp, gfn, huge, policy } = split;
  const level = huge.level - 1;
  const memslot = memslotOf(kvm.memslots, cpu, gfn);
  const hugeSpte = words[huge.sptep];
  const table = spTable(kvm, sp);
  const rmap = gfnToRmap(words, memslot, gfn, level);
  let made = 0;
  let flush = false;
  let partial = false;
  for (let index = 0; index < TABLE_ENTRIES; index++) {
    const sptep = table + index;
    if ((words[sptep] & PRESENT) !== 0) {
      flush = true; // an older, possibly stricter mapping takes over
      continue;
    }
    if (kvm.rmaps.needsDesc(kvm, cpu, rmap + index)) {
      if (!policy.allocatesDescs) {
        partial = true;
        continue;
      }
      cpu.counters.splitDescsAllocated++;
    }
    cpu.store(sptep, makeSplitSpte(hugeSpte, huge.level, index));
    kvm.rmaps.add(kvm, cpu, rmap + index, sptep);
    made++;
  }
  const header = spHeader(kvm, sp);
  words[header + SP_PRESENT] += made;
  words[kvm.pagesStat + level] += made;
  if (level === 1) words[header + SP_COLD] = ALL_WORDS_COLD;
  cpu.counters.splitSptes += made;
  cpu.counters.rmapAdds += made;
  cpu.spend(made * cpu.cost.split_spte);
  if (partial) cpu.counters.splitPartial++;
  return flush || partial;
}
