// What a customer sees of a migration, taken down vCPU by vCPU in the arena, so that the numbers of all worker threads meet in one place.
//
// A stall is an access that had to wait, from the first attempt until it was done, however many faults that took. With asynchronous page faults an
// access may be aside while its vCPU runs others: then its stall is as long, but the vCPU stood still for less of it.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import { bucketOf, HISTOGRAM_BUCKETS } from '../engine/histogram.js';
import type { AccessLog } from '../guest/page-guest.js';
import { type Arena, carvedWords } from '../memory/arena.js';
import { alignWindows, countAccesses, WINDOW_WORDS } from './access-windows.js';
import type { GuestRun } from './post-copy-speed.js';
import { type StallSummary, summarizeStalls } from './stall-rows.js';
import { loadWide, storeWide, WIDE_WORDS } from './wide-words.js';

// One row per vCPU: times and sums in picoseconds, two words each, then windows, then the histogram.
const START_PS = 0;
const RUN_PS = START_PS + WIDE_WORDS;
const RUN_ACCESSES = RUN_PS + WIDE_WORDS;
const STILL_PS = RUN_ACCESSES + WIDE_WORDS;
const STALLED_PS = STILL_PS + WIDE_WORDS;
const STALL_MAX_PS = STALLED_PS + WIDE_WORDS;
const WARM_PS = STALL_MAX_PS + WIDE_WORDS;
const WARM_ACCESSES = WARM_PS + WIDE_WORDS;
const WINDOW_ROW = WARM_ACCESSES + WIDE_WORDS;
const HISTOGRAM = WINDOW_ROW + WINDOW_WORDS;
const ROW_WORDS = carvedWords(HISTOGRAM + HISTOGRAM_BUCKETS);

export class PostCopyBook {
  readonly words: Int32Array;
  readonly #vcpus: number;
  readonly #rows: Word;

  constructor(arena: Arena, vcpus: number) {
    this.words = arena.words;
    this.#vcpus = vcpus;
    this.#rows = arena.carve('postCopyBook', vcpus * ROW_WORDS);
  }

  static arenaWords(vcpus: number): number {
    return vcpus * ROW_WORDS;
  }

  row(vcpu: number): Word {
    return this.#rows + vcpu * ROW_WORDS;
  }

