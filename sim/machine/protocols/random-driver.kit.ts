// A small world for the protocols of the locks: every touch is a choice point, and a waiting CPU may fall asleep. Picks schedules at random.
//
// Sequential consistency only. A schedule is the list of choices among what the CPUs can do next; the same list gives the same run.

import type { Cpu, KernelPath, LockFactory, Suspend, Word } from '../../engine/cpu.js';
import type { LockCpu } from '../../engine/lock-cpu.js';
import { Arena } from '../../memory/arena.js';
import { Prng } from '../../prng.js';
import { BrokenClaim, type Protocol, type ProtocolOptions, type ProtocolRun } from './protocol.js';

/** How `waitForChange` waits: `spin` looks when the word has changed, `park` may also fall asleep before. */
export type Waiting = 'spin' | 'park';

/** Steps of a run, at most. */
const MAX_STEPS = 2000;

class DrivenCpu {
  readonly id: number;
  readonly socket = 0;
  /** What it waits for: a word, and what the word was. */
  wait: { word: Word; seen: number } | null = null;
  asleep = false;
  readonly #words: Int32Array;
  readonly #all: readonly DrivenCpu[];

  constructor(id: number, words: Int32Array, all: readonly DrivenCpu[]) {
    this.id = id;
    this.#words = words;
    this.#all = all;
  }

  touch(): Suspend {
    return true;
  }

  load(word: Word): number {
    return this.#words[word];
  }

  store(word: Word, value: number): void {
    this.#words[word] = value;
  }

  cmpxchg(word: Word, expected: number, value: number): number {
    const old = this.#words[word];
    if (old === expected) this.#words[word] = value;
    return old;
  }

  fetchAdd(word: Word, delta: number): number {
    const old = this.#words[word];
    this.#words[word] = old + delta;
    return old;
  }

  fetchOr(word: Word, bits: number): number {
    const old = this.#words[word];
    this.#words[word] = old | bits;
    return old;
  }

  fetchAnd(word: Word, bits: number): number {
    const old = this.#words[word];
    this.#words[word] = old & bits;
    return old;
  }

  waitForChange(word: Word, seen: number): Suspend {
    this.wait = { word, seen };
    return true;
  }

  notify(word: Word): void {
    for (const cpu of this.#all) if (cpu.wait?.word === word) cpu.asleep = false;
  }

  get seesChange(): boolean {
    return this.wait === null || this.#words[this.wait.word] !== this.wait.seen;
  }
}

/** One CPU's next step, or (`sleeps`) its falling asleep. */
interface Choice {
  actor: number;
  sleeps: boolean;
}

/** One run of a protocol, choice by choice. */
class DrivenRun {
  readonly #cpus: readonly DrivenCpu[];
  readonly #run: ProtocolRun;
  readonly #paths: (KernelPath | null)[];
  readonly #waiting: Waiting;

  constructor(protocol: Protocol, options: ProtocolOptions, waiting: Waiting) {
    const arena = Arena.ofWords(protocol.arenaWords(options));
    const cpus: DrivenCpu[] = [];
    for (let id = 0; id < options.vcpus; id++) cpus.push(new DrivenCpu(id, arena.words, cpus));
    this.#cpus = cpus;
    // The protocols of the locks use nothing else of a CPU, and no lock of an engine.
    const parts = { arena, locks: {} as LockFactory, cpus: cpus as unknown as (Cpu & LockCpu)[] };
    this.#run = protocol.build(parts, options, true);
    this.#paths = this.#run.paths();
    this.#waiting = waiting;
  }

  /** What can happen next. With no step among them, the run has ended or is stuck. */
  choices(): Choice[] {
    const choices: Choice[] = [];
    for (const [actor, path] of this.#paths.entries()) {
      const cpu = this.#cpus[actor];
      if (path === null || cpu.asleep) continue;
      if (cpu.seesChange) choices.push({ actor, sleeps: false });
      else if (this.#waiting === 'park') choices.push({ actor, sleeps: true });
    }
    return choices;
  }

  /** Throws what the protocol throws. */
  take({ actor, sleeps }: Choice): void {
    const cpu = this.#cpus[actor];
    if (sleeps) {
      cpu.asleep = true;
      return;
    }
    cpu.wait = null;
    if (this.#paths[actor]?.next().done) this.#paths[actor] = null;
    this.#run.afterStep?.();
  }

  /** After the last step. Throws for a deadlock, and what the protocol throws. */
  end(): void {
    const stuck = this.#cpus.filter(({ id }) => this.#paths[id] !== null);
    if (stuck.length > 0) throw new BrokenClaim('deadlock', stuck.map((cpu) => this.#describe(cpu)).join(', '));
    this.#run.atEnd?.();
  }

  #describe({ id, asleep, wait }: DrivenCpu): string {
    return `CPU ${id} ${asleep ? 'sleeps on' : 'spins on'} ${wait === null ? 'nothing' : (this.#run.nameOf?.(wait.word) ?? `word ${wait.word}`)}`;
  }
}

/** Runs `schedules` random schedules from this seed on. Returns the claim that the first failing one broke and how (`fifo: CPU 1 ...`), or null. */
export function searchAtRandom(protocol: Protocol, options: ProtocolOptions, search: { waiting: Waiting; schedules: number; seed: number }): string | null {
  const random = new Prng(search.seed);
  for (let schedule = 0; schedule < search.schedules; schedule++) {
    const broken = brokenBy(new DrivenRun(protocol, options, search.waiting), (count) => random.below(count));
    if (broken !== null) return broken;
  }
  return null;
}

function brokenBy(run: DrivenRun, pick: (count: number) => number): string | null {
  try {
    let choices = run.choices();
    for (let step = 0; choices.length > 0; step++) {
      if (step === MAX_STEPS) throw new BrokenClaim('livelock', `no end after ${MAX_STEPS} steps`);
      run.take(choices[pick(choices.length)]);
      choices = run.choices();
    }
    run.end();
    return null;
  } catch (error) {
    if (error instanceof BrokenClaim) return `${error.claim}: ${error.message}`;
    throw error;
  }
}
