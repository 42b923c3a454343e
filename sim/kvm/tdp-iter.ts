// Pre-order walk over the sptes of a range, from the root down to a minimum level. Models tdp_iter.{h,c}.
// Each step is charged, whether the spte is present or not: that is what a walk of the whole table costs.

import type { Cpu } from '../engine/cpu.js';
import { ROOT_LEVEL, TABLE_ENTRIES, TABLE_SHIFT } from '../units.js';
import type { Kvm } from './kvm.js';
import type { GfnRange } from './mmu.js';
import { spTable } from './shadow-page.js';
import { isLeaf, PRESENT, sptePayload, tableIndex } from './spte.js';

export class TdpIter {
  /** Where the iterator stands. Valid after `next` returned true. */
  sptep = 0;
  spte = 0;
  level = ROOT_LEVEL;
  gfn: number;
  readonly #kvm: Kvm;
  readonly #cpu: Cpu;
  readonly #end: number;
  readonly #minLevel: number;
  readonly #tables = new Int32Array(ROOT_LEVEL + 1);
  #started = false;

  constructor(kvm: Kvm, cpu: Cpu, walk: { root: number; range: GfnRange; minLevel: number }) {
    this.#kvm = kvm;
    this.#cpu = cpu;
    this.gfn = walk.range.start;
    this.#end = walk.range.end;
    this.#minLevel = walk.minLevel;
    this.#tables[ROOT_LEVEL] = walk.root;
  }

  /** Moves to the next spte. False at the end of the range. Re-reads the current spte first, so a fresh table is descended into. */
  next(): boolean {
    if (!this.#started) {
      this.#started = true;
      return this.#stand(ROOT_LEVEL);
    }
    if (this.#stepDown()) return true;
    while (!this.#stepSide()) if (!this.#stepUp()) return false;
    return this.gfn < this.#end;
  }

  #stand(level: number): boolean {
    this.level = level;
    this.sptep = spTable(this.#kvm, this.#tables[level]) + tableIndex(this.gfn, level);
    this.spte = this.#cpu.load(this.sptep);
    this.#cpu.counters.tdpIterSteps++;
    this.#cpu.spend(this.#cpu.cost.tdp_iter_step);
    return true;
  }

  #stepDown(): boolean {
    if (this.level === this.#minLevel) return false;
    const spte = this.#cpu.load(this.sptep);
    if ((spte & PRESENT) === 0 || isLeaf(spte, this.level)) return false;
    this.#tables[this.level - 1] = sptePayload(spte);
    return this.#stand(this.level - 1);
  }

  /** To the next spte of the same table. */
  #stepSide(): boolean {
    if (tableIndex(this.gfn, this.level) === TABLE_ENTRIES - 1) return false;
    const shift = (this.level - 1) * TABLE_SHIFT;
    const next = ((this.gfn >>> shift) + 1) * 2 ** shift;
    this.gfn = next;
    return next < this.#end ? this.#stand(this.level) : true;
  }

  #stepUp(): boolean {
    if (this.level === ROOT_LEVEL) return false;
    this.level++;
    return true;
  }
}
