// A CPU that costs nothing and runs beside nobody: for looking at a VM between runs (checks, hashes, set-up that is not measured), and for
// running a structure's code for its own sake.

import { COST_NAMES, type Costs } from '../engine/costs.js';
import { Counters } from '../engine/counters.js';
import { type Cpu, type KernelPath, runToCompletion, type Suspend, type Word } from '../engine/cpu.js';

const FREE = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Costs;

/** Acts at once, and counts in counters of its own. */
export class Observer implements Cpu {
  readonly id: number = 0;
  readonly socket = 0;
  readonly ranFor = 0;
  readonly words: Int32Array;
  readonly cost: Costs = FREE;
  readonly counters = new Counters();

  constructor(words: Int32Array) {
    this.words = words;
  }

  touch(): Suspend {
    return false;
  }

  load(word: Word): number {
    return this.words[word];
  }

  store(word: Word, value: number): void {
    this.words[word] = value;
  }

  cmpxchg(word: Word, expected: number, value: number): number {
    const old = this.words[word];
    if (old === expected) this.words[word] = value;
    return old;
  }

  xchg(word: Word, value: number): number {
    const old = this.words[word];
    this.words[word] = value;
    return old;
  }

  fetchAdd(word: Word, delta: number): number {
    return this.xchg(word, this.words[word] + delta);
  }

  fetchOr(word: Word, bits: number): number {
    return this.xchg(word, this.words[word] | bits);
  }

  fetchAnd(word: Word, bits: number): number {
    return this.xchg(word, this.words[word] & bits);
  }

  now(): number {
    return 0;
  }

  spend(_ps: number): void {}

  chargeLines(_owner: Word, _lines: number): void {}

  run(): Suspend {
    return false;
  }

  kick(): void {}

  needResched(): boolean {
    return false;
  }

  call(path: KernelPath<unknown>): Suspend {
    runToCompletion(path);
    return false;
  }

  chargeRead(_from: number): void {}

  prepareToSleep(): void {}

  cancelSleep(): void {}

  schedule(channel: string): Suspend {
    throw new Error(`Invariant broken: a CPU that runs beside nobody sleeps for ${channel}`);
  }

  wake(): boolean {
    return false;
  }

  sleepFor(): Suspend {
    return false;
  }
}
