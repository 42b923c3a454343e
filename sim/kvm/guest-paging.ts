// The guest's own page tables, as the shadow MMU sees them: N processes whose tables map the same memory, gva = gpa.
// They are computed, not stored: entries never change their translation. A guest write to one only makes its shadow page unsync.
//
// Processes with an odd number map their memory without execute permission, so that two processes may, or may not, share a role.

import { LEVEL_1G, ROOT_LEVEL, TABLE_SHIFT } from '../units.js';
import { ACC_ALL, ACC_EXEC } from './spte.js';

/** Guest page tables live above all guest memory that can be mapped. */
export const GUEST_TABLE_GFN = 1 << 26;
const TABLES_PER_PROCESS = 1 << 18;

export interface GuestPaging {
  readonly processCount: number;
  /** Level of the guest's leaf entries: 1, 2 or 3. */
  readonly leafLevel: number;
}

/** Access rights that process `process` gives to its memory. */
export function guestAccess(process: number): number {
  return process % 2 === 0 ? ACC_ALL : ACC_ALL & ~ACC_EXEC;
}

/** Gfn of the guest table of `level` (4 is the root) through which `process` reaches `gfn`. */
export function guestTableGfn(process: number, level: number, gfn: number): number {
  const first = GUEST_TABLE_GFN + process * TABLES_PER_PROCESS;
  if (level === ROOT_LEVEL) return first;
  const index = gfn >>> (level * TABLE_SHIFT);
  if (level === LEVEL_1G) return first + 1 + index;
  if (level === LEVEL_1G - 1) return first + 0x100 + index;
  return first + 0x1000 + index;
}
