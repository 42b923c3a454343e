// Asynchronous page faults driven by user space: KVM leaves the guest for a missing page, user space tells the guest to put the task aside, hands the
// page to a fetcher thread and enters the guest again, which runs other tasks. When the page is there the guest is told, and the task goes on.
//
// Each vCPU has a fetcher of its own, which has any number of pages on their way and installs them as they come; a page that another thread has
// asked for is waited for in the guest alone. With no task left that can go on the vCPU's thread sleeps, as in HLT.
// Models the design of Nikita Kalyazin's series of November 2024 (user space decides, and tells the guest by interrupt).
// Left out: the cost of the interrupt and of the guest's scheduler.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import type { DeferringGuest } from '../guest/deferring-guest.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import { sleepUntil } from './network.js';
import type { MigrationLog } from './post-copy-book.js';
import type { PageFetch } from './post-copy-fetch.js';
import { loadWide, storeWide, WIDE_WORDS } from './wide-words.js';

/** Tasks of one guest that may wait at a time: assumed. */
export const GUEST_TASKS = 64;

/**
 * Pages that a vCPU may have ordered and its fetcher not yet taken over. A task in need always finds room (each orders one page and then waits); a
 * prefetch window is cut short where there is none.
 */
const QUEUE_PAGES = 16 * GUEST_TASKS;

/** One page on its way: its number and when it will be here. */
const ENTRY_WORDS = 1 + WIDE_WORDS;

/** What a vCPU's thread tells its fetcher: each word on a line of its own. */
const TAIL = 0;
const TAKEN = TAIL + LINE_WORDS;
const DONE = TAKEN + LINE_WORDS;
const ENTRIES = DONE + LINE_WORDS;
const QUEUE_WORDS = carvedWords(ENTRIES + QUEUE_PAGES * ENTRY_WORDS);

export interface AsyncFaultsParts {
  vcpus: number;
  fetch: PageFetch;
  /** Thread of the first vCPU's fetcher; the others follow. */
  firstFetcher: number;
}

/** Who has run out of tasks, or faults: one vCPU's side. */
export interface AsyncGuest {
  guest: DeferringGuest;
  log: Pick<MigrationLog, 'turnedPs' | 'resume'>;
  /** Tasks whose pages had come when the vCPU last looked. */
  readySeen: number;
}

export class AsyncFaults {
  readonly #parts: AsyncFaultsParts;
  readonly #queues: Word;

  constructor(arena: Arena, parts: AsyncFaultsParts) {
    this.#parts = parts;
    this.#queues = arena.carve('fetchQueues', parts.vcpus * QUEUE_WORDS);
  }

  static arenaWords(vcpus: number): number {
    return vcpus * QUEUE_WORDS;
  }

  /** The guest's tasks whose pages have come may go on. */
  poll(cpu: Cpu, own: AsyncGuest): void {
    const { incoming } = this.#parts.fetch;
    const count = cpu.load(incoming.readyCountOf(cpu.id));
    if (count === own.readySeen) return;
    own.readySeen = count;
    for (const slot of [...own.guest.waiting]) if (incoming.isReady(cpu, { vcpu: cpu.id, slot })) own.guest.ready(slot);
  }

  /**
   * The exit for a missing page: the guest puts its access aside; when nothing is left to run, the vCPU sleeps until a page has come.
   * Locks: the link's. Suspends: at page states, asleep.
   */
  *onMemoryFault(cpu: Cpu, own: AsyncGuest, unit: number): KernelPath {
    const { guest, log } = own;
    const { incoming } = this.#parts.fetch;
    const sincePs = log.turnedPs;
    if (guest.runnable) {
      if (cpu.touch(incoming.wordOf(unit))) yield;
      const claimed = incoming.claim(cpu, unit);
      const slot = guest.defer();
      if (!incoming.awaitFor(cpu, unit, { vcpu: cpu.id, slot })) guest.ready(slot);
      if (claimed) yield* this.#order(cpu, unit);
    }
    while (!guest.runnable) {
      cpu.prepareToSleep();
      if (cpu.touch(incoming.readyCountOf(cpu.id))) yield;
      this.poll(cpu, own);
      if (!guest.runnable) {
        if (cpu.schedule('a task that can go on')) yield;
      }
      cpu.cancelSleep();
    }
    log.resume(sincePs);
  }

