// A protocol under test: a small case whose every interleaving the explore engine can run, what must hold in it, and the bugs that can be planted.

import type { Cpu, KernelPath, LockFactory, Word } from '../../engine/cpu.js';
import type { LockCpu } from '../../engine/lock-cpu.js';
import type { Arena } from '../../memory/arena.js';

/** What is claimed. `name` is one word or two with hyphens; it stands in a failure's first line. */
export interface Claim {
  name: string;
  claim: string;
}

/** A bug that can be planted, and what it does wrong. */
export interface Plant {
  name: string;
  what: string;
  /** It shows under store buffers (x86-TSO) alone. */
  needsTso?: boolean;
  /** vCPUs that it takes, where that is more than the default. */
  vcpus?: number;
  /** It stands so late in an exhaustive search that PCT comes to it sooner. */
  foundByPct?: boolean;
}

export interface ProtocolOptions {
  vcpus: number;
  /** Name of the planted bug; null for the right version. */
  plant: string | null;
}

/** The world that a case is laid out in: memory, locks of the engine, one CPU per actor. */
export interface ProtocolParts {
  arena: Arena;
  locks: LockFactory;
  cpus: readonly (Cpu & LockCpu)[];
}

/** One run of the case, from its initial state. */
export interface ProtocolRun {
  /** What each actor does, in the order of `actors`. */
  paths(): KernelPath[];
  /** Throws `BrokenClaim` when a claim does not hold between two steps. Called after each step: it must be cheap, and change nothing. */
  afterStep?(): void;
  /** Throws `BrokenClaim` when a claim does not hold once all actors have finished. */
  atEnd?(): void;
  /** What a word of the arena is, in words: "spte of gfn 3". Undefined for one that nobody needs to know. */
  nameOf?(word: Word): string | undefined;
}

export interface Protocol {
  readonly name: string;
  readonly summary: string;
  readonly claims: readonly Claim[];
  readonly plants: readonly Plant[];
  /** vCPUs (or CPUs, for a lock) of the case: the fewest, the most, how many when nothing is said, and with how many the table shows the right version too. */
  readonly vcpus: { min: number; max: number; usual: number; also?: readonly number[] };
  /** Locks that lockless code runs beside: while a CPU holds one of them for write, each primitive of its plain functions is a choice point too. */
  readonly interruptible: readonly string[];
  /** Who takes part, by name: vCPUs first. */
  actors(options: ProtocolOptions): readonly string[];
  /** Words to make room for; cases are small, since they are laid out anew for each schedule: some 64 Ki words at most. */
  arenaWords(options: ProtocolOptions): number;
  /**
   * Lays the case out (`initialize`), or attaches new objects to the words of one that was. It must carve in the same order both times, and keep
   * all state that a run changes in the arena or in the objects that it makes.
   */
  build(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean): ProtocolRun;
}

/** A claim that does not hold. Any `Error` with a string `claim` says the same: a plugin cannot import this class. */
export class BrokenClaim extends Error {
  readonly claim: string;

  constructor(claim: string, message: string) {
    super(message);
    this.claim = claim;
  }
}
