// A scenario is a list of phases that a gang of threads goes through, whatever world runs it.
// Each world lays out the arena, makes the locks, and asks for the path of each thread in each phase.

import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import type { Arena } from '../memory/arena.js';
import type { StallReport } from './cell.js';

/** Who takes part in a phase. The others are parked, spinning in user space. */
export type Crew = 'vcpus' | 'ioctl' | 'all';

export interface Phase {
  /** The metric that the phase's duration is reported as; empty for a phase that is not timed. */
  metric: string;
  crew: Crew;
  /** True when the duration depends on the order in which vCPUs first arrive. */
  orderSensitive: boolean;
  /**
   * With crew 'all': the phase lasts as long as the ioctl thread's path, and vCPUs run until `stopWord` is not zero.
   * Otherwise: until the last member finishes.
   */
  path(cpu: Cpu): KernelPath;
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
}

export interface Scenario {
  /** Threads that are vCPUs; the ioctl thread is one more, with this index. */
  vcpuCount: number;
  /** Words that `build` will carve, an upper bound. */
  arenaWords: number;
  /** Lays out (first thread, `initialize` true) or attaches to (others) the arena. Deterministic in its carving order. */
  build(arena: Arena, locks: LockFactory, initialize: boolean): World;
}
