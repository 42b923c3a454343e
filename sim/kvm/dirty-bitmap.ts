// The dirty bitmap of a memslot: one bit per 4 KiB page. Models mark_page_dirty_in_slot() of virt/kvm/kvm_main.c.

import type { Cpu } from '../engine/cpu.js';
import { pagesPerLevel } from '../units.js';
import { bitmapWords, type Kvm } from './kvm.js';
import { isDirtyTracked, type Memslot, memslotOf } from './memslots.js';

/** Sets the bits of the page of `level` that holds `gfn`, if its memslot logs. */
export function markPageDirty(kvm: Kvm, cpu: Cpu, gfn: number, level: number): void {
  const memslot = memslotOf(kvm.memslots, cpu, gfn);
  markPageDirtyInSlot(kvm, cpu, memslot, gfn, level);
}

/** As `markPageDirty`, with the memslot known. Models mark_page_dirty_in_slot(). */
export function markPageDirtyInSlot(kvm: Kvm, cpu: Cpu, memslot: Memslot, gfn: number, level: number): void {
  if (!isDirtyTracked(kvm.words, memslot)) return;
  const offset = gfn - memslot.baseGfn;
  if (level === 1) {
    setDirtyBit(cpu, memslot, offset);
    return;
  }
  const pages = pagesPerLevel(level);
  const first = offset - (offset % pages);
  for (let page = first; page < first + pages; page++) setDirtyBit(cpu, memslot, page);
}

function setDirtyBit(cpu: Cpu, memslot: Memslot, offset: number): void {
  const bit = 1 << (offset & 31);
  const old = cpu.fetchOr(memslot.dirtyBitmap + (offset >>> 5), bit);
  if ((old & bit) === 0) cpu.counters.dirtyBitsSet++;
}

/** Sets all bits (initially-all-set), the tail beyond the last page excepted. */
export function setAllDirty(kvm: Kvm, memslot: Memslot): void {
  const { words } = kvm;
  const whole = memslot.npages >>> 5;
  words.fill(-1, memslot.dirtyBitmap, memslot.dirtyBitmap + whole);
  if (memslot.npages % 32 !== 0) words[memslot.dirtyBitmap + whole] = (1 << (memslot.npages % 32)) - 1;
}

export function clearBitmap(kvm: Kvm, memslot: Memslot): void {
  kvm.words.fill(0, memslot.dirtyBitmap, memslot.dirtyBitmap + bitmapWords(memslot.npages));
}
