// A gang of threads that goes through phases together: a barrier in shared memory, where every member must turn up.
//
// Members that wait are parked in Atomics.wait, so that they take no core from those who still work. Never for the main thread, whose
// event loop must stay free for the watchdog.

import { performance } from 'node:perf_hooks';

const GENERATION = 0;
const ARRIVED = 1;
const LINED_UP = 2;
const MEMBERS = 16;

/** How long the line-up before a start may spin. */
const LINE_UP_MS = 2;

export interface GangParts {
  /** Of `Gang.wordCount(size)` words, zero when the gang begins. */
  words: Int32Array;
  size: number;
  /** 0-based place of the calling thread. */
  index: number;
  /** Longest wait for the slowest member at one barrier. */
  timeoutMs: number;
}

export class Gang {
  readonly size: number;
  readonly index: number;
  readonly #words: Int32Array;
  readonly #timeoutMs: number;

  static wordCount(size: number): number {
    return MEMBERS + 2 * size;
  }

  constructor(parts: GangParts) {
    this.size = parts.size;
    this.index = parts.index;
    this.#words = parts.words;
    this.#timeoutMs = parts.timeoutMs;
  }

  /** The first barrier. Throws when one thread turns up for two members: it could never meet itself later. */
  join(threadId: number): void {
    Atomics.store(this.#words, MEMBERS + this.index, threadId + 1);
    this.meet('the start');
    const ids = this.#words.subarray(MEMBERS, MEMBERS + this.size);
    if (new Set(ids).size !== this.size)
      throw new Error(`Invariant broken: ${this.size} members of a gang on threads ${[...ids].map((id) => id - 1).join(', ')}`);
  }

  /** Waits until all members have come. Throws after the time-out, naming those who have not. */
  meet(where: string): void {
    const words = this.#words;
    const generation = Atomics.load(words, GENERATION);
    Atomics.store(words, MEMBERS + this.size + this.index, generation + 1);
    if (Atomics.add(words, ARRIVED, 1) + 1 === this.size) this.#release();
    else this.#sleepWhile(generation, where);
  }

  #release(): void {
    Atomics.store(this.#words, ARRIVED, 0);
    Atomics.store(this.#words, LINED_UP, 0);
    Atomics.add(this.#words, GENERATION, 1);
    Atomics.notify(this.#words, GENERATION);
  }

  #sleepWhile(generation: number, where: string): void {
    while (Atomics.load(this.#words, GENERATION) === generation) {
      if (Atomics.wait(this.#words, GENERATION, generation, this.#timeoutMs) === 'timed-out') this.#failMeeting(generation, where);
    }
  }

  #failMeeting(generation: number, where: string): never {
    const missing: number[] = [];
    for (let index = 0; index < this.size; index++) {
      if (Atomics.load(this.#words, MEMBERS + this.size + index) !== generation + 1) missing.push(index);
    }
    const who = missing.length === 0 ? 'a wakeup was lost' : `missing ${missing.slice(0, 8).join(', ')}`;
    throw new Error(`Cannot meet at ${where}: current ${this.size - missing.length} threads after ${this.#timeoutMs} ms (${who}), expected ${this.size}`);
  }

  /** True when the first `count` members wait at the barrier that comes next. */
  haveCome(count: number): boolean {
    const generation = Atomics.load(this.#words, GENERATION);
    const come = this.#words.subarray(MEMBERS + this.size, MEMBERS + this.size + count);
    return come.every((_, index) => Atomics.load(come, index) === generation + 1);
  }

  /**
   * Spins until `count` members are awake, right after a barrier, so that a wakeup of tens of microseconds does not stagger their
   * start. Only for at most as many members as cores. Gives up after 2 ms: a late member then starts late.
   */
  lineUp(count: number): void {
    Atomics.add(this.#words, LINED_UP, 1);
    const deadline = performance.now() + LINE_UP_MS;
    while (Atomics.load(this.#words, LINED_UP) < count && performance.now() < deadline);
  }
}
