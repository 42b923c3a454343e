// The virtual engine: always advances the CPU that is earliest in virtual time. One seed, one trace, on every host.

import { assert } from '../../assert.js';
import type { Arena } from '../../memory/arena.js';
import { Prng } from '../../prng.js';
import type { CostName } from '../costs.js';
import { Counters } from '../counters.js';
import type { KernelPath } from '../cpu.js';
import { EventHeap } from './event-heap.js';
import { VirtualLockFactory } from './locks.js';
import { costsAt, LineCosts, type Place, placeThreads, type SmtFactors, type Topology } from './topology.js';
import { VirtualCpu } from './virtual-cpu.js';

export interface VirtualMachineParts {
  topology: Topology;
  smt: SmtFactors;
  /** Primitive costs in nanoseconds. */
  costNs: Record<CostName, number>;
  seed: number;
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
  #time = 0;
  #hashLow = 0x811c9dc5 | 0;
  #hashHigh = 0x2f0b4c47 | 0;

  /** An engine of `vcpuCount` vCPUs and one ioctl thread, which is placed first: it starts the others. */
  constructor(arena: Arena, vcpuCount: number, parts: VirtualMachineParts) {
    const cpuCount = vcpuCount + 1;
    const placed = placeThreads(cpuCount, parts.topology);
    this.places = [...placed.slice(1), placed[0]];
    this.#heap = new EventHeap(cpuCount);
    this.#prng = new Prng(parts.seed);
    this.locks = new VirtualLockFactory(cpuCount);
    const noSmt = costsAt({ socket: 0, core: 0, siblingBusy: false }, parts.costNs, parts.smt);
    const lines = new LineCosts(this.places, noSmt);
    this.#skewPs = noSmt.start_skew;
    const { sockets, coresPerSocket, threadsPerCore } = parts.topology;
    const shared = cpuCount > sockets * coresPerSocket * threadsPerCore;
    const withSibling = costsAt({ socket: 0, core: 0, siblingBusy: true }, parts.costNs, parts.smt);
    const common = { words: arena.words, counters: this.counters, heap: this.#heap, lines, cpus: this.cpus, shared };
    for (let id = 0; id < cpuCount; id++) {
      const { socket, siblingBusy } = this.places[id];
      this.cpus.push(new VirtualCpu({ ...common, id, socket, cost: siblingBusy ? withSibling : noSmt }));
    }
  }

  /** Runs the members until all have finished. They start together, but for a seeded skew; without one if they have met by a handshake. */
  runGang(members: GangMember[], by: { handshake: boolean } = { handshake: false }): GangTimes {
    const start = this.#time;
    const finish = new Map<number, number>();
    const skewed = members.length > 1 && !by.handshake;
    for (const { cpu, path } of members) {
      cpu.path = path;
      cpu.time = start + (skewed ? this.#prng.below(this.#skewPs + 1) : 0);
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
      const lock = cpu.pendingLock;
      if (lock !== null) {
        cpu.pendingLock = null;
        if (!lock.perform(cpu)) continue;
      }
      cpu.resume();
      const step = (cpu.path as KernelPath).next();
      if (step.done === true) {
        finish.set(cpu.id, cpu.time);
        cpu.path = null;
      } else if (!cpu.suspended) assert(false, `CPU ${cpu.id} yielded though no primitive asked it to`);
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
    const lockOf = (id: number): string => this.locks.locks.find((lock) => lock.awaitedBy(id))?.name ?? 'no lock';
    const who = stuck.map(({ cpu }) => `CPU ${cpu.id} waits for "${lockOf(cpu.id)}"`);
    assert(false, `deadlock at ${this.#time} ps: ${who.slice(0, 8).join(', ')}`);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
