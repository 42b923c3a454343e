// Shadow pages: the header of each page table (struct kvm_mmu_page), the hash that finds one by gfn and role, the list from which
// the oldest is recycled, and the quota. Models kvm_mmu_get_page(), link_shadow_page(), kvm_mmu_prepare_zap_page() of mmu.c.
//
// Shadow page N has its header at spBase + N * 16 and its 512 sptes at tableBase + N * 512. N starts at 1.
// Left out: quadrants of 32-bit guests, nested roles. Guarded by mmu_lock held for write.

import { assert } from '../assert.js';
import type { Cpu } from '../engine/cpu.js';
import * as units from '../units.js';
import type { Kvm } from './kvm.js';
import { gfnToRmap, memslotOf } from './memslots.js';
import { pteListAdd, pteListGet, pteListRemove } from './rmap.js';
import * as spteBits from './spte.js';
import { isLeaf, makeNonleafSpte, sptePayload } from './spte.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { TABLE_ENTRIES, TABLE_SHIFT } = units;
const { PRESENT } = spteBits;

export const SP_HEADER_WORDS = 16;
export const HASH_BUCKETS = 1 << 12;

export const SP_GFN = 0;
export const SP_ROLE = 1;
const SP_HASH_NEXT = 2;
const SP_LIST_PREV = 3;
export const SP_LIST_NEXT = 4;
/** Rmap-like list of the sptes that point to this page. */
export const SP_PARENTS = 5;
/** Present sptes. */
export const SP_PRESENT = 6;
export const SP_UNSYNC = 7;
/** Table of (gfn << 3 | access) of an indirect page, 0 for a direct one (sp->gfns). */
export const SP_GFNS = 8;
/** Bit n: the 64 sptes of word n were made by a split and no dirty-bitmap word has visited them yet. */
export const SP_COLD = 9;
/** Socket of the memory that holds the table. */
export const SP_NODE = 10;
/** 1 while in use. */
export const SP_IN_USE = 11;
/** Roots are not recycled. */
const SP_IS_ROOT = 12;
/** Number of the last zap of everything when the page was made (mmu_valid_gen). */
const SP_VALID_GEN = 13;
const SP_FREE_NEXT = 2;

const ROLE_DIRECT = 1 << 3;
const ROLE_ACCESS_SHIFT = 4;

/** A shadow page's role: level, direct or not, guest access. */
export function makeRole(level: number, direct: boolean, access: number): number {
  return level | (direct ? ROLE_DIRECT : 0) | (access << ROLE_ACCESS_SHIFT);
}

export function roleLevel(role: number): number {
  return role & 7;
}

export function roleIsDirect(role: number): boolean {
  return (role & ROLE_DIRECT) !== 0;
}

export function roleAccess(role: number): number {
  return role >>> ROLE_ACCESS_SHIFT;
}

export function spHeader(kvm: Kvm, sp: number): number {
  return kvm.spBase + sp * SP_HEADER_WORDS;
}

export function spTable(kvm: Kvm, sp: number): number {
  return kvm.tableBase + (sp << TABLE_SHIFT);
}

/** The shadow page that holds `sptep` (sptep_to_sp). */
export function sptepToSp(kvm: Kvm, sptep: number): number {
  return (sptep - kvm.tableBase) >>> TABLE_SHIFT;
}

/** Gfn that `sptep` maps. Models kvm_mmu_page_get_gfn(). */
export function sptepGfn(kvm: Kvm, sptep: number): number {
  const { words } = kvm;
  const sp = sptepToSp(kvm, sptep);
  const header = spHeader(kvm, sp);
  const index = sptep - spTable(kvm, sp);
  const role = words[header + SP_ROLE];
  if (roleIsDirect(role)) return words[header + SP_GFN] + (index << ((roleLevel(role) - 1) * TABLE_SHIFT));
  return words[spTable(kvm, words[header + SP_GFNS]) + index] >>> 3;
}

/** Guest access of the translation at `sptep`. Models kvm_mmu_page_get_access(). */
export function sptepAccess(kvm: Kvm, sptep: number): number {
  const { words } = kvm;
  const sp = sptepToSp(kvm, sptep);
  const header = spHeader(kvm, sp);
  const role = words[header + SP_ROLE];
  if (roleIsDirect(role)) return roleAccess(role);
  return words[spTable(kvm, words[header + SP_GFNS]) + sptep - spTable(kvm, sp)] & 7;
}

