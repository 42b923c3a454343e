// A CPU of the explore engine. Time stands still; what counts is the order of accesses.
//
// A path is cut into steps. A step ends where a primitive answers `true`, and, while the CPU holds a lock beside which lockless code runs, before
// each access of plain functions too: then the engine runs other CPUs from within that access (engine.ts).

import { assert } from '../../assert.js';
import { COST_NAMES, type Costs } from '../costs.js';
import { Counters } from '../counters.js';
import { type Cpu, type KernelPath, runToCompletion, type Suspend, type Word } from '../cpu.js';
import type { LockCpu } from '../lock-cpu.js';
import type { ExploreEngine } from './engine.js';
import { bufferObject, parkedOn, taskObject } from './footprint.js';
import type { ExploreLock } from './locks.js';
import { StoreBuffer } from './store-buffer.js';

const FREE = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Costs;

/** What a CPU does first when it goes on. `plain`: it is within an access of a plain function, on the host's stack. */
export const Pending = { resume: 0, touch: 1, acquire: 2, schedule: 3, wait: 4, parked: 5, plain: 6, finished: 7 } as const;

// States of a thread: as the kernel's TASK_RUNNING, and sleeping or about to.
const AWAKE = 0;
const PREPARED = 1;

/** Looks at one word in a row, with nothing done in between, after which a CPU is taken to spin: it then waits until the word changes. */
const LOOKS_OF_A_SPIN = 2;

export class ExploreCpu implements Cpu, LockCpu {
  readonly id: number;
  readonly socket = 0;
  readonly interleaves = true;
  readonly words: Int32Array;
  readonly cost: Costs = FREE;
  readonly counters = new Counters();
  ranFor = 0;
  readonly buffer = new StoreBuffer();
  path: KernelPath<unknown> | null = null;
  pending: number = Pending.finished;
  /** Of a pending touch or wait: the word, and the value that it must no longer have. */
  pendingWord: Word = 0;
  pendingSeen = 0;
  pendingLock: ExploreLock | null = null;
  pendingExclusive = false;
  /** What is waited for, for the report of a deadlock. */
  channel = '';
  /** Locks held for write beside which lockless code runs. */
  interruptibleHeld = 0;
  suspended = false;
  callee: KernelPath<unknown> | null = null;
  readonly callers: KernelPath<unknown>[] = [];
  readonly #engine: ExploreEngine;
  #sleep = AWAKE;
  /** The word that this step was made for: its first access is no choice point again. */
  #touched: Word = -1;
  /** The word that this step was touched for, what it was when this step read it, and whether it did. */
  #stepWord: Word = -1;
  #seen = 0;
  #hasSeen = false;
  /** Steps in a row that did nothing but read one word, and found it the same. */
  #looks = 0;

  constructor(engine: ExploreEngine, id: number) {
    this.#engine = engine;
    this.id = id;
    this.words = engine.words;
  }

  /** Back to the start of a run. */
  reset(path: KernelPath): void {
    this.path = path;
    this.pending = Pending.resume;
    this.pendingLock = null;
    this.interruptibleHeld = 0;
    this.suspended = true;
    this.callee = null;
    this.callers.length = 0;
    this.buffer.entries.length = 0;
    this.#sleep = AWAKE;
    this.#touched = -1;
    this.#stepWord = -1;
    this.#looks = 0;
  }

  /** Whether the CPU can go on. `running` is the one that is within an access of a plain function. */
  isEnabled(running: ExploreCpu | null): boolean {
    switch (this.pending) {
      case Pending.resume:
      case Pending.wait:
        return true;
      case Pending.touch:
        return this.#looks < LOOKS_OF_A_SPIN || this.peek(this.pendingWord) !== this.pendingSeen;
      case Pending.acquire:
        return this.buffer.isEmpty && (this.pendingLock as ExploreLock).isFreeFor(this.pendingExclusive);
      case Pending.schedule:
        return this.#sleep === AWAKE;
      case Pending.plain:
        return running === this;
      default:
        return false;
    }
  }

  /** The first thing of a step. False when the CPU has only gone to sleep on a word. */
  begin(): boolean {
    const { foot } = this.#engine;
    const { pending } = this;
    this.pending = Pending.resume;
    this.suspended = false;
    this.#touched = -1;
    this.#stepWord = -1;
    this.#hasSeen = false;
    if (pending === Pending.touch) this.#touched = this.#stepWord = this.pendingWord;
    else if (pending === Pending.acquire) (this.pendingLock as ExploreLock).take(this, this.pendingExclusive);
    else if (pending === Pending.schedule) foot.read(taskObject(this.id));
    else if (pending === Pending.wait) return this.#look();
    else if (pending === Pending.plain) this.#touched = this.pendingWord;
    return true;
  }

