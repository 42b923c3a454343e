// The virtual engine: always advances the CPU that is earliest in virtual time. One seed, one trace, on every host.

import { assert } from '../../assert.js';
import type { Arena } from '../../memory/arena.js';
import { Prng } from '../../prng.js';
import type { CostName } from '../costs.js';
import { Counters } from '../counters.js';
import type { KernelPath } from '../cpu.js';
import { EventHeap } from './event-heap.js';
import { VirtualLockFactory } from './locks.js';
import { Scheduler } from './scheduler.js';
import { costsAt, LineCosts, type Place, placeThreads, type SmtFactors, type Topology } from './topology.js';
import { VirtualCpu } from './virtual-cpu.js';

export interface VirtualMachineParts {
  topology: Topology;
  smt: SmtFactors;
  /** Primitive costs in nanoseconds. */
  costNs: Record<CostName, number>;
  seed: number;
  /** Threads beside the vCPUs and the ioctl thread; 0 when left out. With some, a thread that has nothing to do sleeps; else it spins. */
  serviceCount?: number;
}

export interface GangMember {
  cpu: VirtualCpu;
  path: KernelPath;
}

/** When a gang started and when each member finished, in picoseconds. */
export interface GangTimes {
  start: number;
  end: number;
  finish: Map<number, number>;
}

export class VirtualEngine {
  readonly cpus: VirtualCpu[] = [];
  readonly counters = new Counters();
  readonly locks: VirtualLockFactory;
  readonly places: Place[];
  readonly #heap: EventHeap;
  readonly #prng: Prng;
  readonly #skewPs: number;
  readonly #scheduler: Scheduler;
  #time = 0;
  #hashLow = 0x811c9dc5 | 0;
  #hashHigh = 0x2f0b4c47 | 0;

  /** An engine of `vcpuCount` vCPUs, one ioctl thread, which is placed first (it starts the others), and service threads. */
  constructor(arena: Arena, vcpuCount: number, parts: VirtualMachineParts) {
    const { topology, serviceCount = 0 } = parts;
    const busyCount = vcpuCount + 1;
    const cpuCount = busyCount + serviceCount;
    const host = layOut(busyCount, serviceCount, topology);
    this.places = host.places;
    this.#heap = new EventHeap(cpuCount);
    this.#prng = new Prng(parts.seed);
    this.locks = new VirtualLockFactory(cpuCount);
    const costAlone = costsAt({ siblingBusy: false }, parts.costNs, parts.smt);
    const costBesideSibling = costsAt({ siblingBusy: true }, parts.costNs, parts.smt);
    const lines = new LineCosts(this.places, costAlone);
    this.#skewPs = costAlone.start_skew;
    const shared = busyCount > topology.sockets * topology.coresPerSocket * topology.threadsPerCore;
    const common = { words: arena.words, counters: this.counters, heap: this.#heap, lines, cpus: this.cpus, shared, scheduler: () => this.#scheduler };
    for (let id = 0; id < cpuCount; id++) {
      const { socket, siblingBusy } = this.places[id];
      this.cpus.push(new VirtualCpu({ ...common, id, socket, cost: siblingBusy ? costBesideSibling : costAlone }));
    }
    this.#scheduler = new Scheduler({
      ...host,
      cpus: this.cpus,
      lines,
      topology,
      spinning: serviceCount === 0 ? busyCount : 0,
      costAlone,
      costBesideSibling,
    });
  }

  /** Runs the members until all have finished. They start together, but for a seeded skew; without one if they have met by a handshake. */
  runGang(members: GangMember[], by: { handshake: boolean } = { handshake: false }): GangTimes {
    const start = this.#time;
    const finish = new Map<number, number>();
    const skewed = members.length > 1 && !by.handshake;
    for (const { cpu, path } of members) {
      cpu.path = path;
      cpu.time = start + (skewed ? this.#prng.below(this.#skewPs + 1) : 0);
      this.#scheduler.start(cpu);
      cpu.enlist();
    }
    this.#runEvents(finish);
    this.#assertAllFinished(members, finish);
    for (const time of finish.values()) if (time > this.#time) this.#time = time;
    return { start, end: this.#time, finish };
  }

  #runEvents(finish: Map<number, number>): void {
    const heap = this.#heap;
    const cpus = this.cpus;
    for (let id = heap.pop(); id >= 0; id = heap.pop()) {
      const cpu = cpus[id];
      this.#trace(cpu);
      const target = cpu.pendingTarget;
      if (target !== null) {
        cpu.pendingTarget = null;
        if (!target.perform(cpu)) continue;
      }
      cpu.resume();
      if (!runUntilSuspend(cpu)) continue;
      finish.set(cpu.id, cpu.time);
      this.#scheduler.exit(cpu);
    }
  }

  #trace(cpu: VirtualCpu): void {
    const time = cpu.time;
    const low = time | 0;
    this.#hashLow = Math.imul(this.#hashLow ^ low ^ cpu.pendingOperation, 0x01000193);
    this.#hashHigh = Math.imul((this.#hashHigh ^ cpu.id ^ (this.#hashLow >>> 15)) + low, 0x85ebca6b | 0);
  }

  /** 16 hex digits over every event so far: its time, its CPU and its operation. */
  get traceHash(): string {
    return hex(this.#hashHigh) + hex(this.#hashLow);
  }

  #assertAllFinished(members: GangMember[], finish: Map<number, number>): void {
    const stuck = members.filter(({ cpu }) => !finish.has(cpu.id));
    if (stuck.length === 0) return;
    const awaited = (cpu: VirtualCpu): string => (cpu.isAsleep ? cpu.channel : (this.locks.awaitedBy(cpu.id) ?? 'a CPU'));
    const who = stuck.map(({ cpu }) => `CPU ${cpu.id} waits for "${awaited(cpu)}"`);
    assert(false, `deadlock at ${Math.max(...stuck.map(({ cpu }) => cpu.time))} ps: ${who.slice(0, 8).join(', ')}`);
  }
}

