// A CPU of the threads engine: a worker thread, real Atomics on the shared arena, and the wall clock.
//
// Primitives act at once and never suspend. Costs of the profile are burned as CPU time, scaled by `timeScale`; what the real machine
// charges by itself (cache lines, SMT siblings, lock queues, the scheduler) is not simulated on top.

import { type Arena, LINE_WORDS } from '../../memory/arena.js';
import type { Costs } from '../costs.js';
import { Counters } from '../counters.js';
import { type Cpu, type KernelPath, runToCompletion, type Suspend, type Word } from '../cpu.js';
import { burnLoops, burnLoopsPerPs } from './burn.js';
import { RunClock } from './clock.js';
import { type SleepPatience, sleepWhile, WAIT_TIMEOUT_MS } from './wait.js';

/** Small costs are owed until they add up to this much wall time. */
const BURN_AT_PS = 200_000;

/** Wall time between two looks at the kick word while guest code runs. */
const RUN_GRAIN_PS = 1_000_000;

/** On the line of the kick word: 1 while the thread sleeps or is about to. */
const SLEEP_WORD = 1;

/** On the same line: a word that nobody ever changes or notifies. */
const TIMER_WORD = 2;

/** The shortest nap there is: the host's timers make some 60 us of it. */
const NAP_MS = 0.001;

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
  /** Longest sleep without a wakeup; `WAIT_TIMEOUT_MS` when left out. */
  sleepTimeoutMs?: number;
  /** Where longer sleeps are no fault (see `SleepPatience`). */
  mayStayAsleep?: (() => boolean) | undefined;
}

/** Lays out one line per CPU for its kick word and its sleep, and returns the first kick word. */
export function carveKickWords(arena: Arena, cpuCount: number): Word {
  return arena.carve('kick words', cpuCount * LINE_WORDS);
}

export class ThreadsCpu implements Cpu {
  readonly id: number;
  readonly socket = 0;
  readonly interleaves = false;
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
  readonly #timeScale: number;
  readonly #patience: SleepPatience;
  #owedPs = 0;

  constructor(parts: ThreadsCpuParts) {
    this.id = parts.id;
    this.words = parts.words;
    this.cost = parts.cost;
    this.#kickWords = parts.kickWords;
    this.#clock = new RunClock(parts.originNs);
    const scale = parts.timeScale;
    this.#timeScale = scale;
    const timeoutMs = parts.sleepTimeoutMs ?? WAIT_TIMEOUT_MS;
    this.#patience = { timeoutMs, ...(parts.mayStayAsleep === undefined ? {} : { mayStayAsleep: parts.mayStayAsleep }) };
    this.#loopsPerPs = scale > 0 ? burnLoopsPerPs() * scale : 0;
    this.#burnAtPs = scale > 0 ? BURN_AT_PS / scale : 0;
    this.#runGrainPs = scale > 0 ? RUN_GRAIN_PS / scale : 0;
  }

  touch(_word: Word): Suspend {
    return false;
  }

  interleave(_word: Word): Suspend {
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

  /** Nothing: JavaScript's Atomics are sequentially consistent. */
  fence(): void {}

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

  call(path: KernelPath<unknown>): Suspend {
    runToCompletion(path);
    return false;
  }

  /** Nothing: the host moves the line when it is read. */
  chargeRead(_from: number): void {}

  prepareToSleep(): void {
    Atomics.store(this.words, this.#wordOf(this.id, SLEEP_WORD), 1);
  }

  cancelSleep(): void {
    Atomics.store(this.words, this.#wordOf(this.id, SLEEP_WORD), 0);
  }

  /**
   *     CPU 0                                CPU 1
   *     sleep word = 1
   *     looks, finds nothing to do
   *                                          makes something to do
   *                                          sleep word 1 -> 0
   *     sleeps only while the word is 1
   *                                          notifies
   *
   * The host compares and falls asleep in one step, so a wakeup at any point is seen. One that comes late, for a sleep that is over, finds the
   * next sleep's word still 1: the sleeper looks again.
   */
  schedule(channel: string): Suspend {
    this.settle();
    sleepWhile(this.words, { word: this.#wordOf(this.id, SLEEP_WORD), seen: 1 }, { lock: channel, cpuId: this.id }, this.#patience);
    return false;
  }

  wake(cpuId: number): boolean {
    this.settle();
    const word = this.#wordOf(cpuId, SLEEP_WORD);
    if (Atomics.compareExchange(this.words, word, 1, 0) !== 1) return false;
    Atomics.notify(this.words, word, 1);
    return true;
  }

  /** Wall time is scaled as work is, and the host's timers add some 60 us. Even a sleep scaled to nothing gives the core up: who polls must not keep it. */
  sleepFor(ps: number): Suspend {
    this.settle();
    Atomics.wait(this.words, this.#wordOf(this.id, TIMER_WORD), 0, Math.max(NAP_MS, (ps / 1e9) * this.#timeScale));
    return false;
  }

  #wordOf(cpuId: number, offset: number): Word {
    return this.#kickWords + cpuId * LINE_WORDS + offset;
  }
}
