// Which page a vCPU touches next, and whether it writes: the guest code of dirty_log_perf_test (lib/memstress.c), pass by pass.

import type { GuestCode } from '../kvm/vcpu-run.js';
import { GuestRandom } from './random.js';

/** One pass over a region, as a vCPU does it. */
export interface PassPlan {
  /** First gfn of the region and its pages. */
  firstGfn: number;
  pages: number;
  random: boolean;
  /** Percent of writes, drawn per access; ignored when `writeEvery` is not 0. */
  writePercent: number;
  /** 1 access in `writeEvery` writes, the first included. */
  writeEvery: number;
}

/** Where a vCPU's passes stand. The random numbers go on from pass to pass, as in the selftest. */
export class AccessPattern implements GuestCode {
  gfn = 0;
  write = true;
  remaining = 0;
  readonly #random: GuestRandom;
  #firstGfn = 0;
  #pages = 0;
  #isRandom = false;
  #writePercent = 100;
  #writeEvery = 0;
  /** A sequential pass in which every draw has the same outcome needs no draws, only their count at its end. */
  #drawsNothing = true;
  #index = 0;
  #marked = { index: 0, gfn: 0, write: false, state: 0 };

  constructor(seed: number) {
    this.#random = new GuestRandom(seed);
  }

  /** What the next passes are like. */
  plan(plan: PassPlan): this {
    this.#firstGfn = plan.firstGfn;
    this.#pages = plan.pages;
    this.#isRandom = plan.random;
    this.#writePercent = plan.writePercent;
    this.#writeEvery = plan.writeEvery;
    this.#drawsNothing = !plan.random && plan.writeEvery === 0 && (plan.writePercent === 100 || plan.writePercent === 0);
    return this;
  }

  restart(): void {
    this.#index = 0;
    this.remaining = this.#pages;
    this.#settle();
  }

  alike(): number {
    if (this.#isRandom) return 1;
    if (this.#writeEvery === 0) return this.#drawsNothing ? this.remaining : 1;
    const untilWrite = this.#writeEvery - (this.#index % this.#writeEvery);
    return Math.min(this.remaining, this.write ? 1 : untilWrite);
  }

  advance(accesses: number): void {
    this.#index += accesses;
    this.remaining -= accesses;
    if (this.remaining > 0) this.#settle();
    else if (this.#drawsNothing) this.#random.skip(this.#pages);
  }

  mark(): void {
    const marked = this.#marked;
    marked.index = this.#index;
    marked.gfn = this.gfn;
    marked.write = this.write;
    marked.state = this.#random.state;
  }

  rewind(): void {
    const { index, gfn, write, state } = this.#marked;
    this.#index = index;
    this.remaining = this.#pages - index;
    this.gfn = gfn;
    this.write = write;
    this.#random.state = state;
  }

  #settle(): void {
    this.gfn = this.#firstGfn + (this.#isRandom ? this.#random.next() % this.#pages : this.#index);
    if (this.#writeEvery > 0) this.write = this.#index % this.#writeEvery === 0;
    else if (this.#drawsNothing) this.write = this.#writePercent === 100;
    else this.write = this.#random.nextBool(this.#writePercent);
  }
}