  #each<T>(read: (row: Word) => T): T[] {
    return Array.from({ length: this.#vcpus }, (_, vcpu) => read(this.row(vcpu)));
  }

  /** When the first vCPU started, picoseconds of the run. */
  get startPs(): number {
    return Math.min(...this.#each((row) => loadWide(this.words, row + START_PS)));
  }

  /** Throws unless every vCPU has made `accesses` accesses. */
  assertDone(accesses: number): void {
    for (const [vcpu, done] of this.#each((row) => loadWide(this.words, row + RUN_ACCESSES)).entries()) {
      assert(done === accesses, `vCPU ${vcpu} made ${done} accesses, expected ${accesses}`);
    }
  }

  /** Share of their time in which vCPUs did not stand still: 0 to 1. */
  runningShare(): number {
    const total = sum(this.#each((row) => loadWide(this.words, row + RUN_PS)));
    return total === 0 ? 1 : 1 - sum(this.#each((row) => loadWide(this.words, row + STILL_PS))) / total;
  }

  stalls(): StallSummary {
    return summarizeStalls(
      this.words,
      this.#each((row) => row),
      { maxPs: STALL_MAX_PS, totalPs: STALLED_PS, histogram: HISTOGRAM },
    );
  }

  /** Each vCPU's run, in windows of one length. */
  runs(): { windowPs: number; runs: GuestRun[] } {
    const { windowPs, counts } = alignWindows(
      this.words,
      this.#each((row) => row + WINDOW_ROW),
    );
    const runs = this.#each((row) => {
      const warmPs = loadWide(this.words, row + WARM_PS);
      return { finishPs: loadWide(this.words, row + RUN_PS), normalRate: warmPs === 0 ? 0 : loadWide(this.words, row + WARM_ACCESSES) / warmPs };
    });
    return { windowPs, runs: runs.map((run, vcpu) => ({ ...run, counts: counts[vcpu] })) };
  }
}

export interface RecorderParts {
  cpu: Cpu;
  book: PostCopyBook;
  /** Tasks that the guest may put aside. */
  tasks: number;
  /** Faults of the vCPU that KVM has fixed so far. */
  faults(): number;
  /** Called for each access that is done; throws when its page cannot have been there. */
  verify(gfn: number): void;
}

/** The run beside the migration: what one vCPU's guest tells. */
export class MigrationLog implements AccessLog {
  readonly #parts: RecorderParts;
  readonly #row: Word;
  #startPs = 0;
  /** First attempt at the current access, and when the vCPU itself turned to it. */
  #firstAttemptPs = 0;
  #turnedPs = 0;
  #faultsBefore = 0;
  #mustHaveWaited = false;
  #accesses = 0;
  #stillPs = 0;
  #stalledPs = 0;
  #maxPs = 0;
  readonly #asideSincePs: Float64Array;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#row = parts.book.row(parts.cpu.id);
    this.#asideSincePs = new Float64Array(parts.tasks);
  }

  /** The guest is about to start. */
  start(): this {
    this.#startPs = this.#parts.cpu.now();
    return this;
  }

  next(task: number, computePs: number): void {
    this.#turnedPs = this.#parts.cpu.now() + computePs;
    this.#firstAttemptPs = task < 0 ? this.#turnedPs : this.#asideSincePs[task];
    this.#mustHaveWaited = task >= 0;
    this.#faultsBefore = this.#parts.faults();
  }

  done(gfn: number, accesses: number): void {
    const { cpu, book } = this.#parts;
    const now = cpu.now();
    this.#parts.verify(gfn);
    this.#accesses += accesses;
    countAccesses(book.words, this.#row + WINDOW_ROW, { sincePs: now - this.#startPs, accesses });
    if (!this.#mustHaveWaited && this.#parts.faults() === this.#faultsBefore) return;
    this.#stillPs += Math.max(0, now - this.#turnedPs);
    this.#addStall(Math.max(0, now - this.#firstAttemptPs));
  }

  putAside(task: number): void {
    this.#asideSincePs[task] = this.#firstAttemptPs;
  }

  /** When the vCPU turned to its current access, picoseconds. */
  get turnedPs(): number {
    return this.#turnedPs;
  }

  /** The vCPU stood still since `sincePs`: in an exit, or because it had nothing to run. It goes on now. */
  resume(sincePs: number): void {
    const now = this.#parts.cpu.now();
    this.#stillPs += now - sincePs;
    this.#turnedPs = now;
    if (!this.#mustHaveWaited) this.#firstAttemptPs = now;
  }

  #addStall(ps: number): void {
    this.#stalledPs += ps;
    if (ps > this.#maxPs) this.#maxPs = ps;
    this.#parts.book.words[this.#row + HISTOGRAM + bucketOf(ps)]++;
  }

  /** The guest is done: the sums go to the arena. */
  finish(): void {
    const { cpu, book } = this.#parts;
    storeWide(book.words, this.#row + START_PS, this.#startPs);
    storeWide(book.words, this.#row + RUN_PS, cpu.now() - this.#startPs);
    storeWide(book.words, this.#row + RUN_ACCESSES, this.#accesses);
    storeWide(book.words, this.#row + STILL_PS, this.#stillPs);
    storeWide(book.words, this.#row + STALLED_PS, this.#stalledPs);
    storeWide(book.words, this.#row + STALL_MAX_PS, this.#maxPs);
  }
}

/** The same accesses once more with all pages there: how fast the guest is normally. */
export class WarmLog implements AccessLog {
  readonly #cpu: Cpu;
  readonly #book: PostCopyBook;
  #startPs = 0;
  #accesses = 0;

  constructor(cpu: Cpu, book: PostCopyBook) {
    this.#cpu = cpu;
    this.#book = book;
  }

  start(): this {
    this.#startPs = this.#cpu.now();
    return this;
  }

  next(): void {}

  done(_gfn: number, accesses: number): void {
    this.#accesses += accesses;
  }

  putAside(): void {
    assert(false, 'a page has gone again after its migration');
  }

  finish(): void {
    const row = this.#book.row(this.#cpu.id);
    storeWide(this.#book.words, row + WARM_PS, this.#cpu.now() - this.#startPs);
    storeWide(this.#book.words, row + WARM_ACCESSES, this.#accesses);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