  /** The word has changed, or the CPU sleeps until somebody notifies it: one look and the sleep are one step, as a futex has it. */
  #look(): boolean {
    const { foot } = this.#engine;
    foot.read(this.pendingWord);
    foot.read(parkedOn(this.pendingWord));
    if (this.peek(this.pendingWord) !== this.pendingSeen) return true;
    foot.write(parkedOn(this.pendingWord));
    this.#engine.recorder?.(this.#engine.step, this.id, 'goes to sleep on', this.pendingWord);
    this.pending = Pending.parked;
    this.suspended = true;
    return false;
  }

  /** Value of a word as this CPU sees it. */
  peek(word: Word): number {
    return this.buffer.isEmpty ? this.words[word] : this.buffer.read(this.words, word);
  }

  #suspend(pending: number): true {
    this.assertRunning();
    this.pending = pending;
    this.suspended = true;
    return true;
  }

  assertRunning(): void {
    if (this.suspended) assert(false, `CPU ${this.id} used a primitive without yielding after the last one asked it to`);
  }

  touch(word: Word): Suspend {
    if (this.#engine.isLayingOut) return false;
    const isLook = word === this.#stepWord && this.#hasSeen && !this.#engine.foot.changed;
    this.#looks = !isLook ? 0 : this.#seen === this.pendingSeen ? this.#looks + 1 : 1;
    this.pendingSeen = this.#seen;
    this.pendingWord = word;
    return this.#suspend(Pending.touch);
  }

  /** Before each access: a choice point, where plain functions may be interrupted. */
  #beforeAccess(word: Word): void {
    if (this.interruptibleHeld > 0 && word !== this.#touched) {
      this.pendingWord = word;
      this.pending = Pending.plain;
      this.#engine.interrupt(this);
    }
    this.#touched = -1;
  }

  interleave(word: Word): Suspend {
    return this.touch(word);
  }

  load(word: Word): number {
    this.#beforeAccess(word);
    const value = this.peek(word);
    this.#engine.foot.read(word);
    if (word === this.#stepWord) {
      this.#seen = value;
      this.#hasSeen = true;
    }
    this.#engine.recorder?.(this.#engine.step, this.id, `reads ${value} from`, word);
    return value;
  }

  store(word: Word, value: number): void {
    const engine = this.#engine;
    this.#beforeAccess(word);
    if (engine.isTso && !engine.isLayingOut) {
      engine.foot.changed = true;
      this.buffer.entries.push({ word, value, release: null, step: engine.step });
      engine.recorder?.(engine.step, this.id, `stores ${value}, in its buffer, to`, word);
      return;
    }
    this.#write(word, value);
    engine.recorder?.(engine.step, this.id, `stores ${value} to`, word);
  }

  #write(word: Word, value: number): void {
    this.words[word] = value;
    this.#engine.foot.write(word);
  }

  cmpxchg(word: Word, expected: number, value: number): number {
    const old = this.#beforeAtomic(word);
    this.#engine.recorder?.(
      this.#engine.step,
      this.id,
      old === expected ? `cmpxchg ${old} -> ${value} of` : `cmpxchg fails, ${old} and not ${expected}, of`,
      word,
    );
    if (old === expected) this.#write(word, value);
    else this.#engine.foot.read(word);
    return old;
  }

  xchg(word: Word, value: number): number {
    return this.#modify(word, value, 'xchg', this.#beforeAtomic(word));
  }

  fetchAdd(word: Word, delta: number): number {
    const old = this.#beforeAtomic(word);
    return this.#modify(word, (old + delta) | 0, 'adds', old);
  }

  fetchOr(word: Word, bits: number): number {
    const old = this.#beforeAtomic(word);
    return this.#modify(word, old | bits, 'or', old);
  }

  fetchAnd(word: Word, bits: number): number {
    const old = this.#beforeAtomic(word);
    return this.#modify(word, old & bits, 'and', old);
  }

  #beforeAtomic(word: Word): number {
    this.#beforeAccess(word);
    this.fence();
    return this.words[word];
  }

  #modify(word: Word, value: number, what: string, old: number): number {
    this.#write(word, value);
    this.#engine.recorder?.(this.#engine.step, this.id, `${what} ${old} -> ${value} of`, word);
    return old;
  }

  /** What is left in the store buffer becomes visible. Others could have come in between: the engine prefers schedules in which the drains were steps of their own. */
  fence(): void {
    const engine = this.#engine;
    if (!engine.isTso || engine.isLayingOut) return;
    if (!this.buffer.isEmpty) engine.drainWithinStep(this);
    engine.foot.write(bufferObject(this.id));
    while (!this.buffer.isEmpty) this.drainOne();
  }

  /** The oldest entry of the store buffer becomes visible. Returns the step that made it. */
  drainOne(): number {
    const entry = this.buffer.entries.shift();
    assert(entry !== undefined, `CPU ${this.id} has nothing in its store buffer`);
    this.#engine.foot.write(bufferObject(this.id));
    if (entry.release !== null) entry.release();
    else this.#write(entry.word, entry.value);
    this.#engine.recorder?.(
      this.#engine.step,
      this.id,
      entry.release === null ? `its ${entry.value} becomes visible in` : 'its unlock becomes visible',
      entry.word,
    );
    return entry.step;
  }

  /** The CPU wants a lock. */
  acquire(lock: ExploreLock, exclusive: boolean): Suspend {
    this.pendingLock = lock;
    this.pendingExclusive = exclusive;
    return this.#suspend(Pending.acquire);
  }

  /** A choice point with nothing to do first. */
  yieldNow(): Suspend {
    return this.#suspend(Pending.resume);
  }

  /** Waits until the word is no longer `seen`; who sleeps meanwhile has to be notified. */
  waitForChange(word: Word, seen: number): Suspend {
    this.pendingWord = word;
    this.pendingSeen = seen;
    return this.#suspend(Pending.wait);
  }

  /** Wakes who sleeps on the word. */
  notify(word: Word): void {
    this.fence();
    this.#engine.foot.write(parkedOn(word));
    for (const cpu of this.#engine.cpus) if (cpu.pending === Pending.parked && cpu.pendingWord === word) cpu.pending = Pending.wait;
    this.#engine.recorder?.(this.#engine.step, this.id, 'wakes who sleeps on', word);
  }

  now(): number {
    return 0;
  }

  spend(_ps: number): void {}

  chargeLines(_owner: Word, _lines: number): void {}

  chargeRead(_from: number): void {}

  run(ps: number): Suspend {
    this.ranFor = ps;
    return this.#engine.isLayingOut ? false : this.yieldNow();
  }

  kick(_cpuId: number): void {}

  needResched(): boolean {
    return false;
  }

  call(path: KernelPath<unknown>): Suspend {
    if (this.#engine.isLayingOut) {
      runToCompletion(path);
      return false;
    }
    this.assertRunning();
    this.callee = path;
    this.suspended = true;
    return true;
  }

  prepareToSleep(): void {
    this.fence();
    this.#sleep = PREPARED;
    this.#engine.foot.write(taskObject(this.id));
    this.#engine.recorder?.(this.#engine.step, this.id, 'prepares to sleep');
  }

  cancelSleep(): void {
    this.#sleep = AWAKE;
    this.#engine.foot.write(taskObject(this.id));
  }

  schedule(channel: string): Suspend {
    this.channel = channel;
    this.#engine.recorder?.(this.#engine.step, this.id, `sleeps until woken: ${channel}`);
    return this.#suspend(Pending.schedule);
  }

  wake(cpuId: number): boolean {
    this.fence();
    const target = this.#engine.cpus[cpuId];
    const wasAsleep = target.#sleep !== AWAKE;
    target.#sleep = AWAKE;
    this.#engine.foot.write(taskObject(cpuId));
    this.#engine.recorder?.(this.#engine.step, this.id, wasAsleep ? `wakes ${this.#engine.actorName(cpuId)}` : `finds ${this.#engine.actorName(cpuId)} awake`);
    return wasAsleep;
  }

  sleepFor(_ps: number): Suspend {
    return this.#engine.isLayingOut ? false : this.yieldNow();
  }

  /** What a CPU that cannot go on waits for. */
  get waitsFor(): string {
    switch (this.pending) {
      case Pending.acquire:
        return `"${(this.pendingLock as ExploreLock).name}"`;
      case Pending.schedule:
        return `a wakeup (${this.channel})`;
      case Pending.parked:
        return `a notification of ${this.#engine.wordName(this.pendingWord)}`;
      default:
        return `${this.#engine.wordName(this.pendingWord)} to change`;
    }
  }
}
