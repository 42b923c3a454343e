// Checks a protocol with the explore engine: every interleaving, or as many as a scheduler picks.

import { assert } from '../assert.js';
import { BoundedChooser } from '../engine/explore/bounded.js';
import { pctChooser, type RecordingChooser, ReplayChooser, randomChooser } from '../engine/explore/choosers.js';
import { DporChooser } from '../engine/explore/dpor.js';
import type { Chooser, RunEnd } from '../engine/explore/engine.js';
import { parseSchedule, scheduleText } from '../engine/explore/schedule-text.js';
import { CheckCase } from './check-case.js';
import { historyOf } from './check-history.js';
import type { Protocol } from './protocols/protocol.js';

export const CHECK_SCHEDULERS = ['exhaustive', 'bounded', 'random', 'pct', 'replay'] as const;
export const MEMORY_ORDERS = ['sc', 'tso'] as const;

export interface CheckOptions {
  vcpus: number;
  /** Name of the planted bug; null for the right version. */
  plant: string | null;
  memoryOrder: (typeof MEMORY_ORDERS)[number];
  scheduler: (typeof CHECK_SCHEDULERS)[number];
  /** bounded: preemptions of one schedule, at most. pct: depth of the bugs that are looked for. */
  bound: number;
  /** random, pct: seed of the first schedule; the next has the next seed. */
  seed: number;
  /** random, pct: how many schedules. exhaustive, bounded: as many at most, 0 for no limit. */
  schedules: number;
  /** Steps of one schedule, at most: a longer one is a failure of its own (a livelock). */
  maxSteps: number;
  /** replay: the schedule. */
  replay: string;
}

/** One step of a failing schedule. */
export interface HistoryStep {
  /** Counts from 1. */
  step: number;
  /** Index into `actors`. */
  actor: number;
  what: string;
  /** False for a step that no other actor's step depends on: it is left out of the short history. */
  matters: boolean;
}

export interface CheckFailure {
  /** The claim that broke: a protocol's own, or "deadlock", "livelock", "assertion". */
  claim: string;
  message: string;
  /** Replays the failure: letters are actors, numbers how many steps. */
  schedule: string;
  history: HistoryStep[];
  /** 16 hex digits over all steps: a replay has the same. */
  traceHash: string;
}

export interface CheckOutcome {
  /** `holds`: in every schedule that was asked for. `unfinished`: a limit, or the caller, ended the search first. */
  verdict: 'holds' | 'broken' | 'unfinished';
  actors: readonly string[];
  /** Schedules that ran to their end, and those that were given up because they only repeat others (partial-order reduction). */
  schedules: number;
  pruned: number;
  steps: number;
  /** Steps of the longest schedule. */
  longest: number;
  /** Under store buffers: kinds of steps that made stores visible after they had touched what matters to others. What could come in between was not tried. */
  coarse: number;
  failure?: CheckFailure;
  /** With `replay`, where nothing failed. */
  replayed?: Pick<CheckFailure, 'history' | 'traceHash'>;
}

export interface CheckProgress {
  schedules: number;
  pruned: number;
  steps: number;
}

/** A replay string that does not fit the case. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

/** Schedules between two calls of `onProgress`. */
const SCHEDULES_PER_PROGRESS = 256;

/** Schedules that the search for a simpler way to the same failure may take, for each number of preemptions, and how many preemptions it tries. */
const SIMPLER_SCHEDULES = 3000;
const SIMPLER_BOUNDS = [0, 1, 2];

/** Runs a check. CPU-bound. `onProgress` is called now and then; false ends the search. Throws a `ReplayError` with one line for a replay string that does not fit. */
export function runCheck(protocol: Protocol, options: CheckOptions, onProgress?: (progress: CheckProgress) => boolean): CheckOutcome {
  const search = new Check(protocol, options, onProgress);
  search.run();
  return search.outcome;
}

/** A way through schedules: `advance` goes to the next one. */
interface Search {
  readonly chooser: Chooser & { readonly processes: number[] };
  /** Steps that are the same as in the run before. */
  readonly prefix: number;
  advance(): boolean;
  retry(): boolean;
}

class Check {
  readonly outcome: CheckOutcome;
  readonly #options: CheckOptions;
  readonly #case: CheckCase;
  readonly #onProgress: ((progress: CheckProgress) => boolean) | undefined;

