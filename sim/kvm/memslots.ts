// Memslots behind one interface. Models the parts of include/linux/kvm_host.h and virt/kvm/kvm_main.c that the MMU asks for.

import { assert } from '../assert.js';
import type { Cpu } from '../engine/cpu.js';
import { pagesPerLevel, TABLE_SHIFT } from '../units.js';

/** Flag of a memslot: its writes are logged (KVM_MEM_LOG_DIRTY_PAGES). */
export const LOG_DIRTY_PAGES = 1;

/** One memslot: constants here, everything that changes in arena words. */
export interface Memslot {
  readonly id: number;
  readonly baseGfn: number;
  readonly npages: number;
  readonly basePfn: number;
  /** Arena word of the flags. */
  readonly flagsWord: number;
  /** First word of the rmap heads of level 1, 2, 3 (index 0 is unused). */
  readonly rmapBase: readonly [number, number, number, number];
  /** First word of the dirty bitmap: one bit per page, 32 to a word. */
  readonly dirtyBitmap: number;
  /** First word of user space's copy of the bitmap. */
  readonly userBitmap: number;
  /** Largest level that the backing maps. */
  readonly hostLevel: number;
}

export interface Memslots {
  readonly all: readonly Memslot[];
  /** The memslot that holds `gfn`, or null. Models gfn_to_memslot(). */
  gfnToMemslot(cpu: Cpu, gfn: number): Memslot | null;
}

/** The memslot that holds `gfn`; the model never maps anything else, so none is a broken invariant. */
export function memslotOf(memslots: Memslots, cpu: Cpu, gfn: number): Memslot {
  const memslot = memslots.gfnToMemslot(cpu, gfn);
  if (memslot === null) assert(false, `gfn ${gfn} is in no memslot`);
  return memslot as Memslot;
}

export function isDirtyTracked(words: Int32Array, memslot: Memslot): boolean {
  return (words[memslot.flagsWord] & LOG_DIRTY_PAGES) !== 0;
}

/** Arena word of the rmap head of `gfn` at `level`. Models gfn_to_rmap(). */
export function gfnToRmap(memslot: Memslot, gfn: number, level: number): number {
  const shift = (level - 1) * TABLE_SHIFT;
  return memslot.rmapBase[level] + (gfn >>> shift) - (memslot.baseGfn >>> shift);
}

/** Rmap heads of a memslot at `level`. */
export function rmapHeadCount(baseGfn: number, npages: number, level: number): number {
  const shift = (level - 1) * TABLE_SHIFT;
  return ((baseGfn + npages - 1) >>> shift) - (baseGfn >>> shift) + 1;
}

/** Largest level at which `gfn` may be mapped: the backing's, and the huge page must lie inside the memslot. */
export function hostMappingLevel(memslot: Memslot, gfn: number): number {
  let level = memslot.hostLevel;
  for (; level > 1; level--) {
    const pages = pagesPerLevel(level);
    const first = gfn - (gfn % pages);
    if (first >= memslot.baseGfn && first + pages <= memslot.baseGfn + memslot.npages) break;
  }
  return level;
}

export function pfnOf(memslot: Memslot, gfn: number): number {
  return memslot.basePfn + gfn - memslot.baseGfn;
}
