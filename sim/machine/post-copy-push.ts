// The background push: the source sends the rest of the guest's pages unasked, in order, while vCPUs fetch those that they need at once.
//
// Each pusher is one stream with a thread at its end: pages are installed in the order in which they were sent. A stream keeps the link busy but does
// not queue more than a few pages at it, because a page that a vCPU waits for would have to stand behind them.
// Left out: priorities on the link, dirty pages that are sent twice.

import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import type { Arena } from '../memory/arena.js';
import { LINE_WORDS } from '../memory/arena.js';
import { sleepUntil } from './network.js';
import type { PageFetch } from './post-copy-fetch.js';

/** Pages of one stream that are on their way at a time, at most: assumed. It hides a latency of 200 us at 300 000 pages per second. */
const STREAM_PAGES = 64;
/** Pages that a stream queues at the link behind the one that passes it: assumed. Enough to keep it busy while the stream's thread wakes up. */
const QUEUED_PAGES = 2;

export class Pushers {
  readonly #fetch: PageFetch;
  /** The next page that nobody has looked at. */
  readonly #cursor: Word;

  constructor(arena: Arena, fetch: PageFetch) {
    this.#fetch = fetch;
    this.#cursor = arena.carveLine('pushCursor');
  }

  static arenaWords(): number {
    return LINE_WORDS;
  }

  /** The thread at the end of one stream. Ends when every page has been claimed by somebody, and its own are installed. */
  *run(cpu: Cpu): KernelPath {
    const { transferPs } = this.#fetch.network;
    const units: number[] = [];
    const herePs: number[] = [];
    let more = true;
    for (let duePs = cpu.now(); more || units.length > 0; ) {
      const now = cpu.now();
      if (more && units.length < STREAM_PAGES && duePs <= now) {
        const unit = yield* this.#claimNext(cpu);
        more = unit >= 0;
        if (!more) continue;
        const roundTripPs = this.#fetch.network.drawRoundTrip(cpu);
        units.push(unit);
        const sentPs = yield* this.#fetch.network.send(cpu, 1);
        herePs.push(sentPs + roundTripPs);
        duePs = sentPs - QUEUED_PAGES * transferPs;
      } else if (units.length > 0 && herePs[0] <= now) {
        if (cpu.call(this.#fetch.bring(cpu, units.shift() as number, herePs.shift() as number))) yield;
      } else {
        const sends = more && units.length < STREAM_PAGES;
        const waitPs = Math.min(units.length > 0 ? herePs[0] : duePs, sends ? duePs : herePs[0]);
        yield* sleepUntil(cpu, waitPs);
      }
    }
  }

  /** The next missing page in order, which this thread must fetch from now on; -1 for none. */
  *#claimNext(cpu: Cpu): KernelPath<number> {
    const { incoming } = this.#fetch;
    for (;;) {
      if (cpu.touch(this.#cursor)) yield;
      const unit = cpu.fetchAdd(this.#cursor, 1);
      if (unit >= incoming.pages) return -1;
      if (!incoming.isMissing(cpu, unit)) continue;
      if (cpu.touch(incoming.wordOf(unit))) yield;
      if (incoming.claim(cpu, unit)) return unit;
    }
  }
}