/** Runs the CPU's path, and those that it calls, until one suspends. True when the outermost has ended. */
function runUntilSuspend(cpu: VirtualCpu): boolean {
  for (;;) {
    const step = (cpu.path as KernelPath<unknown>).next();
    if (step.done === true) {
      cpu.path = cpu.callers.pop() ?? null;
      if (cpu.path === null) return true;
    } else if (cpu.callee !== null) {
      cpu.callers.push(cpu.path as KernelPath<unknown>);
      cpu.path = cpu.callee;
      cpu.callee = null;
      cpu.suspended = false;
    } else {
      if (!cpu.suspended) assert(false, `CPU ${cpu.id} yielded though no primitive asked it to`);
      return false;
    }
  }
}

/** Where threads run at first. Services take the places that come next, and share CPUs once there are no more: they mostly sleep. */
function layOut(busyCount: number, serviceCount: number, topology: Topology) {
  const { sockets, coresPerSocket, threadsPerCore } = topology;
  const placed = placeThreads(busyCount, topology);
  const perSocket = coresPerSocket * threadsPerCore;
  const hostSockets = Math.max(sockets, Math.ceil(busyCount / perSocket));
  const all = placeThreads(Math.min(busyCount + serviceCount, hostSockets * perSocket), { ...topology, sockets: hostSockets });
  const services = Array.from({ length: serviceCount }, (_, index) => ({ ...all[(busyCount + index) % all.length], siblingBusy: false }));
  const places = [...placed.slice(1), placed[0], ...services];
  const logicalCpus = Array.from({ length: hostSockets * perSocket }, (_, logical) => {
    const core = Math.floor(logical / threadsPerCore);
    return { core, socket: Math.floor(core / coresPerSocket) };
  });
  return { places, logicalCpus, homes: places.map(({ core, hwThread }) => core * threadsPerCore + hwThread) };
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
