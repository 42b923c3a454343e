// A guest that writes its pages over and over, in or out of order, and computes after each write. A pass of the vCPU loop is a few writes only, so that a
// vCPU hears soon that it has to stop; the walk over its pages goes on from pass to pass. Where a kick cuts its computing short, it computes the longer
// after the next write: IPIs must not make a guest faster.

import type { GuestCode } from '../kvm/vcpu-run.js';
import { AccessPattern } from './access-pattern.js';

/** Writes between two looks at the stop word, at most: the longest stretch of writes that hit a huge TLB entry. Fewer where they would take long. */
const PASS_WRITES = 16;
const PASS_PS = 16_000_000;

/** Hears that the guest writes `pages` pages from `gfn` on; `times` -1 takes back what a stretch that was cut short did not come to. */
export type WriteLog = (gfn: number, pages: number, times: 1 | -1) => void;

export interface WriterPlan {
  firstGfn: number;
  pages: number;
  random: boolean;
  /** Picoseconds. */
  computePs: number;
  /** Of the vCPU, picoseconds. */
  now(): number;
}

export class SteadyWriter implements GuestCode {
  remaining = 0;
  readonly write = true;
  readonly #plan: WriterPlan;
  /** When the current computing is over. */
  #computesUntilPs = 0;
  #isStretch = false;
  readonly #passWrites: number;
  readonly #pattern: AccessPattern;
  readonly #log: WriteLog;
  #markedRemaining = 0;
  /** Gfn and pages of each step since the mark. */
  readonly #steps = new Int32Array(2 * PASS_WRITES);
  #stepCount = 0;

  constructor(plan: WriterPlan, seed: number, log: WriteLog) {
    this.#plan = plan;
    this.#passWrites = Math.min(PASS_WRITES, Math.max(1, Math.floor(PASS_PS / Math.max(1, plan.computePs))));
    this.#log = log;
    this.#pattern = new AccessPattern(seed).plan({ ...plan, writePercent: 100, writeEvery: 0 });
    this.#pattern.restart();
  }

  get gfn(): number {
    return this.#pattern.gfn;
  }

  /** What it computes after the write that it has just made. In a stretch, whose length is planned beforehand, all are the same. */
  get computePs(): number {
    const { computePs, now } = this.#plan;
    return this.#isStretch || computePs === 0 ? computePs : this.#computesUntilPs - now();
  }

  restart(): void {
    this.remaining = this.#passWrites;
    this.#stepCount = 0;
    this.#isStretch = false;
  }

  alike(): number {
    return Math.min(this.remaining, this.#pattern.alike());
  }

  advance(accesses: number): void {
    const pattern = this.#pattern;
    this.#log(pattern.gfn, accesses, 1);
    this.#steps[2 * this.#stepCount] = pattern.gfn;
    this.#steps[2 * this.#stepCount++ + 1] = accesses;
    this.remaining -= accesses;
    if (!this.#isStretch) this.#computesUntilPs = Math.max(this.#computesUntilPs, this.#plan.now()) + this.#plan.computePs;
    pattern.advance(accesses);
    if (pattern.remaining === 0) pattern.restart();
  }

  mark(): void {
    this.#isStretch = true;
    this.#markedRemaining = this.remaining;
    this.#pattern.mark();
    this.#stepCount = 0;
  }

  rewind(): void {
    this.remaining = this.#markedRemaining;
    this.#pattern.rewind();
    for (let step = 0; step < this.#stepCount; step++) this.#log(this.#steps[2 * step], this.#steps[2 * step + 1], -1);
    this.#stepCount = 0;
  }
}