/** Takes a zeroed table frame. Every allocation of the VM goes through here. */
export function allocTable(kvm: Kvm, cpu: Cpu): number {
  const { words } = kvm;
  cpu.spend(cpu.cost.sp_alloc);
  const free = words[kvm.freeTable];
  if (free !== 0) {
    words[kvm.freeTable] = words[spHeader(kvm, free) + SP_FREE_NEXT];
    words.fill(0, spTable(kvm, free), spTable(kvm, free) + TABLE_ENTRIES);
    return free;
  }
  const frame = ++words[kvm.nextTable];
  if (frame > kvm.tableCapacity) assert(false, `out of page-table frames: ${kvm.tableCapacity} in use`);
  return frame;
}

export function freeTable(kvm: Kvm, frame: number): void {
  kvm.words[spHeader(kvm, frame) + SP_IN_USE] = 0;
  kvm.words[spHeader(kvm, frame) + SP_FREE_NEXT] = kvm.words[kvm.freeTable];
  kvm.words[kvm.freeTable] = frame;
}

function hashBucket(kvm: Kvm, gfn: number): number {
  return kvm.hashBase + ((gfn ^ (gfn >>> 12) ^ (gfn >>> 21)) & (HASH_BUCKETS - 1));
}

/** Everything was zapped since the page was made: nothing may link it any more, and it is about to go. Models is_obsolete_sp(). */
export function isObsolete(kvm: Kvm, sp: number): boolean {
  return kvm.words[spHeader(kvm, sp) + SP_VALID_GEN] !== kvm.words[kvm.mmuValidGen];
}

/** The shadow page of `gfn` and `role`, or 0; obsolete ones do not count. Models the hash lookup of kvm_mmu_find_shadow_page(). */
export function findShadowPage(kvm: Kvm, gfn: number, role: number): number {
  const { words } = kvm;
  for (let sp = words[hashBucket(kvm, gfn)]; sp !== 0; sp = words[spHeader(kvm, sp) + SP_HASH_NEXT]) {
    const header = spHeader(kvm, sp);
    if (words[header + SP_GFN] === gfn && words[header + SP_ROLE] === role && !isObsolete(kvm, sp)) return sp;
  }
  return 0;
}

/** A new shadow page, hashed and on the active list. Models kvm_mmu_alloc_shadow_page(). */
export function createShadowPage(kvm: Kvm, cpu: Cpu, page: { gfn: number; role: number; isRoot?: boolean }): number {
  const { words } = kvm;
  const sp = allocTable(kvm, cpu);
  const header = spHeader(kvm, sp);
  words.fill(0, header, header + SP_HEADER_WORDS);
  words[header + SP_GFN] = page.gfn;
  words[header + SP_ROLE] = page.role;
  words[header + SP_NODE] = cpu.socket;
  words[header + SP_IN_USE] = 1;
  words[header + SP_VALID_GEN] = words[kvm.mmuValidGen];
  words[header + SP_IS_ROOT] = page.isRoot === true ? 1 : 0;
  if (!roleIsDirect(page.role)) words[header + SP_GFNS] = allocTable(kvm, cpu);
  const bucket = hashBucket(kvm, page.gfn);
  words[header + SP_HASH_NEXT] = words[bucket];
  words[bucket] = sp;
  appendActive(kvm, sp);
  words[kvm.usedMmuPages]++;
  cpu.counters.mmuPagesAllocated++;
  return sp;
}

/** Finds or makes a shadow page. Models kvm_mmu_get_page(). */
export function getShadowPage(kvm: Kvm, cpu: Cpu, page: { gfn: number; role: number }): number {
  return findShadowPage(kvm, page.gfn, page.role) || createShadowPage(kvm, cpu, page);
}

function appendActive(kvm: Kvm, sp: number): void {
  const { words } = kvm;
  const tail = words[kvm.activeTail];
  words[spHeader(kvm, sp) + SP_LIST_PREV] = tail;
  if (tail === 0) words[kvm.activeHead] = sp;
  else words[spHeader(kvm, tail) + SP_LIST_NEXT] = sp;
  words[kvm.activeTail] = sp;
}

function unlinkActive(kvm: Kvm, sp: number): void {
  const { words } = kvm;
  const header = spHeader(kvm, sp);
  const prev = words[header + SP_LIST_PREV];
  const next = words[header + SP_LIST_NEXT];
  if (prev === 0) words[kvm.activeHead] = next;
  else words[spHeader(kvm, prev) + SP_LIST_NEXT] = next;
  if (next === 0) words[kvm.activeTail] = prev;
  else words[spHeader(kvm, next) + SP_LIST_PREV] = prev;
}

function unlinkHash(kvm: Kvm, sp: number): void {
  const { words } = kvm;
  const header = spHeader(kvm, sp);
  let at = hashBucket(kvm, words[header + SP_GFN]);
  while (words[at] !== sp) {
    assert(words[at] !== 0, `shadow page ${sp} is not in its hash bucket`);
    at = spHeader(kvm, words[at]) + SP_HASH_NEXT;
  }
  words[at] = words[header + SP_HASH_NEXT];
}

