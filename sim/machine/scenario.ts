// A scenario is a list of phases that a gang of threads goes through, whatever world runs it.
// Each world lays out the arena, makes the locks, and asks for the path of each thread in each phase.

import type { CounterName } from '../engine/counters.js';
import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import type { Kvm } from '../kvm/kvm.js';
import type { Arena } from '../memory/arena.js';
import type { MeasuredValue, PhaseTime, StallReport } from './cell.js';

/**
 * Who takes part in a phase; the others are parked, spinning in user space (services: asleep). `all`: the phase lasts as long as the ioctl thread's
 * path, and vCPUs run until `stopWord` says so. `served`: everybody, services too, and it lasts until the last vCPU finishes; the others must end
 * by themselves. Else until the last member finishes; `together` is all vCPUs and the ioctl thread.
 */
export type Crew = 'vcpus' | 'ioctl' | 'all' | 'together' | 'served';

export interface Phase {
  /** The metric that the phase's duration is reported as; empty for a phase that is not timed. Phases of one metric are added up. */
  metric: string;
  crew: Crew;
  /** True when the duration depends on the order in which vCPUs first arrive. */
  orderSensitive: boolean;
  /** The crew meets by a handshake in shared memory, and so starts without the skew of threads that are woken. */
  handshake?: boolean;
  /** The metric is the time per unit of this count over the whole run. */
  per?: CounterName;
  path(cpu: Cpu): KernelPath;
}

/** A number of things per second. */
export interface Rate {
  metric: string;
  /** The metric whose time it took. */
  during: string;
  things: number;
}

/** A scenario laid out in an arena: the same object graph can be built on the same arena by every thread. */
export interface World {
  phases: Phase[];
  /** Names of the lock call sites, by site number. */
  lockSites: readonly string[];
  /** Throws when an invariant of the finished run does not hold. `counters` are the sums over all CPUs. */
  check(counters: Record<string, number>): void;
  /** A hash of the final state, the same in every engine for work whose outcome does not depend on order. */
  stateHash?(): string;
  /** Stalls of guest accesses by phase, of the vCPUs that ran in this world. */
  stalls?(): StallReport[];
  /** Quantities that are no phase's time. `counters` are the sums over all CPUs. */
  values?(counters: Record<string, number>): MeasuredValue[];
  /** Quantities that are a number of things per second of a metric's time. */
  rates?: readonly Rate[];
}

export interface Scenario {
  /** Threads that are vCPUs; the ioctl thread is one more, with this index. */
  vcpuCount: number;
  /** Threads beside these that mostly sleep, with the indices that follow; 0 when left out. */
  serviceCount?: number;
  /** Locks and atomic lines that `build` makes, an upper bound; a few dozen when left out. */
  lockCount?: number;
  /** Words that `build` will carve, an upper bound. */
  arenaWords: number;
  /** Lays out (first thread, `initialize` true) or attaches to (others) the arena. Deterministic in its carving order. */
  build(arena: Arena, locks: LockFactory, initialize: boolean): World;
}

/** The first phase of a VM: its root page tables. */
export function rootsPhase(kvm: Kvm): Phase {
  return {
    metric: '',
    crew: 'ioctl',
    orderSensitive: false,
    *path(cpu: Cpu): KernelPath {
      kvm.mmu.createRoots(kvm, cpu);
    },
  };
}

/** Whether thread `id` takes part. */
export function isInCrew(crew: Crew, id: number, vcpuCount: number): boolean {
  if (crew === 'served') return true;
  if (id > vcpuCount) return false;
  return crew === 'all' || crew === 'together' || (crew === 'ioctl') === (id === vcpuCount);
}

/** One time per metric, in the order of first appearance: sums of phases, divided by the count that they are per. */
export function combineTimes(times: readonly PhaseTime[], phases: readonly Pick<Phase, 'metric' | 'per'>[], counters: Record<string, number>): PhaseTime[] {
  const sums = new Map<string, PhaseTime>();
  for (const time of times) {
    if (time.metric === '') continue;
    const sum = sums.get(time.metric);
    if (sum === undefined) sums.set(time.metric, { ...time });
    else {
      sum.ns += time.ns;
      sum.orderSensitive ||= time.orderSensitive;
    }
  }
  return [...sums.values()].map((time) => {
    const per = phases.find(({ metric }) => metric === time.metric)?.per;
    return per === undefined ? time : { ...time, ns: Math.round(time.ns / Math.max(1, counters[per])) };
  });
}

/** Rates as values, from the times of a run. */
export function ratesOf(rates: readonly Rate[], times: readonly PhaseTime[]): MeasuredValue[] {
  return rates.flatMap(({ metric, during, things }) => {
    const time = times.find((candidate) => candidate.metric === during);
    return time === undefined || time.ns === 0 ? [] : [{ metric, value: things / (time.ns / 1e9), orderSensitive: time.orderSensitive }];
  });
}
