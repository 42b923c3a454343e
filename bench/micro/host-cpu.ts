// A CPU on which the simulator's code runs for its own sake: nothing costs virtual time, and nobody else is there.

import { COST_NAMES, type Costs, Counters, type Cpu } from '../../sim/index.js';

export class HostCpu implements Cpu {
  readonly id = 0;
  readonly socket = 0;
  readonly words: Int32Array;
  readonly cost = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Costs;
  readonly counters = new Counters();
  readonly ranFor = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  touch(): boolean {
    return false;
  }

  load(word: number): number {
    return this.words[word];
  }

  store(word: number, value: number): void {
    this.words[word] = value;
  }

  cmpxchg(word: number, expected: number, value: number): number {
    const old = this.words[word];
    if (old === expected) this.words[word] = value;
    return old;
  }

  xchg(word: number, value: number): number {
    const old = this.words[word];
    this.words[word] = value;
    return old;
  }

  fetchAdd(word: number, delta: number): number {
    return this.xchg(word, this.words[word] + delta);
  }

  fetchOr(word: number, bits: number): number {
    return this.xchg(word, this.words[word] | bits);
  }

  fetchAnd(word: number, bits: number): number {
    return this.xchg(word, this.words[word] & bits);
  }

  now(): number {
    return 0;
  }

  spend(): void {}

  chargeLines(): void {}

  run(): boolean {
    return false;
  }

  kick(): void {}

  needResched(): boolean {
    return false;
  }
}
