// The dirty bitmap of a memslot: one bit per 4 KiB page. Models mark_page_dirty_in_slot() of virt/kvm/kvm_main.c.

import type { Cpu, Word } from '../engine/cpu.js';
import { pagesPerLevel } from '../units.js';
import type { Kvm } from './kvm.js';
import type { Memslot, MemslotFields } from './memslot.js';
import * as memslotFields from './memslot.js';
import { bitmapWords, dirtyBitmap, dirtyBitmapOf, isDirtyTracked, userBitmap } from './memslots.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { MS_BASE_GFN, MS_NPAGES, NO_MEMSLOT } = memslotFields;

/** Sets the bits of the page of `level` that holds `gfn`, if it is still in a memslot and that logs. Locks: SRCU. */
export function markPageDirty(kvm: Kvm, cpu: Cpu, gfn: number, level: number): void {
  const memslot = kvm.memslots.gfnToMemslot(cpu, gfn);
  if (memslot !== NO_MEMSLOT) markPageDirtyInSlot(kvm, cpu, memslot, gfn, level);
}

/** As `markPageDirty`, with the memslot known. Models mark_page_dirty_in_slot(). */
export function markPageDirtyInSlot(kvm: Kvm, cpu: Cpu, memslot: Memslot, gfn: number, level: number): void {
  if (!isDirtyTracked(kvm.words, memslot)) return;
  const offset = gfn - kvm.words[memslot + MS_BASE_GFN];
  const bitmap = dirtyBitmap(kvm.words, memslot);
  if (level === 1) {
    setDirtyBit(cpu, bitmap, offset);
    return;
  }
  const pages = pagesPerLevel(level);
  const first = offset - (offset % pages);
  for (let page = first; page < first + pages; page++) setDirtyBit(cpu, bitmap, page);
}

/** The word of the dirty bitmap that has the bit of `gfn`; 0 when the memslot does not log. */
export function dirtyWordOf(words: Int32Array, memslot: Memslot, gfn: number): Word {
  return isDirtyTracked(words, memslot) ? dirtyBitmap(words, memslot) + ((gfn - words[memslot + MS_BASE_GFN]) >>> 5) : 0;
}

/** A memslot's bitmap and user space's copy of it: first words, and how many. */
export interface Bitmaps {
  baseGfn: number;
  length: number;
  dirty: Word;
  user: Word;
}

export function bitmapsOf(words: Int32Array, memslot: Memslot): Bitmaps {
  const length = bitmapWords(words[memslot + MS_NPAGES]);
  return { baseGfn: words[memslot + MS_BASE_GFN], length, dirty: dirtyBitmap(words, memslot), user: userBitmap(words, memslot) };
}

/** Words of a bitmap, half-open. Even numbers, as KVM counts in 64 bits. */
export interface BitmapPart {
  first: number;
  end: number;
}

export const WHOLE_BITMAP: BitmapPart = { first: 0, end: Number.POSITIVE_INFINITY };

function setDirtyBit(cpu: Cpu, bitmap: Word, offset: number): void {
  const bit = 1 << (offset & 31);
  const old = cpu.fetchOr(bitmap + (offset >>> 5), bit);
  if ((old & bit) === 0) cpu.counters.dirtyBitsSet++;
}

/** Sets all bits (initially-all-set), the tail beyond the last page excepted. */
export function setAllDirty(words: Int32Array, { arch, npages }: Pick<MemslotFields, 'arch' | 'npages'>): void {
  const bitmap = dirtyBitmapOf(words, arch);
  const whole = npages >>> 5;
  words.fill(-1, bitmap, bitmap + whole);
  if (npages % 32 !== 0) words[bitmap + whole] = (1 << (npages % 32)) - 1;
}

export function clearBitmap(words: Int32Array, { arch, npages }: Pick<MemslotFields, 'arch' | 'npages'>): void {
  const bitmap = dirtyBitmapOf(words, arch);
  words.fill(0, bitmap, bitmap + bitmapWords(npages));
}