  constructor(protocol: Protocol, options: CheckOptions, onProgress?: (progress: CheckProgress) => boolean) {
    this.#options = options;
    this.#onProgress = onProgress;
    this.#case = new CheckCase(protocol, options);
    this.outcome = { verdict: 'holds', actors: this.#case.actors, schedules: 0, pruned: 0, steps: 0, longest: 0, coarse: 0 };
  }

  run(): void {
    const { scheduler, replay } = this.#options;
    if (scheduler === 'replay') {
      this.#replay(replay);
      return;
    }
    for (const search of this.#searches()) if (!this.#explore(search)) break;
    this.outcome.coarse = this.#case.countCoarseSteps();
  }

  /** What is tried, one after the other. */
  *#searches(): Generator<Search> {
    const { scheduler, bound, seed, schedules } = this.#options;
    const cpuCount = this.#case.actors.length;
    if (scheduler === 'exhaustive') yield exhaustive(cpuCount);
    else if (scheduler === 'bounded') for (let preemptions = 0; preemptions <= bound; preemptions++) yield bounded(preemptions, cpuCount);
    else if (scheduler === 'random') yield seeded(seed, schedules, randomChooser);
    else {
      const processes = cpuCount * (this.#options.memoryOrder === 'tso' ? 2 : 1);
      yield seeded(seed, schedules, (each) => pctChooser(each, { processes, steps: this.outcome.longest, depth: bound }));
    }
  }

  /** True when the search has come to its end and found nothing. */
  #explore(search: Search): boolean {
    const { outcome } = this;
    for (;;) {
      const end = this.#case.run(search.chooser, search.prefix);
      this.#count(end);
      if (end.kind === 'failed') {
        this.#fail(end, search.chooser.processes);
        return false;
      }
      if (!(end.kind === 'not-thin' ? search.retry() : search.advance())) return true;
      if (this.#mustStop()) {
        outcome.verdict = 'unfinished';
        return false;
      }
    }
  }

  #count(end: RunEnd): void {
    const { outcome } = this;
    outcome.steps += this.#case.steps;
    if (end.kind === 'not-thin') return;
    if (end.kind === 'given-up') outcome.pruned++;
    else {
      outcome.schedules++;
      outcome.longest = Math.max(outcome.longest, this.#case.steps);
    }
  }

  #mustStop(): boolean {
    const { scheduler, schedules: limit } = this.#options;
    const { schedules, pruned, steps } = this.outcome;
    if ((scheduler === 'exhaustive' || scheduler === 'bounded') && limit > 0 && schedules >= limit) return true;
    return (schedules + pruned) % SCHEDULES_PER_PROGRESS === 0 && this.#onProgress?.({ schedules, pruned, steps }) === false;
  }

  #fail({ claim }: Extract<RunEnd, { kind: 'failed' }>, processes: readonly number[]): void {
    this.#record(this.#simpler(claim) ?? processes);
    assert(this.outcome.failure !== undefined, `"${claim}" broke, but not when the same schedule was run again: the case is not deterministic`);
  }

  /** A schedule with few preemptions that breaks the same claim, where a short search finds one. */
  #simpler(claim: string): readonly number[] | undefined {
    for (const bound of SIMPLER_BOUNDS) {
      const { chooser, advance } = bounded(bound, this.#case.actors.length);
      for (let tried = 0; tried < SIMPLER_SCHEDULES; tried++) {
        const end = this.#case.run(chooser, 0);
        if (end.kind === 'failed' && end.claim === claim) return chooser.processes;
        if (!advance()) break;
      }
    }
    return undefined;
  }

  #replay(text: string): void {
    const schedule = parseSchedule(text, this.#case.actors.length, this.#options.maxSteps);
    if (schedule === undefined)
      throw new ReplayError(`Cannot replay ${JSON.stringify(text)}: expected letters from a to ${lastLetter(this.#case.actors)} with numbers`);
    this.outcome.schedules = 1;
    this.#record(schedule);
  }

  /** Runs a schedule once more, and writes down what happens. */
  #record(schedule: readonly number[]): void {
    const { outcome } = this;
    const chooser = new ReplayChooser(schedule);
    const recorded = historyOf(this.#case, chooser);
    if (!chooser.fits)
      throw new ReplayError(
        `Cannot replay this schedule: step ${chooser.processes.length + 1} names somebody who cannot go on, expected a schedule of this very case`,
      );
    outcome.longest = Math.max(outcome.longest, chooser.processes.length);
    const { end, history, traceHash } = recorded;
    if (end.kind !== 'failed') {
      outcome.verdict = 'holds';
      outcome.replayed = { history, traceHash };
      return;
    }
    outcome.verdict = 'broken';
    outcome.failure = { claim: end.claim, message: end.message, schedule: scheduleText(chooser.processes, outcome.actors.length), history, traceHash };
  }
}

function lastLetter(actors: readonly string[]): string {
  return String.fromCharCode(96 + actors.length);
}

function exhaustive(cpuCount: number): Search {
  const chooser = new DporChooser(cpuCount);
  return {
    chooser,
    get prefix() {
      return chooser.prefix;
    },
    advance: () => chooser.advance(),
    retry: () => chooser.retry(),
  };
}

function bounded(bound: number, cpuCount: number): Search {
  const chooser = new BoundedChooser(bound, cpuCount);
  return { chooser, prefix: 0, advance: () => chooser.advance(), retry: () => false };
}

/** `count` schedules, each with the next seed. */
function seeded(seed: number, count: number, make: (seed: number) => RecordingChooser): Search {
  let next = seed;
  let current = make(next);
  return {
    get chooser() {
      return current;
    },
    prefix: 0,
    advance: () => {
      current = make(++next);
      return next < seed + count;
    },
    retry: () => false,
  };
}
