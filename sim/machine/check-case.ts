// One case of a protocol, laid out once: each run begins from the same words, with objects of its own.

import type { Word } from '../engine/cpu.js';
import { type Chooser, ExploreEngine, type Recorder, type RunEnd } from '../engine/explore/engine.js';
import { Arena } from '../memory/arena.js';
import type { CheckOptions } from './check.js';
import type { Protocol, ProtocolRun } from './protocols/protocol.js';

export class CheckCase {
  readonly actors: readonly string[];
  readonly #protocol: Protocol;
  readonly #options: CheckOptions;
  readonly #arena: Arena;
  readonly #engine: ExploreEngine;
  readonly #initial: Int32Array;
  #run: ProtocolRun;

  constructor(protocol: Protocol, options: CheckOptions) {
    this.#protocol = protocol;
    this.#options = options;
    this.actors = protocol.actors(options);
    this.#arena = Arena.ofWords(protocol.arenaWords(options));
    this.#engine = new ExploreEngine({
      words: this.#arena.words,
      cpuCount: this.actors.length,
      tso: options.memoryOrder === 'tso',
      interruptible: protocol.interruptible,
      maxSteps: options.maxSteps,
      actorName: (cpu) => this.actors[cpu],
    });
    this.#run = this.#build(true);
    this.#initial = this.#arena.words.slice();
  }

  /** A build gets the arena from its first word on, and locks that nobody holds. */
  #build(initialize: boolean): ProtocolRun {
    const parts = { arena: new Arena(this.#arena.buffer), locks: this.#engine.newLocks(), cpus: this.#engine.cpus };
    return this.#protocol.build(parts, this.#options, initialize);
  }

  /** What a word is called, in the run that runs or ran last. */
  nameOf(word: Word): string {
    return this.#run.nameOf?.(word) ?? `word ${word}`;
  }

  /** Runs the case once. Its claims are not looked at again after the first `checked` steps. */
  run(chooser: Chooser, checked: number, recorder: Recorder | null = null): RunEnd {
    const engine = this.#engine;
    this.#arena.words.set(this.#initial);
    const run = this.#build(false);
    this.#run = run;
    engine.recorder = recorder;
    engine.checkFrom = checked;
    engine.afterStep = run.afterStep === undefined ? undefined : () => run.afterStep?.();
    const end = engine.run(run.paths(), chooser);
    engine.recorder = null;
    if (end.kind !== 'done') return end;
    return engine.failureIn(() => run.atEnd?.()) ?? end;
  }

  /** Steps of the last run. */
  get steps(): number {
    return this.#engine.step;
  }

  /** Kinds of coarse steps in all runs (see the engine). */
  countCoarseSteps(): number {
    return this.#engine.countCoarseSteps();
  }
}
