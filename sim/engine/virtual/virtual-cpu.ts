// A CPU of the virtual engine: its own integer clock, and the primitives of the seam.
//
// A primitive first asks whether this CPU is still the earliest; if so it acts at once and the path carries on. Otherwise the
// operation is left pending, the CPU goes into the heap at its own time, and the engine performs the operation when its turn comes.

import { assert } from '../../assert.js';
import { PlainWords } from '../../memory/plain-words.js';
import type { Costs } from '../costs.js';
import type { Counters } from '../counters.js';
import type { Cpu, KernelPath, Suspend, Word } from '../cpu.js';
import type { EventHeap } from './event-heap.js';
import { SCHEDULE, type Scheduler, SLEEP } from './scheduler.js';
import type { LineCosts } from './topology.js';

/** A lock, a line or the scheduler, as a suspended CPU sees it. */
export interface OperationTarget {
  /** Performs the pending operation at the CPU's time. False when the CPU now waits: in the lock's queue, asleep, or for a logical CPU. */
  perform(cpu: VirtualCpu): boolean;
}

export interface VirtualCpuParts {
  id: number;
  socket: number;
  words: Int32Array;
  cost: Costs;
  /** One for all CPUs: they run one at a time, and one object stays in the host's cache. */
  counters: Counters;
  heap: EventHeap;
  lines: LineCosts;
  /** The CPUs of the engine, for kicks. */
  cpus: VirtualCpu[];
  /** True when more threads than logical CPUs share this CPU. */
  shared: boolean;
  scheduler(): Scheduler;
}

// States of a thread: as the kernel's TASK_RUNNING, sleeping and still on the CPU, sleeping.
const AWAKE = 0;
const PREPARED = 1;
const ASLEEP = 2;

export class VirtualCpu extends PlainWords implements Cpu {
  readonly id: number;
  /** Socket, and costs, of where the thread runs: the scheduler's. */
  socket: number;
  cost: Costs;
  readonly counters: Counters;
  readonly interleaves = false;
  /** Local time in picoseconds. */
  time = 0;
  ranFor = 0;
  /** When it began to wait for the lock in whose queue it is. */
  waitsSince = 0;
  path: KernelPath<unknown> | null = null;
  /** A path that the last primitive has called. */
  callee: KernelPath<unknown> | null = null;
  /** Paths that wait for the one they have called, outermost first. */
  readonly callers: KernelPath<unknown>[] = [];
  /** True between a primitive that answered `true` and the resume. */
  suspended = false;
  pendingTarget: OperationTarget | null = null;
  pendingOperation = 0;
  pendingSite = 0;
  /** What a thread that sleeps waits for. */
  channel = '';
  /** When the timer goes off that it sleeps for. */
  wakesAt = 0;
  readonly heap: EventHeap;
  readonly lines: LineCosts;
  /** All CPUs of the engine, by number. */
  readonly cpus: readonly VirtualCpu[];
  readonly #shared: boolean;
  readonly #scheduler: () => Scheduler;
  #runStart = -1;
  #nextResched: number;
  #sleep = AWAKE;

  constructor(parts: VirtualCpuParts) {
    super(parts.words);
    this.id = parts.id;
    this.socket = parts.socket;
    this.cost = parts.cost;
    this.counters = parts.counters;
    this.heap = parts.heap;
    this.lines = parts.lines;
    this.cpus = parts.cpus;
    this.#shared = parts.shared;
    this.#scheduler = parts.scheduler;
    this.#nextResched = parts.cost.resched_period;
  }

  /** An operation in the order of time: at once where this CPU is still the earliest, else when its turn comes. True: yield. */
  request(operation: number, of: OperationTarget): Suspend {
    this.assertRunning();
    this.pendingOperation = operation;
    if (this.heap.topTime <= this.time) {
      this.pendingTarget = of;
      this.suspend();
      return true;
    }
    if (of.perform(this)) return false;
    this.suspended = true;
    return true;
  }

  /** The path yields right after this: the engine's next step is to pop. */
  suspend(): void {
    this.suspended = true;
    this.heap.stage(this.time, this.id);
  }

  /** Joins the gang that is about to run. */
  enlist(): void {
    this.suspended = true;
    this.heap.push(this.time, this.id);
  }

  assertRunning(): void {
    if (this.suspended) assert(false, `CPU ${this.id} used a primitive without yielding after the last one asked it to`);
  }

  touch(_word: Word): Suspend {
    this.assertRunning();
    if (this.heap.topTime > this.time) return false;
    this.suspend();
    return true;
  }

  interleave(_word: Word): Suspend {
    return false;
  }

  now(): number {
    return this.time;
  }

  spend(ps: number): void {
    this.time += ps;
  }

  chargeLines(owner: Word, lines: number): void {
    const last = this.words[owner];
    if (last !== 0) this.time += lines * this.lines.transfer(last - 1, this.id);
    this.words[owner] = this.id + 1;
  }

  run(ps: number): Suspend {
    this.assertRunning();
    const start = this.time;
    this.time += ps;
    this.ranFor = ps;
    if (this.heap.topTime > this.time) return false;
    this.#runStart = start;
    this.suspend();
    return true;
  }

  kick(cpuId: number): void {
    const target = this.cpus[cpuId];
    if (target.#runStart < 0 || target.time <= this.time) return;
    const cutAt = this.time > target.#runStart ? this.time : target.#runStart;
    if (!target.heap.advance(cpuId, cutAt)) return;
    target.time = cutAt;
    target.ranFor = cutAt - target.#runStart;
  }

  needResched(): boolean {
    if (!this.#shared || this.time < this.#nextResched) return false;
    this.#nextResched = this.time + this.cost.resched_period;
    return true;
  }

  call(path: KernelPath<unknown>): Suspend {
    this.assertRunning();
    this.callee = path;
    this.suspended = true;
    return true;
  }

  chargeRead(from: number): void {
    this.time += this.lines.transfer(from, this.id);
  }

  prepareToSleep(): void {
    this.#sleep = PREPARED;
  }

  cancelSleep(): void {
    this.#sleep = AWAKE;
  }

  schedule(channel: string): Suspend {
    this.channel = channel;
    return this.request(SCHEDULE, this.#scheduler());
  }

  wake(cpuId: number): boolean {
    const target = this.cpus[cpuId];
    const before = target.#sleep;
    target.#sleep = AWAKE;
    if (before === ASLEEP) this.#scheduler().wake(target, this);
    return before !== AWAKE;
  }

  sleepFor(ps: number): Suspend {
    this.channel = 'a timer';
    this.wakesAt = this.time + ps;
    return this.request(SLEEP, this.#scheduler());
  }

  /** The scheduler's: false when the thread has been woken before it slept. */
  goesToSleep(): boolean {
    if (this.#sleep === AWAKE) return false;
    this.#sleep = ASLEEP;
    return true;
  }

  get isAsleep(): boolean {
    return this.#sleep === ASLEEP;
  }

  /** The engine's: the CPU goes on. */
  resume(): void {
    this.suspended = false;
    this.#runStart = -1;
  }
}