  /** Asks for a page and its prefetch window, and leaves the rest to the fetcher. */
  *#order(cpu: Cpu, unit: number): KernelPath {
    const { fetch, firstFetcher } = this.#parts;
    const queue = this.#queueOf(cpu.id);
    const room = QUEUE_PAGES - GUEST_TASKS - (cpu.load(queue + TAIL) - cpu.load(queue + TAKEN));
    const ahead = yield* fetch.claimAhead(cpu, unit, room);
    const roundTripPs = fetch.network.drawRoundTrip(cpu);
    const herePs = (yield* fetch.network.send(cpu, 1 + ahead.length)) + roundTripPs;
    if (cpu.touch(queue + TAIL)) yield;
    this.#append(cpu, queue, { unit, herePs });
    for (const [index, next] of ahead.entries()) this.#append(cpu, queue, { unit: next, herePs: herePs + (index + 1) * fetch.network.transferPs });
    cpu.wake(firstFetcher + cpu.id);
  }

  #append(cpu: Cpu, queue: Word, page: { unit: number; herePs: number }): void {
    const tail = cpu.load(queue + TAIL);
    assert(tail - cpu.load(queue + TAKEN) < QUEUE_PAGES, `the fetcher of vCPU ${cpu.id} has more than ${QUEUE_PAGES} pages on their way`);
    const entry = queue + ENTRIES + (tail % QUEUE_PAGES) * ENTRY_WORDS;
    cpu.store(entry, page.unit);
    storeWide(cpu.words, entry + 1, page.herePs);
    cpu.store(queue + TAIL, tail + 1);
  }

  #queueOf(vcpu: number): Word {
    return this.#queues + vcpu * QUEUE_WORDS;
  }

  /** A vCPU's thread ends, and so will its fetcher. */
  *finish(cpu: Cpu): KernelPath {
    const queue = this.#queueOf(cpu.id);
    if (cpu.touch(queue + DONE)) yield;
    cpu.store(queue + DONE, 1);
    cpu.wake(this.#parts.firstFetcher + cpu.id);
  }

  /** The fetcher of one vCPU: installs what that vCPU has asked for, the earliest first, until the vCPU is done. */
  *runFetcher(cpu: Cpu): KernelPath {
    const queue = this.#queueOf(cpu.id - this.#parts.firstFetcher);
    const pages: { unit: number; herePs: number }[] = [];
    for (;;) {
      cpu.prepareToSleep();
      if (cpu.touch(queue + TAIL)) yield;
      const done = cpu.load(queue + DONE) === 1; // before the queue: what comes later is not the last
      this.#take(cpu, queue, pages);
      if (pages.length === 0) {
        if (done) break;
        if (cpu.schedule('a page to fetch')) yield;
        cpu.cancelSleep();
        continue;
      }
      cpu.cancelSleep();
      const [first] = pages;
      if (first.herePs > cpu.now()) yield* sleepUntil(cpu, first.herePs);
      pages.shift();
      if (cpu.call(this.#parts.fetch.bring(cpu, first.unit, 0))) yield;
    }
    cpu.cancelSleep();
  }

  /** Moves what is new in the queue to `pages`, which are in order of their arrival. */
  #take(cpu: Cpu, queue: Word, pages: { unit: number; herePs: number }[]): void {
    const tail = cpu.load(queue + TAIL);
    for (let taken = cpu.load(queue + TAKEN); taken < tail; taken++) {
      const entry = queue + ENTRIES + (taken % QUEUE_PAGES) * ENTRY_WORDS;
      const page = { unit: cpu.load(entry), herePs: loadWide(cpu.words, entry + 1) };
      let place = pages.length;
      while (place > 0 && pages[place - 1].herePs > page.herePs) place--;
      pages.splice(place, 0, page);
    }
    cpu.store(queue + TAKEN, tail);
  }
}
