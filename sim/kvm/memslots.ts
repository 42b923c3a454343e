// What the MMU asks of a memslot, and what the architecture keeps for it: rmap heads and dirty bitmaps (struct kvm_arch_memory_slot).
// The copies of a memslot share one such record; it comes with the create and goes with the delete.
// The userfault bitmap is user space's own memory and stands apart: a memslot that moves keeps it.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import type { Heap } from '../memory/heap.js';
import * as units from '../units.js';
import { pagesPerLevel } from '../units.js';
import type { Memslot } from './memslot.js';
import * as memslotFields from './memslot.js';
import type { MemslotSets } from './memslot-sets.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { LEVEL_1G, TABLE_SHIFT } = units;
const { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_USERFAULT, MS_ARCH, MS_BASE_GFN, MS_FLAGS, MS_HVA_PAGE, MS_NPAGES } = memslotFields;

/** Offsets of the architecture's record. 1, 2, 3: first word of the rmap heads of that level. */
const ARCH_WORDS = 16;
const ARCH_HOST_LEVEL = 4;
const ARCH_DIRTY_BITMAP = 5;
const ARCH_USER_BITMAP = 6;
const ARCH_USERFAULT_BITMAP = 7;

/** The memslot that holds `gfn`, where there must be one. */
export function memslotOf(memslots: MemslotSets, cpu: Cpu, gfn: number): Memslot {
  const memslot = memslots.gfnToMemslot(cpu, gfn);
  if (memslot === 0) assert(false, `gfn ${gfn} is in no memslot`);
  return memslot;
}

export function isDirtyTracked(words: Int32Array, memslot: Memslot): boolean {
  return (words[memslot + MS_FLAGS] & KVM_MEM_LOG_DIRTY_PAGES) !== 0;
}

/** Faults check the memslot's userfault bitmap, and map nothing but 4 KiB pages. */
export function isUserfault(words: Int32Array, memslot: Memslot): boolean {
  return (words[memslot + MS_FLAGS] & KVM_MEM_USERFAULT) !== 0;
}

/** Arena word of the rmap head of `gfn` at `level`. Models gfn_to_rmap(). */
export function gfnToRmap(words: Int32Array, memslot: Memslot, gfn: number, level: number): Word {
  const shift = (level - 1) * TABLE_SHIFT;
  return words[words[memslot + MS_ARCH] + level] + (gfn >>> shift) - (words[memslot + MS_BASE_GFN] >>> shift);
}

/** First word of the dirty bitmap: one bit per page, 32 to a word. */
export function dirtyBitmap(words: Int32Array, memslot: Memslot): Word {
  return dirtyBitmapOf(words, words[memslot + MS_ARCH]);
}

/** First word of user space's copy of the bitmap. */
export function userBitmap(words: Int32Array, memslot: Memslot): Word {
  return userBitmapOf(words, words[memslot + MS_ARCH]);
}

/** First word of the userfault bitmap, laid out as a dirty bitmap; 0 where the VM has none. */
export function userfaultBitmap(words: Int32Array, memslot: Memslot): Word {
  return words[words[memslot + MS_ARCH] + ARCH_USERFAULT_BITMAP];
}

/** As `dirtyBitmap`, of an architecture's record. */
export function dirtyBitmapOf(words: Int32Array, arch: Word): Word {
  return words[arch + ARCH_DIRTY_BITMAP];
}

/** As `userBitmap`, of an architecture's record. */
export function userBitmapOf(words: Int32Array, arch: Word): Word {
  return words[arch + ARCH_USER_BITMAP];
}

/** Largest level that the backing maps. */
export function hostLevel(words: Int32Array, memslot: Memslot): number {
  return words[words[memslot + MS_ARCH] + ARCH_HOST_LEVEL];
}

