// The TLB of one vCPU: direct-mapped arrays per page size, and the paging-structure cache's entry for the last level-1 table.
// Left out: associativity, ASIDs, the split between first and second level.

import * as units from '../units.js';
import * as spteBits from './spte.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { TABLE_SHIFT } = units;
const { DIRTY, WRITABLE } = spteBits;

/** Huge pages: about what a second-level TLB holds. 4 KiB pages: a first level's, since over GiBs a second level hardly ever hits. Powers of two. */
const ENTRIES_4K = 64;
const ENTRIES_2M = 1024;
const ENTRIES_1G = 16;

const BASE_2M = ENTRIES_1G;
const BASE_4K = ENTRIES_1G + ENTRIES_2M;

const SHIFT_2M = TABLE_SHIFT;
const SHIFT_1G = 2 * TABLE_SHIFT;

/** An entry is (page number + 1) << 1, with bit 0 set when a write needs no walk: writable and dirty. */
const WRITES = 1;

export class Tlb {
  /** Those for 1 GiB, then 2 MiB, then 4 KiB pages: one array, so that a walk over many vCPUs touches few cache lines of the host. */
  readonly #entries = new Int32Array(ENTRIES_1G + ENTRIES_2M + ENTRIES_4K);
  /** 2 MiB region (gfn >> 9) whose level-1 table is known, -1 for none. */
  cachedRegion = -1;
  /** First word of that table. */
  cachedTable = 0;
  /** True when that table is in the memory of another socket. */
  cachedRemote = false;
  /** False while no entry for a huge page can be present. */
  holdsHuge = false;
  #root = 0;

  flush(): void {
    this.#entries.fill(0);
    this.cachedRegion = -1;
    this.holdsHuge = false;
  }

  /** Another root: nothing cached is valid (no PCIDs). */
  switchRoot(root: number): void {
    if (root === this.#root) return;
    this.#root = root;
    this.flush();
  }

  fill(gfn: number, level: number, spte: number): void {
    const writes = (spte & (WRITABLE | DIRTY)) === (WRITABLE | DIRTY) ? WRITES : 0;
    if (level === 1) {
      this.#entries[BASE_4K + (gfn & (ENTRIES_4K - 1))] = ((gfn + 1) << 1) | writes;
      return;
    }
    this.holdsHuge = true;
    if (level === 2) this.#entries[BASE_2M + ((gfn >>> SHIFT_2M) & (ENTRIES_2M - 1))] = (((gfn >>> SHIFT_2M) + 1) << 1) | writes;
    else this.#entries[(gfn >>> SHIFT_1G) & (ENTRIES_1G - 1)] = (((gfn >>> SHIFT_1G) + 1) << 1) | writes;
  }

  /** True when the access needs no page walk: an entry is there and, for a write, writable and dirty. */
  hits(gfn: number, write: boolean): boolean {
    if (this.holdsHuge && this.hitsHuge(gfn, write) > 0) return true;
    return serves(this.#entries[BASE_4K + (gfn & (ENTRIES_4K - 1))], gfn, write);
  }

  /** Pages of the huge page that serves the access, 0 when none does. */
  hitsHuge(gfn: number, write: boolean): number {
    const gfn1g = gfn >>> SHIFT_1G;
    if (serves(this.#entries[gfn1g & (ENTRIES_1G - 1)], gfn1g, write)) return 1 << SHIFT_1G;
    const gfn2m = gfn >>> SHIFT_2M;
    return serves(this.#entries[BASE_2M + (gfn2m & (ENTRIES_2M - 1))], gfn2m, write) ? 1 << SHIFT_2M : 0;
  }
}

function serves(entry: number, page: number, write: boolean): boolean {
  return entry >> 1 === page + 1 && (!write || (entry & WRITES) !== 0);
}
