// One memslot: a record of arena words (struct kvm_memory_slot). The one file that knows its fields.
//
// A record that readers can reach never changes: an update makes a copy, publishes it, and frees the old one after a grace period.

import type { Word } from '../engine/cpu.js';

/** A memslot is the arena word of its record. */
export type Memslot = Word;

/** No memslot. */
export const NO_MEMSLOT: Memslot = 0;

/** Offsets of a record's fields. Frames are 4 KiB pages. */
export const MS_BASE_GFN = 0;
export const MS_NPAGES = 1;
/** userspace_addr as a page number; host page N holds host frame N. */
export const MS_HVA_PAGE = 2;
export const MS_FLAGS = 3;
export const MS_ID = 4;
/** Arena word of what the architecture keeps for the memslot (rmaps, bitmaps): shared by the copies of a record. 0 for none. */
export const MS_ARCH = 5;
/** `LIVE` while the record may be reached; anything else is a freed record. */
export const MS_STATE = 6;
export const MEMSLOT_WORDS = 8;

export const LIVE = 0x11fe;
export const FREED = 0xdead;

/** Flag of a memslot: its writes are logged. */
export const KVM_MEM_LOG_DIRTY_PAGES = 1;
/** Flag of a memslot: the guest may only read it. Kept and checked; no guest here writes to such memory. */
export const KVM_MEM_READONLY = 2;
/** Flag of a memslot: its memory is a guest_memfd, which user space does not map. Set when the memslot is created, and never changed. */
export const KVM_MEM_GUEST_MEMFD = 1 << 2;
/** Flag of a memslot: a fault on a page whose bit in the memslot's userfault bitmap is set leaves to user space (KVM Userfault, 2024). */
export const KVM_MEM_USERFAULT = 1 << 3;
/** Flag of a memslot that is about to be deleted or moved: nothing new may map it. */
export const KVM_MEMSLOT_INVALID = 1 << 16;

/** The fields of a memslot as plain numbers. */
export interface MemslotFields {
  id: number;
  baseGfn: number;
  npages: number;
  hvaPage: number;
  flags: number;
  arch: Word;
}

export function writeMemslot(words: Int32Array, slot: Memslot, fields: MemslotFields): void {
  words[slot + MS_BASE_GFN] = fields.baseGfn;
  words[slot + MS_NPAGES] = fields.npages;
  words[slot + MS_HVA_PAGE] = fields.hvaPage;
  words[slot + MS_FLAGS] = fields.flags;
  words[slot + MS_ID] = fields.id;
  words[slot + MS_ARCH] = fields.arch;
  words[slot + MS_STATE] = LIVE;
}

export function readMemslot(words: Int32Array, slot: Memslot): MemslotFields {
  return {
    id: words[slot + MS_ID],
    baseGfn: words[slot + MS_BASE_GFN],
    npages: words[slot + MS_NPAGES],
    hvaPage: words[slot + MS_HVA_PAGE],
    flags: words[slot + MS_FLAGS],
    arch: words[slot + MS_ARCH],
  };
}
