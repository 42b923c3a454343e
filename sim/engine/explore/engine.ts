// The explore engine: the scheduler is an adversary. It runs paths step by step, in an order that a chooser picks.
//
// Processes: CPU p is process p; with store buffers, process `cpus + p` makes the oldest store of CPU p visible. A plain function that is interrupted
// stays on the host's stack while other CPUs run from within its access, so at most one CPU may be in one: the holder of an interruptible lock.

import { assert } from '../../assert.js';
import type { KernelPath, Word } from '../cpu.js';
import { ExploreCpu as Cpu, type ExploreCpu, Pending } from './explore-cpu.js';
import { bufferObject, Footprint, isWord } from './footprint.js';
import { ExploreLockFactory } from './locks.js';

/** Who decides what runs next. */
export interface Chooser {
  /** A process of the bit set `enabled`, or -1 to give the run up. `last` ran before, -1 at the start. */
  choose(enabled: number, last: number): number;
  /** The step that was chosen last is over. `madeBy` is the step that made the store which a drain has made visible, -1 for other steps. */
  stepped(process: number, foot: Footprint, madeBy: number): void;
  /** The step would make stores visible and go on: their drains must come first, as steps of their own. */
  readonly wantsThinSteps?: boolean;
}

/** How one run ended. `not-thin`: the last choice was a step that the chooser does not want. */
export type RunEnd = { kind: 'done' } | { kind: 'given-up' } | { kind: 'not-thin' } | { kind: 'failed'; claim: string; message: string };

export interface ExploreParts {
  words: Int32Array;
  cpuCount: number;
  /** x86-TSO store buffers; else sequential consistency. */
  tso: boolean;
  /** Names of locks beside which lockless code runs. */
  interruptible: readonly string[];
  /** Steps of a run, at most. */
  maxSteps: number;
  actorName?(cpu: number): string;
}

/** Hears what each step does, for a history. */
export type Recorder = (step: number, cpu: number, what: string, word?: Word) => void;

/** Thrown through the paths of a run to end it. */
class Ended extends Error {
  readonly end: RunEnd;

  constructor(end: RunEnd) {
    super(end.kind);
    this.end = end;
  }
}

const GIVE_UP = new Ended({ kind: 'given-up' });
const NOT_THIN = new Ended({ kind: 'not-thin' });

export class ExploreEngine {
  readonly words: Int32Array;
  readonly isTso: boolean;
  readonly cpus: ExploreCpu[];
  /** Of the current step. */
  readonly foot = new Footprint();
  /** Number of the current step, from 0. */
  step = 0;
  /** Set-up: primitives act at once. */
  isLayingOut = true;
  recorder: Recorder | null = null;
  /** Called after each step from `checkFrom` on; throws when a claim does not hold. */
  afterStep: (() => void) | undefined;
  checkFrom = 0;
  readonly #parts: ExploreParts;
  /** By word: bit set of the CPUs that have touched it, and of those that have written it, in any run. */
  readonly #touchedBy: Uint16Array;
  readonly #writtenBy: Uint16Array;
  /** What steps had done before they made stores visible, by CPU and accesses. */
  readonly #mixedSteps = new Map<string, { cpu: number; codes: number[] }>();
  #chooser: Chooser | null = null;
  /** The CPU that is within an access of a plain function. */
  #interrupted: ExploreCpu | null = null;
  #process = -1;
  #madeBy = -1;

  constructor(parts: ExploreParts) {
    this.#parts = parts;
    this.words = parts.words;
    this.isTso = parts.tso;
    this.cpus = Array.from({ length: parts.cpuCount }, (_, id) => new Cpu(this, id));
    this.#touchedBy = new Uint16Array(parts.tso ? parts.words.length : 0);
    this.#writtenBy = new Uint16Array(parts.tso ? parts.words.length : 0);
    assert(2 * parts.cpuCount <= 30, `${parts.cpuCount} CPUs are more than the explore engine has room for`);
  }

  /** New locks: all free. */
  newLocks(): ExploreLockFactory {
    return new ExploreLockFactory(this, this.#parts.interruptible);
  }

  actorName(cpu: number): string {
    return this.#parts.actorName?.(cpu) ?? `CPU ${cpu}`;
  }

  wordName(word: Word): string {
    return `word ${word}`;
  }

  /** Runs one path per CPU until all have ended and all stores are visible, a claim breaks, or the chooser gives up. */
  run(paths: readonly KernelPath[], chooser: Chooser): RunEnd {
    this.#begin(paths, chooser);
    try {
      this.#loop(null);
      return { kind: 'done' };
    } catch (error) {
      if (error instanceof Ended) return error.end;
      return failureOf(error);
    } finally {
      this.isLayingOut = true;
      this.#interrupted = null;
    }
  }

  /** Looks at claims once a run is over. The failure, if they do not hold. */
  failureIn(look: () => void): RunEnd | undefined {
    try {
      look();
      return undefined;
    } catch (error) {
      return failureOf(error);
    }
  }

  #begin(paths: readonly KernelPath[], chooser: Chooser): void {
    assert(paths.length === this.cpus.length, `${paths.length} paths for ${this.cpus.length} CPUs`);
    this.isLayingOut = false;
    this.#chooser = chooser;
    this.#process = -1;
    this.step = 0;
    this.foot.clear();
    for (const cpu of this.cpus) cpu.reset(paths[cpu.id]);
  }

