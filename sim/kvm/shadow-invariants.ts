// Invariants of the shadow MMU, checked over all tables after a run. No CPU may be running.

import { assert } from '../assert.js';
import { TABLE_ENTRIES } from '../units.js';
import type { Kvm } from './kvm.js';
import { gfnToRmap } from './memslots.js';
import { slotRange } from './mmu.js';
import { Observer } from './observer.js';
import { roleLevel, SP_IN_USE, SP_PARENTS, SP_PRESENT, SP_ROLE, spHeader, spTable } from './shadow-page.js';
import { isLeaf, PRESENT } from './spte.js';

/**
 * Invariant 3: each present leaf spte is on one rmap, once; so the entries of all rmaps are as many as the present leaves of each level.
 * Invariant 4: pages_4k, pages_2m and pages_1g count the present leaves.
 * Invariant 5: a shadow page's count of present sptes is right, and the pages in use are as many as the quota's account says.
 * Invariant 6: each present non-leaf is on the parent list of the page it points to.
 */
export function checkShadowInvariants(kvm: Kvm): void {
  const { words } = kvm;
  const observer = new Observer(words);
  const leaves = [0, 0, 0, 0, 0];
  let nonleaves = 0;
  let parents = 0;
  let used = 0;
  for (let sp = 1; sp <= words[kvm.nextTable]; sp++) {
    const header = spHeader(kvm, sp);
    if (words[header + SP_IN_USE] === 0) continue;
    used++;
    parents += kvm.rmaps.count(kvm, observer, header + SP_PARENTS);
    const level = roleLevel(words[header + SP_ROLE]);
    let present = 0;
    for (let sptep = spTable(kvm, sp), end = sptep + TABLE_ENTRIES; sptep < end; sptep++) {
      const spte = words[sptep];
      if ((spte & PRESENT) === 0) continue;
      present++;
      if (isLeaf(spte, level)) leaves[level]++;
      else nonleaves++;
    }
    if (present !== words[header + SP_PRESENT]) assert(false, `shadow page ${sp} has ${present} present sptes, its header says ${words[header + SP_PRESENT]}`);
  }
  assert(used === words[kvm.usedMmuPages], `${used} shadow pages in use, the quota's account says ${words[kvm.usedMmuPages]}`);
  assert(nonleaves === parents, `${nonleaves} non-leaf sptes, but ${parents} entries on parent lists`);
  for (let level = 1; level <= 3; level++) checkLevel(kvm, level, leaves[level]);
}

function checkLevel(kvm: Kvm, level: number, leaves: number): void {
  const stat = kvm.words[kvm.pagesStat + level];
  assert(leaves === stat, `${leaves} leaf sptes at level ${level}, the statistics say ${stat}`);
  const observer = new Observer(kvm.words);
  let entries = 0;
  kvm.eachMemslot((memslot) => {
    const { start, end } = slotRange(kvm, memslot);
    const last = gfnToRmap(kvm.words, memslot, end - 1, level);
    for (let head = gfnToRmap(kvm.words, memslot, start, level); head <= last; head++) entries += kvm.rmaps.count(kvm, observer, head);
  });
  assert(leaves === entries, `${leaves} leaf sptes at level ${level}, but ${entries} rmap entries`);
}
