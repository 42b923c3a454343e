// The TLB of one vCPU: direct-mapped arrays per page size, and the paging-structure cache's entry for the last level-1 table.
// Left out: associativity, ASIDs, the split between first and second level.

import { TABLE_SHIFT } from '../units.js';
import { DIRTY, WRITABLE } from './spte.js';

/** Entries for 4 KiB, 2 MiB and 1 GiB pages (index 1, 2, 3): about a second-level TLB of the last ten years. Powers of two. */
const ENTRIES = [0, 1024, 1024, 16] as const;

export class Tlb {
  readonly #tags: Int32Array[] = ENTRIES.map((n) => new Int32Array(n));
  readonly #flags: Int32Array[] = ENTRIES.map((n) => new Int32Array(n));
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
    for (const tags of this.#tags) tags.fill(0);
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
    const vpn = gfn >>> ((level - 1) * TABLE_SHIFT);
    const index = vpn & (ENTRIES[level] - 1);
    this.#tags[level][index] = vpn + 1;
    this.#flags[level][index] = spte;
    if (level > 1) this.holdsHuge = true;
  }

  /** True when the access needs no page walk: an entry is there and, for a write, writable and dirty. */
  hits(gfn: number, write: boolean): boolean {
    return (this.holdsHuge && (this.#hitsAt(gfn, 3, write) || this.#hitsAt(gfn, 2, write))) || this.#hitsAt(gfn, 1, write);
  }

  /** As `hits`, huge pages only. */
  hitsHuge(gfn: number, write: boolean): boolean {
    return this.#hitsAt(gfn, 3, write) || this.#hitsAt(gfn, 2, write);
  }

  #hitsAt(gfn: number, level: number, write: boolean): boolean {
    const vpn = gfn >>> ((level - 1) * TABLE_SHIFT);
    const index = vpn & (ENTRIES[level] - 1);
    if (this.#tags[level][index] !== vpn + 1) return false;
    return !write || (this.#flags[level][index] & (WRITABLE | DIRTY)) === (WRITABLE | DIRTY);
  }
}
