// Which thread runs where, and when: threads that sleep give their logical CPU up, and a thread that wakes gets one.
//
// A wakeup looks for a CPU as select_idle_sibling() does: the one the thread had before, else an idle one of the same socket (a whole idle core
// rather than an SMT sibling), else any idle one; else it waits in the runqueue of the CPU it had, from which a CPU that goes idle may pull it.
// Nobody is preempted. A thread whose sibling sleeps runs at full speed. Each switch to the idle task and back writes lines that all CPUs write
// (the reference count of the mm, the masks of idle CPUs): one server, in order of arrival.
//
// Left out: time slices, load balancing, C-states deeper than the wake latency that the profile states.

import { assert } from '../../assert.js';
import type { Costs } from '../costs.js';
import { LineServer } from './line-server.js';
import type { LineCosts, Place, Topology } from './topology.js';
import type { OperationTarget, VirtualCpu } from './virtual-cpu.js';

const NOBODY = -1;

/** Accesses to scheduler-wide lines by one switch between a thread and the idle task: mm_count (lazy TLB), the mask of idle CPUs, the count of busy ones. */
const IDLE_SWITCH_ACCESSES = 3;

export const SCHEDULE = 5;
const WAKE_UP = 6;
const TIMER = 7;
const START = 8;
export const SLEEP = 10;

export interface SchedulerParts {
  cpus: readonly VirtualCpu[];
  lines: LineCosts;
  /** Every logical CPU: `threadsPerCore` to a core, in the order of cores. */
  logicalCpus: readonly Pick<Place, 'core' | 'socket'>[];
  topology: Pick<Topology, 'coresPerSocket' | 'threadsPerCore'>;
  /** Logical CPU of each thread when it first runs. */
  homes: readonly number[];
  /** Threads below this one keep their CPU when they have nothing to do: they spin. The others get one when they start, and give it up at the end. */
  spinning: number;
  costAlone: Costs;
  costBesideSibling: Costs;
}

export class Scheduler implements OperationTarget {
  readonly #cpus: readonly VirtualCpu[];
  readonly #lines: LineCosts;
  readonly #logicalCpus: readonly Pick<Place, 'core' | 'socket'>[];
  readonly #topology: Pick<Topology, 'coresPerSocket' | 'threadsPerCore'>;
  readonly #costAlone: Costs;
  readonly #costBesideSibling: Costs;
  /** Thread that runs on each logical CPU. */
  readonly #occupants: Int32Array;
  /** Threads that wait for each logical CPU, oldest first. */
  readonly #runqueues: number[][];
  /** Logical CPU that each thread has, or had last. */
  readonly #cpuOf: Int32Array;
  /** Logical CPUs of each socket that nobody runs on, and threads that run on each core. */
  readonly #idleInSocket: Int32Array;
  readonly #busyInCore: Int32Array;
  /** Threads in all runqueues. */
  #waiting = 0;
  readonly #spinning: number;
  readonly #idleLines = new LineServer();

  constructor(parts: SchedulerParts) {
    this.#cpus = parts.cpus;
    this.#lines = parts.lines;
    this.#logicalCpus = parts.logicalCpus;
    this.#topology = parts.topology;
    this.#costAlone = parts.costAlone;
    this.#costBesideSibling = parts.costBesideSibling;
    this.#spinning = parts.spinning;
    this.#cpuOf = Int32Array.from(parts.homes);
    this.#occupants = new Int32Array(parts.logicalCpus.length).fill(NOBODY);
    this.#runqueues = parts.logicalCpus.map(() => []);
    const { coresPerSocket, threadsPerCore } = parts.topology;
    this.#busyInCore = new Int32Array(parts.logicalCpus.length / threadsPerCore);
    this.#idleInSocket = new Int32Array(this.#busyInCore.length / coresPerSocket).fill(coresPerSocket * threadsPerCore);
    for (let thread = 0; thread < parts.spinning; thread++) this.#settle(thread, parts.homes[thread]);
  }

  /** A thread begins its path at its own time. */
  start(cpu: VirtualCpu): void {
    if (cpu.id < this.#spinning) return;
    cpu.pendingOperation = START;
    cpu.pendingTarget = this;
  }

  /** A thread has finished its path. */
  exit(cpu: VirtualCpu): void {
    if (cpu.id >= this.#spinning) this.#release(cpu);
  }

  perform(cpu: VirtualCpu): boolean {
    switch (cpu.pendingOperation) {
      case SCHEDULE:
        return this.#schedule(cpu);
      case SLEEP:
        return this.#sleep(cpu);
      case TIMER:
      case START:
        return this.#getCpu(cpu);
      default:
        this.#idleLines.write(cpu, IDLE_SWITCH_ACCESSES);
        return true;
    }
  }

  /** False: asleep. */
  #schedule(cpu: VirtualCpu): boolean {
    if (!cpu.goesToSleep()) return true;
    this.#idleLines.write(cpu, IDLE_SWITCH_ACCESSES);
    this.#release(cpu);
    return false;
  }

  /** Gives the CPU up until `cpu.wakesAt`. */
  #sleep(cpu: VirtualCpu): false {
    this.#idleLines.write(cpu, IDLE_SWITCH_ACCESSES);
    this.#release(cpu);
    cpu.time = Math.max(cpu.time, cpu.wakesAt);
    cpu.pendingOperation = TIMER;
    cpu.pendingTarget = this;
    cpu.heap.push(cpu.time, cpu.id);
    return false;
  }