/** Largest level at which `gfn` may be mapped: the backing's, and the huge page must lie inside the memslot. */
export function hostMappingLevel(words: Int32Array, memslot: Memslot, gfn: number): number {
  const baseGfn = words[memslot + MS_BASE_GFN];
  const endGfn = baseGfn + words[memslot + MS_NPAGES];
  let level = hostLevel(words, memslot);
  for (; level > 1; level--) {
    const pages = pagesPerLevel(level);
    const first = gfn - (gfn % pages);
    if (first >= baseGfn && first + pages <= endGfn) break;
  }
  return level;
}

export function pfnOf(words: Int32Array, memslot: Memslot, gfn: number): number {
  return words[memslot + MS_HVA_PAGE] + gfn - words[memslot + MS_BASE_GFN];
}

/** Rmap heads of a memslot at `level`. */
export function rmapHeadCount(baseGfn: number, npages: number, level: number): number {
  const shift = (level - 1) * TABLE_SHIFT;
  return ((baseGfn + npages - 1) >>> shift) - (baseGfn >>> shift) + 1;
}

/** Words of a dirty bitmap of `npages`, whole 64-bit words as in KVM's ABI. */
export function bitmapWords(npages: number): number {
  return Math.ceil(npages / 64) * 2;
}

/** Lengths in words of what a new memslot takes from the heap: its architecture's record and, where memslots have one, its userfault bitmap. */
export function archBlocks(npages: number, hasUserfaultBitmap: boolean): number[] {
  return hasUserfaultBitmap ? [archWords(npages), bitmapWords(npages)] : [archWords(npages)];
}

/** Words of the architecture's record of a memslot, rmaps and bitmaps included: enough wherever the memslot moves. */
export function archWords(npages: number): number {
  let words = ARCH_WORDS + 2 * bitmapWords(npages);
  for (let level = 1; level <= LEVEL_1G; level++) words += headRoom(npages, level);
  return words;
}

/** Heads at `level` for any base gfn. */
function headRoom(npages: number, level: number): number {
  return Math.ceil(npages / pagesPerLevel(level)) + (level === 1 ? 0 : 1);
}

/**
 * The architecture's record of a new memslot, all heads empty, and whether its memory was never in use before. A userfault bitmap comes with
 * it where asked for, no bit set. Models kvm_arch_create_memslot().
 */
export function createArch(heap: Heap, plan: { npages: number; hostLevel: number; hasUserfaultBitmap: boolean }): { arch: Word; fresh: boolean } {
  const { words } = heap;
  const { block: arch, fresh } = heap.alloc(archWords(plan.npages));
  let next = arch + ARCH_WORDS;
  const take = (length: number): Word => {
    next += length;
    return next - length;
  };
  for (let level = 1; level <= LEVEL_1G; level++) words[arch + level] = take(headRoom(plan.npages, level));
  words[arch + ARCH_HOST_LEVEL] = plan.hostLevel;
  words[arch + ARCH_DIRTY_BITMAP] = take(bitmapWords(plan.npages));
  words[arch + ARCH_USER_BITMAP] = take(bitmapWords(plan.npages));
  if (plan.hasUserfaultBitmap) words[arch + ARCH_USERFAULT_BITMAP] = heap.alloc(bitmapWords(plan.npages)).block;
  return { arch, fresh };
}

/** The record of a memslot's new place points to the bitmap that it had, as user space goes on using it. */
export function inheritUserfaultBitmap(words: Int32Array, { from, to }: { from: Word; to: Word }): void {
  words[to + ARCH_USERFAULT_BITMAP] = words[from + ARCH_USERFAULT_BITMAP];
}

/** Gives back an architecture's record, and the userfault bitmap with it unless another record has inherited that. */
export function freeArch(heap: Heap, arch: Word, isInherited: boolean): void {
  const bitmap = heap.words[arch + ARCH_USERFAULT_BITMAP];
  heap.free(arch);
  if (bitmap !== 0 && !isInherited) heap.free(bitmap);
}
