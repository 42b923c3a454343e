// A guest that touches pages by a pattern and computes in between, while somebody takes down how it fares.
// Each access writes, as the selftests' guests do.

import { assert } from '../assert.js';
import type { GuestCode } from '../kvm/vcpu-run.js';
import type { PagePattern } from './page-pattern.js';

/** Takes down when accesses were possible, and when they were done. */
export interface AccessLog {
  /** The guest goes on to its next access, after `computePs` of its own work. `task` is the one put aside that it comes back to, -1 for a new access. */
  next(task: number, computePs: number): void;
  /** `accesses` are done, that to `gfn` first. */
  done(gfn: number, accesses: number): void;
  /** The current access has been put aside as `task`. */
  putAside(task: number): void;
}

export interface PageGuestPlan {
  firstGfn: number;
  /** Frames from one page of the pattern to the next: 1, or those of a huge page. */
  pageFrames: number;
  accesses: number;
  /** Guest work between two accesses, picoseconds. */
  computePs: number;
}

/** A guest that makes its accesses one after another. */
export class PageGuest implements GuestCode {
  gfn = 0;
  readonly write = true;
  remaining = 0;
  readonly computePs: number;
  readonly #pattern: PagePattern;
  readonly #plan: PageGuestPlan;
  #log: AccessLog;

  constructor(pattern: PagePattern, plan: PageGuestPlan, log: AccessLog) {
    this.#pattern = pattern;
    this.#plan = plan;
    this.computePs = plan.computePs;
    this.#log = log;
  }

  /** From the next pass on accesses are taken down in another log. */
  logTo(log: AccessLog): this {
    this.#log = log;
    return this;
  }

  restart(): void {
    this.#pattern.restart();
    this.remaining = this.#plan.accesses;
    this.#settle();
    this.#log.next(-1, 0);
  }

  alike(): number {
    return this.computePs > 0 || this.#plan.pageFrames > 1 ? 1 : Math.min(this.remaining, 1 + this.#pattern.run());
  }

  advance(accesses: number): void {
    this.#log.done(this.gfn, accesses);
    this.#skip(accesses);
    if (this.remaining > 0) this.#log.next(-1, this.computePs);
  }

  /** Goes on without the current access, which is not done. */
  leave(): void {
    this.#skip(1);
  }

  mark(): void {}

  /** Nothing in a migration kicks a vCPU out of its guest, and what has been taken down cannot be taken back. */
  rewind(): void {
    assert(false, 'a guest whose accesses are taken down has been cut short');
  }

  #skip(accesses: number): void {
    this.remaining -= accesses;
    for (let skipped = 1; skipped < accesses; skipped++) this.#pattern.next();
    if (this.remaining > 0) this.#settle();
  }

  #settle(): void {
    this.gfn = this.#plan.firstGfn + this.#pattern.next() * this.#plan.pageFrames;
  }
}
