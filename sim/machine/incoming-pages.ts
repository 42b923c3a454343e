// Which pages of the guest are missing, on their way, or here, and who waits for those on their way: so that no page is asked for twice.
//
// One word per page: MISSING, HERE, or IN_FLIGHT plus the newest waiter; each waiter names the next. A waiter is a thread that sleeps, or a task of
// a guest that has been put aside. The word changes by atomic operations only.
//
// Invariant: a page leaves MISSING once (its claim) and becomes HERE once, by whoever claimed it. Then all its waiters are told, each once.
//
//     waiter                                     who claimed the page
//     prepareToSleep
//     cmpxchg IN_FLIGHT to IN_FLIGHT + itself
//                                                install, xchg to HERE: finds the waiter
//     schedule: returns at once or sleeps        wake

import { assert } from '../assert.js';
import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';

const MISSING = 0;
const HERE = -1;
const IN_FLIGHT = 1;

export interface IncomingPagesParts {
  pages: number;
  /** Threads that may sleep for a page. */
  threads: number;
  /** vCPUs whose guests may put tasks aside, and how many each, at most. */
  vcpus: number;
  tasksPerVcpu: number;
}

export class IncomingPages {
  readonly pages: number;
  readonly #words: Int32Array;
  readonly #threads: number;
  readonly #tasksPerVcpu: number;
  readonly #states: Word;
  readonly #nextWaiter: Word;
  /** For each task: 1 once its page is here. For each vCPU, on a line of its own: such tasks so far. */
  readonly #taskReady: Word;
  readonly #readyCounts: Word;

  constructor(arena: Arena, parts: IncomingPagesParts) {
    const { pages, threads, vcpus, tasksPerVcpu } = parts;
    this.pages = pages;
    this.#words = arena.words;
    this.#threads = threads;
    this.#tasksPerVcpu = tasksPerVcpu;
    this.#states = arena.carve('incomingPages', pages);
    this.#nextWaiter = arena.carve('pageWaiters', threads + vcpus * tasksPerVcpu);
    this.#taskReady = arena.carve('tasksReady', vcpus * tasksPerVcpu);
    this.#readyCounts = arena.carve('tasksReadyCounts', tasksPerVcpu > 0 ? vcpus * LINE_WORDS : 0);
  }

  static arenaWords({ pages, threads, vcpus, tasksPerVcpu }: IncomingPagesParts): number {
    const tasks = vcpus * tasksPerVcpu;
    return carvedWords(pages) + carvedWords(threads + tasks) + carvedWords(tasks) + (tasks > 0 ? vcpus * LINE_WORDS : 0);
  }

  /** The word of a page: to be touched before the page is claimed or looked at. */
  wordOf(page: number): Word {
    return this.#states + page;
  }

  isHere(cpu: Cpu, page: number): boolean {
    return cpu.load(this.wordOf(page)) === HERE;
  }

  isMissing(cpu: Cpu, page: number): boolean {
    return cpu.load(this.wordOf(page)) === MISSING;
  }

  /** True when the caller is the one who must fetch the page. The caller has just touched its word. */
  claim(cpu: Cpu, page: number): boolean {
    return cpu.cmpxchg(this.wordOf(page), MISSING, IN_FLIGHT) === MISSING;
  }

  /** Sleeps until a page that somebody else has claimed is here. Suspends: while asleep. */
  *waitUntilHere(cpu: Cpu, page: number): KernelPath {
    cpu.prepareToSleep();
    if (cpu.touch(this.wordOf(page))) yield;
    if (this.#join(cpu, page, cpu.id)) {
      while (!this.isHere(cpu, page)) {
        if (cpu.schedule('a page on its way')) yield;
        cpu.prepareToSleep();
        if (cpu.touch(this.wordOf(page))) yield;
      }
    }
    cpu.cancelSleep();
  }

  /** The task is told when the page is here. False: it is here already. The caller has just touched the page's word. */
  awaitFor(cpu: Cpu, page: number, task: { vcpu: number; slot: number }): boolean {
    const index = task.vcpu * this.#tasksPerVcpu + task.slot;
    cpu.store(this.#taskReady + index, 0);
    return this.#join(cpu, page, this.#threads + index);
  }

  #join(cpu: Cpu, page: number, waiter: number): boolean {
    const word = this.wordOf(page);
    for (let state = cpu.load(word); state !== HERE; ) {
      assert(state !== MISSING, `thread ${cpu.id} waits for page ${page}, which nobody fetches`);
      cpu.store(this.#nextWaiter + waiter, state);
      const seen = cpu.cmpxchg(word, state, IN_FLIGHT + 1 + waiter);
      if (seen === state) return true;
      state = seen;
    }
    return false;
  }

  /** The page that the caller claimed has been installed: tells all who wait for it. Suspends: before each change. */
  *arrive(cpu: Cpu, page: number): KernelPath {
    const word = this.wordOf(page);
    if (cpu.touch(word)) yield;
    const state = cpu.xchg(word, HERE);
    assert(state >= IN_FLIGHT, `page ${page} arrives though nobody has asked for it`);
    for (let waiter = state - IN_FLIGHT - 1; waiter >= 0; ) {
      const next = cpu.load(this.#nextWaiter + waiter) - IN_FLIGHT - 1;
      if (cpu.touch(this.#wakeWord(waiter))) yield;
      cpu.wake(this.#tell(cpu, waiter));
      waiter = next;
    }
  }

  #wakeWord(waiter: number): Word {
    return waiter < this.#threads ? this.#nextWaiter + waiter : this.readyCountOf(this.#vcpuOf(waiter));
  }

  /** Returns the thread to be woken. */
  #tell(cpu: Cpu, waiter: number): number {
    if (waiter < this.#threads) return waiter;
    const vcpu = this.#vcpuOf(waiter);
    cpu.store(this.#taskReady + waiter - this.#threads, 1);
    cpu.fetchAdd(this.readyCountOf(vcpu), 1);
    return vcpu;
  }

  #vcpuOf(waiter: number): number {
    return Math.floor((waiter - this.#threads) / this.#tasksPerVcpu);
  }

  /** The word with the number of tasks of a vCPU whose pages have come so far. */
  readyCountOf(vcpu: number): Word {
    return this.#readyCounts + vcpu * LINE_WORDS;
  }

  isReady(cpu: Cpu, task: { vcpu: number; slot: number }): boolean {
    return cpu.load(this.#taskReady + task.vcpu * this.#tasksPerVcpu + task.slot) === 1;
  }

  /** Whether a page is here. No CPU may be running. */
  hasArrived(page: number): boolean {
    return this.#words[this.wordOf(page)] === HERE;
  }

  /** Pages that are here. Throws while one is on its way. */
  countHere(): number {
    let here = 0;
    for (let page = 0; page < this.pages; page++) {
      const state = this.#words[this.wordOf(page)];
      assert(state === HERE || state === MISSING, `page ${page} is still on its way at the end`);
      if (state === HERE) here++;
    }
    return here;
  }
}
