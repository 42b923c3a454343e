// The ticket lock, as x86 spinlocks were before 4.2: everyone takes a number and polls one word.
//
// Parking: a waiter sleeps on the place of its own ticket, so that a release wakes only the next in line.

import { type Arena, carvedWords, LINE_WORDS } from '../../memory/arena.js';
import type { Word } from '../cpu.js';
import { type RawLock, waitedSince } from './raw-lock.js';
import type { ThreadsCpu } from './threads-cpu.js';
import { SPINS_BEFORE_PARKING, sleepUntilNotified, type Waiter, type WaitPolicy, waitForChange } from './wait.js';

const NEXT = 0;
const SERVING = 1;
const SLEEPERS = 2;
const OWNER = 3;

/** Words of one ticket lock for `cpuCount` CPUs. */
export function ticketLockWords(cpuCount: number): number {
  return LINE_WORDS + carvedWords(placeCount(cpuCount));
}

/** A power of two, so that a wrapping ticket keeps its place. */
function placeCount(cpuCount: number): number {
  return 1 << (32 - Math.clz32(cpuCount));
}

export class TicketLock implements RawLock {
  readonly ownerWord: Word;
  readonly #words: Int32Array;
  readonly #next: Word;
  readonly #serving: Word;
  readonly #sleepers: Word;
  /** Event counts that waiters sleep on, one per ticket modulo their number. */
  readonly #places: Word;
  readonly #placeMask: number;
  readonly #name: string;
  readonly #policy: WaitPolicy;

  constructor(arena: Arena, parts: { name: string; cpuCount: number; policy: WaitPolicy }) {
    this.#words = arena.words;
    this.#name = parts.name;
    this.#policy = parts.policy;
    const base = arena.carve(parts.name, ticketLockWords(parts.cpuCount));
    this.#next = base + NEXT;
    this.#serving = base + SERVING;
    this.#sleepers = base + SLEEPERS;
    this.ownerWord = base + OWNER;
    this.#places = base + LINE_WORDS;
    this.#placeMask = placeCount(parts.cpuCount) - 1;
  }

  acquire(cpu: ThreadsCpu): number {
    const ticket = Atomics.add(this.#words, this.#next, 1);
    if (Atomics.load(this.#words, this.#serving) === ticket) return 0;
    const start = cpu.now();
    const waiter = { lock: this.#name, cpuId: cpu.id };
    if (this.#policy.park) this.#spinThenSleep(ticket, waiter);
    else this.#spin(ticket, waiter);
    return waitedSince(cpu, start);
  }

  #spin(ticket: number, waiter: Waiter): void {
    const words = this.#words;
    const word = this.#serving;
    let seen = Atomics.load(words, word);
    while (seen !== ticket) seen = waitForChange(words, { word, seen }, waiter, this.#policy);
  }

  #spinThenSleep(ticket: number, waiter: Waiter): void {
    const words = this.#words;
    for (let i = 0; i < SPINS_BEFORE_PARKING; i++) if (Atomics.load(words, this.#serving) === ticket) return;
    const word = this.#places + (ticket & this.#placeMask);
    Atomics.add(words, this.#sleepers, 1);
    for (;;) {
      const seen = Atomics.load(words, word); // before the look at `serving`: a release in between changes it
      if (Atomics.load(words, this.#serving) === ticket) break;
      sleepUntilNotified(words, { word, seen }, waiter, this.#policy);
    }
    Atomics.sub(words, this.#sleepers, 1);
  }

  release(_cpu: ThreadsCpu): void {
    const words = this.#words;
    const ticket = (Atomics.add(words, this.#serving, 1) + 1) | 0;
    if (!this.#policy.park || Atomics.load(words, this.#sleepers) === 0) return;
    const word = this.#places + (ticket & this.#placeMask);
    Atomics.add(words, word, 1);
    Atomics.notify(words, word, 1);
  }

  get waiters(): number {
    return Math.max(0, ((Atomics.load(this.#words, this.#next) - Atomics.load(this.#words, this.#serving)) | 0) - 1);
  }
}
