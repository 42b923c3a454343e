// Which page a vCPU touches next, and whether it writes: the guest code of dirty_log_perf_test (lib/memstress.c), pass by pass.

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

/** Where a pass stands. `gfn` and `write` describe the current access. */
export class AccessPattern {
  gfn = 0;
  write = true;
  remaining = 0;
  readonly #random: GuestRandom;
  #plan: PassPlan = { firstGfn: 0, pages: 0, random: false, writePercent: 100, writeEvery: 0 };
  #index = 0;

  constructor(seed: number) {
    this.#random = new GuestRandom(seed);
  }

  /** Starts a pass; the random numbers go on where the last pass left them. */
  start(plan: PassPlan): void {
    this.#plan = plan;
    this.#index = 0;
    this.remaining = plan.pages;
    this.#settle();
  }

  /** Goes on to the next access. */
  advance(): void {
    this.#index++;
    this.remaining--;
    if (this.remaining > 0) this.#settle();
    else if (this.#drawsNothing()) this.#random.skip(this.#plan.pages);
  }

  /** A point to come back to. */
  save(): readonly [number, number, number] {
    return [this.#index, this.remaining, this.#random.state];
  }

  restore(point: readonly [number, number, number], access: { gfn: number; write: boolean }): void {
    [this.#index, this.remaining] = point;
    this.#random.state = point[2];
    this.gfn = access.gfn;
    this.write = access.write;
  }

  /** A sequential pass in which every draw has the same outcome needs no draws, only their count at its end. */
  #drawsNothing(): boolean {
    const { random, writePercent, writeEvery } = this.#plan;
    return !random && writeEvery === 0 && (writePercent === 100 || writePercent === 0);
  }

  #settle(): void {
    const { firstGfn, pages, random, writePercent, writeEvery } = this.#plan;
    this.gfn = firstGfn + (random ? this.#random.next() % pages : this.#index);
    if (writeEvery > 0) this.write = this.#index % writeEvery === 0;
    else if (this.#drawsNothing()) this.write = writePercent === 100;
    else this.write = this.#random.nextBool(writePercent);
  }
}
