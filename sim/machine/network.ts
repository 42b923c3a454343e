// The network that pages come over: a round trip of a given length, and one link that carries one page at a time.
//
// A request is answered in order of arrival: its pages go over the link one after another as soon as it is free, and are here one latency (and
// jitter) after that. So several pages may be on their way at once, the link is never used beyond its bandwidth, and with jitter a later request
// may be answered first, as over several connections.
// Left out: loss, congestion control, priorities, the other direction, the work of the network stack on either host.

import type { Cpu, KernelPath, LockFactory, SpinLock, Word } from '../engine/cpu.js';
import { type Arena, carvedWords } from '../memory/arena.js';
import type { PostCopyOptions } from './cell.js';
import { Jitter } from './jitter.js';
import { loadWide, storeWide, WIDE_WORDS } from './wide-words.js';

const PS_PER_NS = 1000;
const PS_PER_SECOND = 1e12;

export type NetworkOptions = Pick<PostCopyOptions, 'latencyNs' | 'bandwidth' | 'jitter' | 'jitterPercent' | 'guestSeed'>;

export interface NetworkParts {
  options: NetworkOptions;
  pageBytes: number;
  /** Call site of the link's lock. */
  site: number;
}

export class Network {
  /** How long one page occupies the link, picoseconds; 0 without a limit. */
  readonly transferPs: number;
  readonly #latencyPs: number;
  readonly #jitter: Jitter;
  readonly #lock: SpinLock;
  readonly #site: number;
  /** Two words: when the link is free, picoseconds. Guarded by the lock. */
  readonly #freeAt: Word;

  constructor(arena: Arena, locks: LockFactory, { options, pageBytes, site }: NetworkParts) {
    const { latencyNs, bandwidth, jitterPercent } = options;
    this.transferPs = bandwidth === 0 ? 0 : Math.round((pageBytes * PS_PER_SECOND) / bandwidth);
    this.#latencyPs = Math.round(latencyNs * PS_PER_NS);
    this.#jitter = new Jitter({ distribution: options.jitter, meanPs: Math.round((this.#latencyPs * jitterPercent) / 100), seed: options.guestSeed });
    this.#lock = locks.spinLock('network link', 'queued');
    this.#site = site;
    this.#freeAt = arena.carveLine('networkLink');
  }

  static arenaWords(): number {
    return carvedWords(WIDE_WORDS);
  }

  /** How long a request and the way back take this time, picoseconds, without what the link adds. */
  drawRoundTrip(cpu: Cpu): number {
    return this.#latencyPs + this.#jitter.draw(cpu.id);
  }

  /**
   * Asks for `pages` pages. Returns when the first has passed the link, in picoseconds of the run; each other follows one `transferPs` after the one
   * before, and each is here a round trip after it has passed. Locks: the link's, with a limited bandwidth. Suspends: at that lock. Waits for no page.
   */
  *send(cpu: Cpu, pages: number): KernelPath<number> {
    if (this.transferPs === 0) return cpu.now();
    if (this.#lock.lock(cpu, this.#site)) yield;
    const startPs = Math.max(cpu.now(), loadWide(cpu.words, this.#freeAt));
    storeWide(cpu.words, this.#freeAt, startPs + pages * this.transferPs);
    if (this.#lock.unlock(cpu)) yield;
    return startPs + this.transferPs;
  }
}

/** Sleeps until `ps` of the run; no time at all when that has passed. Suspends: while asleep. */
export function* sleepUntil(cpu: Cpu, ps: number): KernelPath {
  const leftPs = ps - cpu.now();
  if (leftPs > 0) if (cpu.sleepFor(leftPs)) yield;
}
