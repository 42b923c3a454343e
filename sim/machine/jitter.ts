// How much longer than its latency a request takes. Each thread draws from numbers of its own, so that a draw does not depend on who came first.
// Integer and IEEE arithmetic only (no logarithm), so that every host draws the same.

import { Prng } from '../prng.js';
import type { PostCopyOptions } from './cell.js';

export interface JitterParts {
  distribution: PostCopyOptions['jitter'];
  /** Picoseconds. */
  meanPs: number;
  seed: number;
}

/** Bounds of von Neumann's method; to reach one has a chance below 1e-27. */
const MAX_WHOLES = 64;
const MAX_RUN = 64;
const UINT32 = 0x100000000;

export class Jitter {
  readonly #parts: JitterParts;
  readonly #ofThread = new Map<number, Prng>();

  constructor(parts: JitterParts) {
    this.#parts = parts;
  }

  /** The next delay of a thread, whole picoseconds, 0 and up; its mean is the one asked for. */
  draw(thread: number): number {
    const { distribution, meanPs } = this.#parts;
    if (distribution === 'none' || meanPs === 0) return 0;
    const prng = this.#prngOf(thread);
    const multiple = distribution === 'uniform' ? (2 * prng.next()) / UINT32 : drawExponential(prng);
    return Math.floor(multiple * meanPs);
  }

  #prngOf(thread: number): Prng {
    let prng = this.#ofThread.get(thread);
    if (prng === undefined) {
      prng = new Prng(Math.imul(this.#parts.seed, 0x9e3779b1) ^ Math.imul(thread + 1, 0x85ebca6b));
      this.#ofThread.set(thread, prng);
    }
    return prng;
  }
}

/**
 * An exponential variate of mean 1, by comparisons alone (von Neumann 1951): numbers are drawn while each is below the one before. A run of odd
 * length yields its first number as the fraction; one of even length adds 1 to the whole part and starts again.
 */
function drawExponential(prng: Prng): number {
  for (let whole = 0; whole < MAX_WHOLES; whole++) {
    const first = prng.next();
    let last = first;
    let length = 1;
    for (let next = prng.next(); next < last && length < MAX_RUN; next = prng.next()) {
      last = next;
      length++;
    }
    if (length % 2 === 1) return whole + first / UINT32;
  }
  return MAX_WHOLES;
}