  /** Runs steps: until all is over, or until it is `within`'s turn again, which has been interrupted. */
  #loop(within: ExploreCpu | null): void {
    const count = this.cpus.length;
    for (;;) {
      const process = this.#next();
      if (process < 0) return;
      if (process >= count) {
        this.#madeBy = this.cpus[process - count].drainOne();
      } else {
        const cpu = this.cpus[process];
        if (!cpu.begin()) {
          this.#endStep();
          continue;
        }
        if (cpu === within) return;
        resume(cpu);
      }
      this.#endStep();
    }
  }

  /** The process whose step begins, -1 when all have ended. */
  #next(): number {
    const enabled = this.#enabled();
    if (enabled === 0) {
      if (this.#allFinished()) return -1;
      throw new ScheduleError('deadlock', this.#whoWaits());
    }
    if (this.step >= this.#parts.maxSteps) throw new ScheduleError('livelock', `no end after ${this.step} steps`);
    const process = (this.#chooser as Chooser).choose(enabled, this.#process);
    if (process < 0) throw GIVE_UP;
    assert(((enabled >>> process) & 1) === 1, `process ${process} was chosen, but it cannot go on`);
    this.#process = process;
    this.#madeBy = -1;
    return process;
  }

  #enabled(): number {
    const { cpus } = this;
    let enabled = 0;
    for (let id = 0; id < cpus.length; id++) {
      const cpu = cpus[id];
      if (cpu.isEnabled(this.#interrupted)) enabled |= 1 << id;
      if (!cpu.buffer.isEmpty) enabled |= 1 << (id + cpus.length);
    }
    return enabled;
  }

  #endStep(): void {
    (this.#chooser as Chooser).stepped(this.#process, this.foot, this.#madeBy);
    if (this.isTso) this.#noteWords(this.#process);
    this.foot.clear();
    this.step++;
    if (this.afterStep !== undefined && this.step > this.checkFrom) this.afterStep();
  }

  /** A fence with stores in the buffer. At the start of a step it is as if their drains had come before it, so that a search need not know this step. */
  drainWithinStep(cpu: ExploreCpu): void {
    const { foot } = this;
    if ((this.#chooser as Chooser).wantsThinSteps !== true) return;
    if (foot.isEmpty) throw NOT_THIN;
    const codes = foot.codes();
    if (codes.length > 0) this.#mixedSteps.set(`${cpu.id} ${codes.join()}`, { cpu: cpu.id, codes });
  }

  /**
   * Kinds of steps so far that made stores visible after they had touched a word that matters to others: what could have come in between was not
   * tried. A word that one CPU alone touches, or nobody writes, matters to nobody.
   */
  countCoarseSteps(): number {
    let coarse = 0;
    for (const { cpu, codes } of this.#mixedSteps.values()) if (codes.some((code) => this.#mattersToOthers(cpu, code))) coarse++;
    return coarse;
  }

  #mattersToOthers(cpu: number, code: number): boolean {
    const object = code >>> 1;
    if (!isWord(object)) return object !== bufferObject(cpu);
    const others = ~(1 << cpu);
    return (code & 1) === 1 ? (this.#touchedBy[object] & others) !== 0 : (this.#writtenBy[object] & others) !== 0;
  }

  #noteWords(process: number): void {
    const bit = 1 << (process % this.cpus.length);
    for (const code of this.foot.codes()) {
      const object = code >>> 1;
      if (!isWord(object)) continue;
      this.#touchedBy[object] |= bit;
      if ((code & 1) === 1) this.#writtenBy[object] |= bit;
    }
  }

  /** A plain function is about to access a word: others may run first. */
  interrupt(cpu: ExploreCpu): void {
    if (this.isLayingOut) return;
    assert(this.#interrupted === null, `CPU ${cpu.id} is interrupted within a plain function while another is`);
    this.#endStep();
    this.#interrupted = cpu;
    this.#loop(cpu);
    this.#interrupted = null;
  }

  #allFinished(): boolean {
    return this.cpus.every(({ pending }) => pending === Pending.finished);
  }

  #whoWaits(): string {
    const stuck = this.cpus.filter(({ pending }) => pending !== Pending.finished);
    return stuck.map((cpu) => `${this.actorName(cpu.id)} waits for ${cpu.waitsFor}`).join(', ');
  }
}

/** What the engine itself finds: nobody can go on, or somebody goes on for ever. */
class ScheduleError extends Error {
  readonly claim: string;

  constructor(claim: string, message: string) {
    super(message);
    this.claim = claim;
  }
}

/** A broken claim says its name; any other error is an assertion of the code under test. */
function failureOf(error: unknown): RunEnd {
  if (!(error instanceof Error)) throw error;
  const claim = 'claim' in error && typeof error.claim === 'string' ? error.claim : 'assertion';
  return { kind: 'failed', claim, message: error.message };
}

/** Runs the CPU's path, and those that it calls, until one suspends or the outermost has ended. */
function resume(cpu: ExploreCpu): void {
  for (;;) {
    const step = (cpu.path as KernelPath<unknown>).next();
    if (step.done === true) {
      cpu.path = cpu.callers.pop() ?? null;
      if (cpu.path !== null) continue;
      cpu.pending = Pending.finished;
      return;
    }
    if (cpu.callee === null) {
      if (!cpu.suspended) assert(false, `CPU ${cpu.id} yielded though no primitive asked it to`);
      return;
    }
    cpu.callers.push(cpu.path as KernelPath<unknown>);
    cpu.path = cpu.callee;
    cpu.callee = null;
    cpu.suspended = false;
  }
}
