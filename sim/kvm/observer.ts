// A CPU that costs nothing and runs beside nobody: for looking at a VM between runs (checks, hashes, set-up that is not measured), and for
// running a structure's code for its own sake.

import { COST_NAMES, type Costs } from '../engine/costs.js';
import { Counters } from '../engine/counters.js';
import { type Cpu, type KernelPath, runToCompletion, type Suspend, type Word } from '../engine/cpu.js';
import { PlainWords } from '../memory/plain-words.js';

const FREE = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Costs;

/** Acts at once, and counts in counters of its own. */
export class Observer extends PlainWords implements Cpu {
  readonly id: number = 0;
  readonly socket = 0;
  readonly interleaves = false;
  readonly ranFor = 0;
  readonly cost: Costs = FREE;
  readonly counters = new Counters();

  touch(): Suspend {
    return false;
  }

  interleave(): Suspend {
    return false;
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
