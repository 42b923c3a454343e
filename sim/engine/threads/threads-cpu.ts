// A CPU of the threads engine: a worker thread, real Atomics on the shared arena, and the wall clock.
//
// Primitives act at once and never suspend. Costs of the profile are burned as CPU time, scaled by `timeScale`; what the real machine
// charges by itself (cache lines, SMT siblings, lock queues, the scheduler) is not simulated on top.

import { type Arena, LINE_WORDS } from '../../memory/arena.js';
import type { Costs } from '../costs.js';
import { Counters } from '../counters.js';
import type { Cpu, Suspend, Word } from '../cpu.js';
import { burnLoops, burnLoopsPerPs } from './burn.js';
import { RunClock } from './clock.js';

/** Small costs are owed until they add up to this much wall time. */
const BURN_AT_PS = 200_000;

/** Wall time between two looks at the kick word while guest code runs. */
const RUN_GRAIN_PS = 1_000_000;

export interface ThreadsCpuParts {
  id: number;
  words: Int32Array;
  /** Primitive costs in picoseconds, without SMT factors. */
  cost: Costs;
  /** First of the kick words that `carveKickWords` laid out. */
  kickWords: Word;
  /** Wall time per simulated time; 0 burns nothing. */
  timeScale: number;
  /** `process.hrtime.bigint()` at the start of the run, the same for every thread. */
  originNs: bigint;
}

/** Lays out one kick word per CPU, each on its own line, and returns the first. */
export function carveKickWords(arena: Arena, cpuCount: number): Word {
  return arena.carve('kick words', cpuCount * LINE_WORDS);
}

export class ThreadsCpu implements Cpu {
  readonly id: number;
  readonly socket = 0;
  readonly words: Int32Array;
  readonly cost: Costs;
  readonly counters = new Counters();
  ranFor = 0;
  readonly #kickWords: Word;
  readonly #clock: RunClock;
  /** Burn loops per simulated picosecond; 0 turns burning off. */
  readonly #loopsPerPs: number;
  readonly #burnAtPs: number;
  readonly #runGrainPs: number;
  #owedPs = 0;

  constructor(parts: ThreadsCpuParts) {
    this.id = parts.id;
    this.words = parts.words;
    this.cost = parts.cost;
    this.#kickWords = parts.kickWords;
    this.#clock = new RunClock(parts.originNs);
    const scale = parts.timeScale;
    this.#loopsPerPs = scale > 0 ? burnLoopsPerPs() * scale : 0;
    this.#burnAtPs = scale > 0 ? BURN_AT_PS / scale : 0;
    this.#runGrainPs = scale > 0 ? RUN_GRAIN_PS / scale : 0;
  }

  touch(_word: Word): Suspend {
    return false;
  }

  load(word: Word): number {
    return Atomics.load(this.words, word);
  }

  store(word: Word, value: number): void {
    Atomics.store(this.words, word, value);
  }

  cmpxchg(word: Word, expected: number, value: number): number {
    return Atomics.compareExchange(this.words, word, expected, value);
  }

  xchg(word: Word, value: number): number {
    return Atomics.exchange(this.words, word, value);
  }

  fetchAdd(word: Word, delta: number): number {
    return Atomics.add(this.words, word, delta);
  }

  fetchOr(word: Word, bits: number): number {
    return Atomics.or(this.words, word, bits);
  }

  fetchAnd(word: Word, bits: number): number {
    return Atomics.and(this.words, word, bits);
  }

  now(): number {
    return this.#clock.now();
  }

  spend(ps: number): void {
    this.#owedPs += ps;
    if (this.#owedPs >= this.#burnAtPs) this.settle();
  }

  /** Burns what is owed. Locks call it before they are taken and before they are released, so that hold times are right. */
  settle(): void {
    const loops = this.#owedPs * this.#loopsPerPs;
    this.#owedPs = 0;
    burnLoops(loops);
  }

  /** Writes the lines, so that the host really moves them. */
  chargeLines(owner: Word, lines: number): void {
    for (let line = 0; line < lines; line++) Atomics.store(this.words, owner + line * LINE_WORDS, this.id + 1);
  }

  /** A kick that came before the run started cuts it to nothing, as a pending request stops the entry to a guest. */
  run(ps: number): Suspend {
    if (this.#owedPs + ps < this.#burnAtPs || this.#loopsPerPs === 0) {
      this.ranFor = this.#takeKick() ? 0 : ps;
      this.#owedPs += this.ranFor;
      return false;
    }
    this.settle();
    let leftPs = ps;
    while (leftPs > 0 && !this.#takeKick()) {
      const grainPs = Math.min(leftPs, this.#runGrainPs);
      burnLoops(grainPs * this.#loopsPerPs);
      leftPs -= grainPs;
    }
    this.ranFor = Math.round(ps - leftPs);
    return false;
  }

  #takeKick(): boolean {
    const word = this.#kickWords + this.id * LINE_WORDS;
    if (Atomics.load(this.words, word) === 0) return false;
    Atomics.store(this.words, word, 0);
    return true;
  }

  kick(cpuId: number): void {
    Atomics.store(this.words, this.#kickWords + cpuId * LINE_WORDS, 1);
  }

  needResched(): boolean {
    return false;
  }
}
