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
export const SP_IS_ROOT = 12;
/** Number of the last zap of everything when the page was made (mmu_valid_gen). */
const SP_VALID_GEN = 13;
/** Number of the last protection of everything that has reached the page's entries (write-protect-root.ts). */
export const SP_PROTECT_GEN = 14;
/** Of a page whose free waits for RCU: when its grace period is over. */
const SP_RCU_COOKIE = 15;
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
  if (words[kvm.freeTable] === 0 && words[kvm.rcuPages] !== 0) reclaimRcuPages(kvm, cpu);
  const free = words[kvm.freeTable];
  if (free !== 0) {
    words[kvm.freeTable] = words[spHeader(kvm, free) + SP_FREE_NEXT];
    if (kvm.poisonsFreedTables) assertPoison(kvm, free);
    words.fill(0, spTable(kvm, free), spTable(kvm, free) + TABLE_ENTRIES);
    return free;
  }
  const frame = ++words[kvm.nextTable];
  if (frame > kvm.tableCapacity) assert(false, `out of page-table frames: ${kvm.tableCapacity} in use`);
  return frame;
}

/** Gives a frame back to the allocator. */
function freeTable(kvm: Kvm, cpu: Cpu, frame: number): void {
  const { words } = kvm;
  words[spHeader(kvm, frame) + SP_FREE_NEXT] = words[kvm.freeTable];
  words[kvm.freeTable] = frame;
  if (!kvm.poisonsFreedTables) return;
  words.fill(POISON, spTable(kvm, frame), spTable(kvm, frame) + TABLE_ENTRIES);
  cpu.xchg(spHeader(kvm, frame) + SP_ROLE, POISON); // the one of these stores that an engine sees, and may order a walker before and after
}

/** A walk without mmu_lock has just read `sptep`: its page has not been freed. For VMs with `poisonsFreedTables`. */
export function assertNotFreed(kvm: Kvm, cpu: Cpu, sptep: number): void {
  const sp = sptepToSp(kvm, sptep);
  if (cpu.load(spHeader(kvm, sp) + SP_ROLE) === POISON) assert(false, `CPU ${cpu.id} walks page table ${sp}, which has been freed`);
}

/**
 * What a freed table is filled with if the VM asks for it: every byte is POISON_FREE of the kernel's slab. As an spte it is a writable leaf of any
 * level, so that a walk of a freed table ends there, and write protection changes it.
 */
const POISON = 0x6b6b6b6b;

/** Nobody has written to a free frame. */
export function assertPoison(kvm: Kvm, frame: number): void {
  const table = spTable(kvm, frame);
  for (let word = table; word < table + TABLE_ENTRIES; word++) {
    if (kvm.words[word] !== POISON) assert(false, `entry ${word - table} of freed page table ${frame} was written to`);
  }
}

/** The frames that are free and may be allocated again. */
export function freeTables(kvm: Kvm): number[] {
  const frames: number[] = [];
  for (let frame = kvm.words[kvm.freeTable]; frame !== 0; frame = kvm.words[spHeader(kvm, frame) + SP_FREE_NEXT]) frames.push(frame);
  return frames;
}

/** Frees a frame that nothing leads to: at once, or after a grace period while a thread outside the guest may walk page tables (rcu_free_shadow_page). */
function releaseTable(kvm: Kvm, cpu: Cpu, frame: number): void {
  const { words } = kvm;
  const header = spHeader(kvm, frame);
  words[header + SP_IN_USE] = 0;
  if (cpu.load(kvm.rcuFreeShadowPage) === 0 || kvm.plant === 'free-at-once') {
    freeTable(kvm, cpu, frame);
    return;
  }
  words[header + SP_RCU_COOKIE] = kvm.rcu.startGracePeriod(cpu);
  words[header + SP_FREE_NEXT] = words[kvm.rcuPages];
  words[kvm.rcuPages] = frame;
  cpu.counters.shadowPagesDeferred++;
}

