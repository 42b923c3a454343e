// The bits of an spte word: the one file that knows them. Models arch/x86/kvm/mmu/spte.{h,c}.
//
// One Int32: 24 bits of payload (host pfn of a leaf, shadow page of a non-leaf) above 8 flags. So a VM has at most 64 GiB.
// Left out: NX, memory types, access tracking without A bits, MMIO sptes.

import * as units from '../units.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { TABLE_ENTRIES, TABLE_SHIFT } = units;

export const PRESENT = 1 << 0;
/** The hardware's writable bit. */
export const WRITABLE = 1 << 1;
/** KVM may set WRITABLE again without asking (shadow_mmu_writable_mask). */
export const MMU_WRITABLE = 1 << 2;
export const ACCESSED = 1 << 3;
export const DIRTY = 1 << 4;
/** A leaf above level 1. */
export const LARGE = 1 << 5;
/** The host mapping is writable (shadow_host_writable_mask). */
export const HOST_WRITABLE = 1 << 6;
/** Held by one TDP MMU path that is replacing it (REMOVED_SPTE): everybody else retries. */
export const FROZEN = 1 << 7;

export const PAYLOAD_SHIFT = 8;
/** Payloads are below this: pfns and shadow pages. */
export const MAX_PAYLOAD = 1 << 24;

/** Guest access rights, as in a shadow page's role. */
export const ACC_EXEC = 1;
export const ACC_WRITE = 2;
export const ACC_USER = 4;
export const ACC_ALL = ACC_EXEC | ACC_WRITE | ACC_USER;

export function sptePayload(spte: number): number {
  return spte >>> PAYLOAD_SHIFT;
}

export function isLeaf(spte: number, level: number): boolean {
  return level === 1 || (spte & LARGE) !== 0;
}

/** Index of `gfn` in a table of `level`. */
export function tableIndex(gfn: number, level: number): number {
  return (gfn >>> ((level - 1) * TABLE_SHIFT)) & (TABLE_ENTRIES - 1);
}

/**
 * A leaf for `pfn`. `access` is what the guest's own tables allow. A writable leaf is made with its D bit set, as the kernel does:
 * the caller marks the page dirty. Models make_spte().
 */
export function makeSpte(pfn: number, level: number, access: number): number {
  let spte = (pfn << PAYLOAD_SHIFT) | PRESENT | ACCESSED | HOST_WRITABLE;
  if (level > 1) spte |= LARGE;
  if ((access & ACC_WRITE) !== 0) spte |= WRITABLE | MMU_WRITABLE | DIRTY;
  return spte;
}

export function makeNonleafSpte(shadowPage: number): number {
  return (shadowPage << PAYLOAD_SHIFT) | PRESENT | WRITABLE | ACCESSED;
}

/** Child `index` of a huge spte at `level`: the same bits one level down. Models make_huge_page_split_spte(). */
export function makeSplitSpte(hugeSpte: number, level: number, index: number): number {
  const childLevel = level - 1;
  const pfn = sptePayload(hugeSpte) + index * (1 << ((childLevel - 1) * TABLE_SHIFT));
  const flags = hugeSpte & ((1 << PAYLOAD_SHIFT) - 1);
  return (pfn << PAYLOAD_SHIFT) | (childLevel > 1 ? flags : flags & ~LARGE);
}
