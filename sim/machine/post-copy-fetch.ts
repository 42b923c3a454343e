// How a page of a migration gets from the network into the guest, whoever needs it: asked for once, with its prefetch window, and installed by the
// thread that asked.
//
// A reader that learns of a fault on a page that is on its way goes on to the next fault: whoever installs the page wakes the vCPU. A vCPU's own
// thread has nothing better to do than to wait.

import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { HostMemory } from '../memory/host-memory.js';
import type { IncomingPages } from './incoming-pages.js';
import { type Network, sleepUntil } from './network.js';
import { loadWide, storeWide } from './wide-words.js';

export interface PageFetchParts {
  network: Network;
  incoming: IncomingPages;
  /** Pages after the one that faulted that are asked for with it, if missing. */
  prefetch: number;
  threads: number;
  /** Makes a page whose contents have come accessible to the guest, and wakes who waits for it in the kernel. */
  install(cpu: Cpu, unit: number): KernelPath;
}

export class PageFetch {
  readonly incoming: IncomingPages;
  readonly network: Network;
  readonly #parts: PageFetchParts;
  /** Pages whose contents have come. */
  readonly #contents: HostMemory;
  /** For each thread, when it last installed a page. */
  readonly #lastInstalls: Word;

  constructor(arena: Arena, parts: PageFetchParts) {
    this.#parts = parts;
    this.incoming = parts.incoming;
    this.network = parts.network;
    this.#contents = new HostMemory(arena, parts.incoming.pages);
    this.#lastInstalls = arena.carve('lastInstalls', parts.threads * LINE_WORDS);
  }

  static arenaWords(pages: number, threads: number): number {
    return HostMemory.arenaWords(pages) + threads * LINE_WORDS;
  }

  /**
   * A thread that can wait needs a page: fetches and installs it and its prefetch window, or leaves that to who is at it already; with `waits` it
   * comes back when the page is here. Suspends: at page states, on the network, and as `install` does.
   */
  *demand(cpu: Cpu, unit: number, { waits }: { waits: boolean }): KernelPath {
    if (cpu.touch(this.incoming.wordOf(unit))) yield;
    if (!this.incoming.claim(cpu, unit)) {
      if (waits) yield* this.incoming.waitUntilHere(cpu, unit);
      return;
    }
    const ahead = yield* this.claimAhead(cpu, unit);
    const roundTripPs = this.network.drawRoundTrip(cpu);
    let herePs = (yield* this.network.send(cpu, 1 + ahead.length)) + roundTripPs;
    if (cpu.call(this.bring(cpu, unit, herePs))) yield;
    for (const next of ahead) {
      herePs += this.network.transferPs;
      if (cpu.call(this.bring(cpu, next, herePs))) yield;
    }
  }

  /** Claims the missing pages of the prefetch window behind `unit`, in order, `most` at most. */
  *claimAhead(cpu: Cpu, unit: number, most = Number.POSITIVE_INFINITY): KernelPath<number[]> {
    const { incoming, prefetch } = this.#parts;
    const claimed: number[] = [];
    const end = Math.min(unit + prefetch + 1, incoming.pages);
    for (let next = unit + 1; next < end && claimed.length < most; next++) {
      if (!incoming.isMissing(cpu, next)) continue;
      if (cpu.touch(incoming.wordOf(next))) yield;
      if (incoming.claim(cpu, next)) claimed.push(next);
    }
    return claimed;
  }

  /** Waits for a page that this thread has claimed, until `herePs`, and installs it. */
  *bring(cpu: Cpu, unit: number, herePs: number): KernelPath {
    yield* sleepUntil(cpu, herePs);
    this.#contents.add(unit);
    if (cpu.call(this.#parts.install(cpu, unit))) yield;
    storeWide(cpu.words, this.#lastInstalls + cpu.id * LINE_WORDS, cpu.now());
    if (cpu.call(this.incoming.arrive(cpu, unit))) yield;
  }

  /** Whether the contents of a page have come: before that, no guest may see it. */
  hasContents(unit: number): boolean {
    return this.#contents.isPresent(unit);
  }

  /** When the last page was installed, picoseconds of the run; 0 when none was. */
  lastInstallPs(words: Int32Array): number {
    let lastPs = 0;
    for (let thread = 0; thread < this.#parts.threads; thread++) lastPs = Math.max(lastPs, loadWide(words, this.#lastInstalls + thread * LINE_WORDS));
    return lastPs;
  }
}
