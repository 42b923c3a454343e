// Schedulers that need no memory of earlier runs but a seed: random, PCT, and the replay of one schedule.

import { Prng } from '../../prng.js';
import type { Chooser } from './engine.js';

/** The lowest process of a bit set. */
export function lowest(set: number): number {
  return 31 - Math.clz32(lowestBit(set));
}

export function lowestBit(set: number): number {
  return set & -set;
}

/** Remembers what ran, and chooses by `pick`. */
export class RecordingChooser implements Chooser {
  readonly processes: number[] = [];
  readonly #pick: (enabled: number, last: number, step: number) => number;

  constructor(pick: (enabled: number, last: number, step: number) => number) {
    this.#pick = pick;
  }

  choose(enabled: number, last: number): number {
    const process = this.#pick(enabled, last, this.processes.length);
    if (process >= 0) this.processes.push(process);
    return process;
  }

  stepped(): void {}
}

/** Any process that can go on, each as likely as the others. */
export function randomChooser(seed: number): RecordingChooser {
  const prng = new Prng(seed);
  return new RecordingChooser((enabled) => {
    let rest = enabled;
    for (let skip = prng.below(bitCount(enabled)); skip > 0; skip--) rest &= rest - 1;
    return lowest(rest);
  });
}

/**
 * Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): random priorities, and `depth` - 1 random steps at which the running process
 * falls to the lowest. A bug that needs `depth` ordering constraints is found with probability 1/(n * k^(depth-1)) or more, for n processes and k steps.
 */
export function pctChooser(seed: number, parts: { processes: number; steps: number; depth: number }): RecordingChooser {
  const prng = new Prng(seed);
  const priorities = Array.from({ length: parts.processes }, () => parts.depth + prng.below(1 << 20));
  const changes = new Map<number, number>();
  for (let change = 1; change < parts.depth; change++) changes.set(prng.below(Math.max(1, parts.steps)), change);
  return new RecordingChooser((enabled, last, step) => {
    const lowered = changes.get(step);
    if (lowered !== undefined && last >= 0) priorities[last] = lowered - parts.depth;
    let best = lowest(enabled);
    for (let rest = enabled & (enabled - 1); rest !== 0; rest &= rest - 1) if (priorities[lowest(rest)] > priorities[best]) best = lowest(rest);
    return best;
  });
}

/** A given schedule, then as it comes: the process that ran goes on while it can. `fits` turns false where the schedule names one that cannot go on. */
export class ReplayChooser implements Chooser {
  readonly processes: number[] = [];
  fits = true;
  readonly #schedule: readonly number[];

  constructor(schedule: readonly number[]) {
    this.#schedule = schedule;
  }

  choose(enabled: number, last: number): number {
    const step = this.processes.length;
    const planned = step < this.#schedule.length ? this.#schedule[step] : goOn(enabled, last);
    if (((enabled >>> planned) & 1) === 0) {
      this.fits = false;
      return -1;
    }
    this.processes.push(planned);
    return planned;
  }

  stepped(): void {}
}

/** The process that ran, while it can go on; else the lowest. */
export function goOn(enabled: number, last: number): number {
  return last >= 0 && ((enabled >>> last) & 1) === 1 ? last : lowest(enabled);
}

export function bitCount(set: number): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) count++;
  return count;
}