  /** Wakes a thread that sleeps. `waker` pays for it. */
  wake(target: VirtualCpu, waker: VirtualCpu): void {
    waker.time += waker.cost.wakeup;
    if (this.#lines.isRemote(waker.id, target.id)) waker.time += waker.cost.wakeup_remote;
    target.time = waker.time;
    if (this.#place(target)) this.#dispatch(target);
  }

  /** For a thread whose timer went off, or that begins. False: it does not run yet. */
  #getCpu(cpu: VirtualCpu): boolean {
    if (!this.#place(cpu)) return false;
    if (cpu.pendingOperation === START) return true;
    this.#dispatch(cpu);
    return false;
  }

  /** The thread has a CPU: it runs after the wake latency. */
  #dispatch(cpu: VirtualCpu): void {
    cpu.time += cpu.cost.wake_latency;
    cpu.pendingOperation = WAKE_UP;
    cpu.pendingTarget = this;
    cpu.heap.push(cpu.time, cpu.id);
  }

  /** True when the thread has got a logical CPU; else it stands in a runqueue. */
  #place(cpu: VirtualCpu): boolean {
    const last = this.#cpuOf[cpu.id];
    const logical = this.#occupants[last] === NOBODY ? last : this.#findIdle(last);
    if (logical === NOBODY) {
      this.#runqueues[last].push(cpu.id);
      this.#waiting++;
      return false;
    }
    this.#occupy(cpu, logical);
    return true;
  }

  #findIdle(near: number): number {
    const own = this.#logicalCpus[near].socket;
    const found = this.#findIdleIn(own);
    if (found !== NOBODY) return found;
    for (let socket = 0; socket < this.#idleInSocket.length; socket++) {
      const elsewhere = socket === own ? NOBODY : this.#findIdleIn(socket);
      if (elsewhere !== NOBODY) return elsewhere;
    }
    return NOBODY;
  }

  /** An idle CPU of a socket: on an idle core, else beside a busy sibling. */
  #findIdleIn(socket: number): number {
    if (this.#idleInSocket[socket] === 0) return NOBODY;
    const { coresPerSocket, threadsPerCore } = this.#topology;
    const first = socket * coresPerSocket;
    for (let core = first; core < first + coresPerSocket; core++) if (this.#busyInCore[core] === 0) return core * threadsPerCore;
    return this.#occupants.indexOf(NOBODY, first * threadsPerCore);
  }

  #occupy(cpu: VirtualCpu, logical: number): void {
    const place = this.#settle(cpu.id, logical);
    cpu.socket = place.socket;
    this.#lines.move(cpu.id, place);
    const sibling = this.#siblingOf(logical);
    cpu.cost = sibling === NOBODY ? this.#costAlone : this.#costBesideSibling;
    if (sibling !== NOBODY) this.#cpus[sibling].cost = this.#costBesideSibling;
  }

  #settle(thread: number, logical: number): Pick<Place, 'core' | 'socket'> {
    const place = this.#logicalCpus[logical];
    this.#occupants[logical] = thread;
    this.#cpuOf[thread] = logical;
    this.#idleInSocket[place.socket]--;
    this.#busyInCore[place.core]++;
    return place;
  }

  /** The CPU goes to the next thread of its runqueue, or idle. */
  #release(cpu: VirtualCpu): void {
    const logical = this.#cpuOf[cpu.id];
    assert(this.#occupants[logical] === cpu.id, `thread ${cpu.id} gives up a CPU that it does not have`);
    this.#occupants[logical] = NOBODY;
    const place = this.#logicalCpus[logical];
    this.#idleInSocket[place.socket]++;
    this.#busyInCore[place.core]--;
    const queue = this.#waiting === 0 ? undefined : this.#queueFor(logical);
    if (queue !== undefined) {
      const waiter = this.#cpus[queue.shift() as number];
      this.#waiting--;
      this.#occupy(waiter, logical);
      waiter.time = Math.max(waiter.time, cpu.time);
      this.#dispatch(waiter);
      return;
    }
    const sibling = this.#siblingOf(logical);
    if (sibling !== NOBODY) this.#cpus[sibling].cost = this.#costAlone;
  }

  /** The runqueue that a CPU takes its next thread from: its own, else one of its socket, else any. Models newidle_balance(). */
  #queueFor(logical: number): number[] | undefined {
    if (this.#runqueues[logical].length > 0) return this.#runqueues[logical];
    const { socket } = this.#logicalCpus[logical];
    const isNear = (_queue: number[], other: number): boolean => this.#logicalCpus[other].socket === socket;
    const waiting = (queue: number[]): boolean => queue.length > 0;
    return this.#runqueues.filter(isNear).find(waiting) ?? this.#runqueues.find(waiting);
  }

  /** Thread on another hardware thread of the same core. */
  #siblingOf(logical: number): number {
    const { threadsPerCore } = this.#topology;
    const first = logical - (logical % threadsPerCore);
    if (this.#busyInCore[first / threadsPerCore] === 0) return NOBODY;
    for (let other = first; other < first + threadsPerCore; other++) {
      if (other !== logical && this.#occupants[other] !== NOBODY) return this.#occupants[other];
    }
    return NOBODY;
  }
}
