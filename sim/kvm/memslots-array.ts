// Memslots as a sorted array with a last-used cache per CPU. Lookup is a binary search.
// Left out: changing the set while vCPUs run.

import type { Cpu } from '../engine/cpu.js';
import type { Memslot, Memslots } from './memslots.js';

export class MemslotsArray implements Memslots {
  readonly all: readonly Memslot[];
  readonly #lastUsed: Int32Array;

  /** `slots` in ascending order of gfn, without overlap. */
  constructor(slots: readonly Memslot[], cpuCount: number) {
    this.all = slots;
    this.#lastUsed = new Int32Array(cpuCount);
  }

  gfnToMemslot(cpu: Cpu, gfn: number): Memslot | null {
    const last = this.all[this.#lastUsed[cpu.id]];
    if (contains(last, gfn)) return last;
    const index = this.#search(gfn);
    if (index < 0) return null;
    this.#lastUsed[cpu.id] = index;
    return this.all[index];
  }

  #search(gfn: number): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.all[middle].baseGfn <= gfn) low = middle + 1;
      else high = middle;
    }
    return low > 0 && contains(this.all[low - 1], gfn) ? low - 1 : -1;
  }
}

function contains(memslot: Memslot, gfn: number): boolean {
  return gfn >= memslot.baseGfn && gfn < memslot.baseGfn + memslot.npages;
}