/** Frees the pages whose grace period is over. The list has the youngest first: once one is over, so are all that follow. Models free_pages_rcu() of the series. */
function reclaimRcuPages(kvm: Kvm, cpu: Cpu): void {
  const { words } = kvm;
  let link = kvm.rcuPages;
  while (words[link] !== 0 && !kvm.rcu.isOver(cpu, words[spHeader(kvm, words[link]) + SP_RCU_COOKIE])) link = spHeader(kvm, words[link]) + SP_FREE_NEXT;
  let frame = words[link];
  words[link] = 0;
  while (frame !== 0) {
    const next = words[spHeader(kvm, frame) + SP_FREE_NEXT];
    freeTable(kvm, cpu, frame);
    frame = next;
  }
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
  if (kvm.poisonsFreedTables) cpu.xchg(header + SP_ROLE, page.role); // seen by an engine, as in freeTable(), before the plain stores are made
  words.fill(0, header, header + SP_HEADER_WORDS);
  words[header + SP_GFN] = page.gfn;
  words[header + SP_ROLE] = page.role;
  words[header + SP_NODE] = cpu.socket;
  words[header + SP_IN_USE] = 1;
  words[header + SP_VALID_GEN] = words[kvm.mmuValidGen];
  words[header + SP_PROTECT_GEN] = words[kvm.protectGen];
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
  kvm.rmaps.add(kvm, cpu, spHeader(kvm, link.sp) + SP_PARENTS, link.sptep);
  cpu.store(link.sptep, makeNonleafSpte(link.sp));
  kvm.words[spHeader(kvm, sptepToSp(kvm, link.sptep)) + SP_PRESENT]++;
}

/** Takes `sptep`, a non-leaf, off the page it points to. Models drop_parent_pte(). */
export function dropParentPte(kvm: Kvm, cpu: Cpu, sptep: number): void {
  const child = sptePayload(cpu.load(sptep));
  kvm.rmaps.remove(kvm, cpu, spHeader(kvm, child) + SP_PARENTS, sptep);
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

/**
 * As `dropSpte`, where the rmap head and the level are known. The spte goes first: as long as it may be written through, a lockless walk must find
 * it on its rmap.
 */
export function dropSpteFrom(kvm: Kvm, cpu: Cpu, head: number, level: number, sptep: number): number {
  const { words } = kvm;
  const rmapFirst = kvm.plant === 'rmap-before-zap';
  if (rmapFirst) kvm.rmaps.remove(kvm, cpu, head, sptep);
  const old = cpu.xchg(sptep, 0);
  if (!rmapFirst) kvm.rmaps.remove(kvm, cpu, head, sptep);
  words[spHeader(kvm, sptepToSp(kvm, sptep)) + SP_PRESENT]--;
  words[kvm.pagesStat + level]--;
  cpu.counters.rmapRemoves++;
  cpu.counters.sptesZapped++;
  return old;
}

/**
 * Zaps a shadow page: its sptes, the sptes that point to it. Children stay in the hash. Nothing leads to the page any more, but a walk may still
 * be on it, and TLBs remember it: `commitZapPage` frees it. Models kvm_mmu_prepare_zap_page().
 */
export function prepareZapPage(kvm: Kvm, cpu: Cpu, sp: number): void {
  const { words } = kvm;
  const header = spHeader(kvm, sp);
  const level = roleLevel(words[header + SP_ROLE]);
  for (let sptep = spTable(kvm, sp), last = sptep + TABLE_ENTRIES; sptep < last && words[header + SP_PRESENT] > 0; sptep++) {
    const spte = cpu.load(sptep);
    if ((spte & PRESENT) === 0) continue;
    cpu.spend(cpu.cost.zap_spte);
    if (isLeaf(spte, level)) dropSpte(kvm, cpu, sptep);
    else dropParentPte(kvm, cpu, sptep);
  }
  const { rmaps } = kvm;
  for (let parent = rmaps.get(kvm, cpu, header + SP_PARENTS, 0); parent !== 0; parent = rmaps.get(kvm, cpu, header + SP_PARENTS, 0)) {
    dropParentPte(kvm, cpu, parent);
  }
  unlinkHash(kvm, sp);
  unlinkActive(kvm, sp);
  words[kvm.usedMmuPages]--;
  cpu.counters.mmuPagesFreed++;
}

/** Frees a zapped page. The TLBs have been flushed since, and no vCPU is in a lockless walk that began before. Models kvm_mmu_commit_zap_page(). */
export function commitZapPage(kvm: Kvm, cpu: Cpu, sp: number): void {
  const gfns = kvm.words[spHeader(kvm, sp) + SP_GFNS];
  cpu.fence(); // all see that nothing leads to the page, before anybody is asked whether he walks
  if (gfns !== 0) releaseTable(kvm, cpu, gfns);
  releaseTable(kvm, cpu, sp);
}

export const KVM_MIN_FREE_MMU_PAGES = 5;