/** Points `sptep` to `sp`. The word must be empty. Models link_shadow_page(). */
export function linkShadowPage(kvm: Kvm, cpu: Cpu, link: { sptep: number; sp: number }): void {
  pteListAdd(kvm, cpu, spHeader(kvm, link.sp) + SP_PARENTS, link.sptep);
  cpu.store(link.sptep, makeNonleafSpte(link.sp));
  kvm.words[spHeader(kvm, sptepToSp(kvm, link.sptep)) + SP_PRESENT]++;
}

/** Takes `sptep`, a non-leaf, off the page it points to. Models drop_parent_pte(). */
export function dropParentPte(kvm: Kvm, cpu: Cpu, sptep: number): void {
  const child = sptePayload(kvm.words[sptep]);
  pteListRemove(kvm, spHeader(kvm, child) + SP_PARENTS, sptep);
  cpu.store(sptep, 0);
  kvm.words[spHeader(kvm, sptepToSp(kvm, sptep)) + SP_PRESENT]--;
}

/** Drops the leaf at `sptep` and its rmap entry. Returns the old spte. Models drop_spte(). */
export function dropSpte(kvm: Kvm, cpu: Cpu, sptep: number): number {
  const level = roleLevel(kvm.words[spHeader(kvm, sptepToSp(kvm, sptep)) + SP_ROLE]);
  const gfn = sptepGfn(kvm, sptep);
  const memslot = memslotOf(kvm.memslots, cpu, gfn);
  return dropSpteFrom(kvm, cpu, gfnToRmap(kvm.words, memslot, gfn, level), level, sptep);
}

/** As `dropSpte`, where the rmap head and the level are known. */
export function dropSpteFrom(kvm: Kvm, cpu: Cpu, head: number, level: number, sptep: number): number {
  const { words } = kvm;
  pteListRemove(kvm, head, sptep);
  const old = cpu.xchg(sptep, 0);
  words[spHeader(kvm, sptepToSp(kvm, sptep)) + SP_PRESENT]--;
  words[kvm.pagesStat + level]--;
  cpu.counters.rmapRemoves++;
  cpu.counters.sptesZapped++;
  return old;
}

/** Zaps a shadow page: its sptes, the sptes that point to it, the page. Children stay in the hash. Models kvm_mmu_prepare_zap_page(). */
export function zapShadowPage(kvm: Kvm, cpu: Cpu, sp: number): void {
  const { words } = kvm;
  const header = spHeader(kvm, sp);
  const level = roleLevel(words[header + SP_ROLE]);
  for (let sptep = spTable(kvm, sp), last = sptep + TABLE_ENTRIES; sptep < last && words[header + SP_PRESENT] > 0; sptep++) {
    const spte = words[sptep];
    if ((spte & PRESENT) === 0) continue;
    cpu.spend(cpu.cost.zap_spte);
    if (isLeaf(spte, level)) dropSpte(kvm, cpu, sptep);
    else dropParentPte(kvm, cpu, sptep);
  }
  for (let parent = pteListGet(kvm, header + SP_PARENTS, 0); parent !== 0; parent = pteListGet(kvm, header + SP_PARENTS, 0)) dropParentPte(kvm, cpu, parent);
  unlinkHash(kvm, sp);
  unlinkActive(kvm, sp);
  if (words[header + SP_GFNS] !== 0) freeTable(kvm, words[header + SP_GFNS]);
  freeTable(kvm, sp);
  words[kvm.usedMmuPages]--;
  cpu.counters.mmuPagesFreed++;
}

export const KVM_MIN_FREE_MMU_PAGES = 5;
export const KVM_REFILL_PAGES = 25;

/** Recycles the oldest shadow pages when fewer than 5 are free, until 25 are. True when something was zapped. Models make_mmu_pages_available(). */
export function makeMmuPagesAvailable(kvm: Kvm, cpu: Cpu): boolean {
  if (kvm.availableMmuPages() >= KVM_MIN_FREE_MMU_PAGES) return false;
  const { words } = kvm;
  let sp = words[kvm.activeHead];
  while (sp !== 0 && kvm.availableMmuPages() < KVM_REFILL_PAGES) {
    const next = words[spHeader(kvm, sp) + SP_LIST_NEXT];
    if (words[spHeader(kvm, sp) + SP_IS_ROOT] === 0) {
      zapShadowPage(kvm, cpu, sp);
      cpu.counters.mmuPagesRecycled++;
    }
    sp = next;
  }
  assert(kvm.availableMmuPages() > 0, `no shadow page left of ${words[kvm.maxMmuPages]}`);
  return true;
}
