// The seam between kernel paths and the world that runs them.
//
// A kernel path is a generator over a `Cpu`. It suspends only where a primitive answers `true`:
//
//     if (cpu.touch(sptep)) yield;
//     const oldSpte = cpu.load(sptep);
//
// Invariant 1: after a primitive answers `true`, the path yields before it uses another primitive.
// Invariant 2: after a suspend, nothing read earlier from shared memory may be believed.

import type { Costs } from './costs.js';
import type { Counters } from './counters.js';

/** What a primitive answers: `true` means "yield now; the operation is complete when you are resumed". */
export type Suspend = boolean;

/** A kernel path: suspends with bare `yield`, returns its result. */
export type KernelPath<T = void> = Generator<void, T, void>;

/** Index of an Int32 word in the shared arena. */
export type Word = number;

/** One CPU (a vCPU thread or the ioctl thread) as kernel paths see it. Times are integer picoseconds. */
export interface Cpu {
  /** 0-based; the ioctl thread comes after the vCPUs, service threads after that. */
  readonly id: number;
  /** Socket that the thread runs on, 0-based. */
  readonly socket: number;
  /** The shared arena. Plain access is for words guarded by an exclusively held lock. */
  readonly words: Int32Array;
  /** Primitive costs of this CPU in picoseconds (SMT slow-down included). */
  readonly cost: Costs;
  /** Work counted on this CPU. */
  readonly counters: Counters;
  /** How long the last `run` really lasted, in picoseconds. */
  readonly ranFor: number;

  /** Orders the next access to a word that lockless code may race on. Call it right before the access. */
  touch(word: Word): Suspend;
  /**
   * Another CPU may come in between here, before the next access to `word`. For lockless code whose accesses follow each other in one go: an engine that
   * keeps time has ordered them by an earlier `touch` and never suspends here, one that tries every order takes it for a `touch`.
   */
  interleave(word: Word): Suspend;
  /** Whether `interleave` ever answers true: a path may then take smaller steps. */
  readonly interleaves: boolean;
  load(word: Word): number;
  store(word: Word, value: number): void;
  /** Returns the old value; the exchange took place if that equals `expected`. */
  cmpxchg(word: Word, expected: number, value: number): number;
  xchg(word: Word, value: number): number;
  fetchAdd(word: Word, delta: number): number;
  fetchOr(word: Word, bits: number): number;
  fetchAnd(word: Word, bits: number): number;
  /** Stores before it are seen before loads after it are made: smp_mb(). Every atomic read-modify-write is one too. Never suspends. */
  fence(): void;

  /** Time since the run began, picoseconds. */
  now(): number;
  /** Charges `ps` of work. Never suspends. */
  spend(ps: number): void;
  /** Charges the transfer of `lines` written cache lines from their last owner, whom the word `owner` remembers. */
  chargeLines(owner: Word, lines: number): void;
  /** Runs guest code for up to `ps`; a kick may cut it short. `ranFor` tells how long it was. */
  run(ps: number): Suspend;
  /** Cuts short the `run` of another CPU, as an IPI does. The caller pays for the IPI itself. */
  kick(cpuId: number): void;
  /** True when the scheduler wants this CPU for another thread (a time slice ended on a shared CPU). */
  needResched(): boolean;

  /**
   * Runs another path to its end before this one goes on: as `yield*`, but a suspend in it is resumed at once, however deep it is called. For what
   * suspends often on a hot path; its result is dropped.
   */
  call(path: KernelPath<unknown>): Suspend;

  /** Charges the transfer of one cache line that CPU `from` wrote last and this one only reads. */
  chargeRead(from: number): void;

  /** From now on `schedule` sleeps, unless `wake` has come first. Whoever may wake must be ordered against this by a lock or a touch. Models set_current_state(). */
  prepareToSleep(): void;
  /** The thread need not sleep after all. Models __set_current_state(TASK_RUNNING). */
  cancelSleep(): void;
  /** Gives the CPU up until `wake`; comes straight back when that has come since `prepareToSleep`. `channel` says what is waited for, for the report of a deadlock. */
  schedule(channel: string): Suspend;
  /** Wakes a thread that sleeps, or is about to, and pays for it. True when it did. Call it right after a touch or under a lock. Models try_to_wake_up(). */
  wake(cpuId: number): boolean;
  /** Gives the CPU up for `ps`. */
  sleepFor(ps: number): Suspend;
}

/** A word that many CPUs change by single atomic operations: a reference count. Its line serves one CPU at a time, in order of arrival. */
export interface AtomicLine {
  /** One atomic read-modify-write. */
  modify(cpu: Cpu): Suspend;
}

/** A spinlock. `site` says which call site acquires it, for the statistics (see `LockSite`). */
export interface SpinLock {
  readonly name: string;
  lock(cpu: Cpu, site: number): Suspend;
  unlock(cpu: Cpu): Suspend;
  /** True when another CPU waits for the lock. Only the holder may ask. */
  isContended(cpu: Cpu): boolean;
  assertHeld(cpu: Cpu): void;
}

/** A reader-writer lock, fair as the kernel's qrwlock: a waiting writer holds back new readers. */
export interface RwLock {
  readonly name: string;
  readLock(cpu: Cpu, site: number): Suspend;
  readUnlock(cpu: Cpu): Suspend;
  writeLock(cpu: Cpu, site: number): Suspend;
  writeUnlock(cpu: Cpu): Suspend;
  isContended(cpu: Cpu): boolean;
  assertHeldForRead(cpu: Cpu): void;
  assertHeldForWrite(cpu: Cpu): void;
}

/** A sleeping lock with a wait queue. */
export interface Mutex {
  readonly name: string;
  lock(cpu: Cpu, site: number): Suspend;
  unlock(cpu: Cpu): Suspend;
  assertHeld(cpu: Cpu): void;
}

export type SpinLockKind = 'ticket' | 'queued';

/** Makes the locks of one engine. Every thread must make the same locks in the same order. Locks of one name are one class: their statistics add up. */
export interface LockFactory {
  spinLock(name: string, kind: SpinLockKind): SpinLock;
  rwLock(name: string): RwLock;
  mutex(name: string): Mutex;
  /** A reader-writer semaphore: as `rwLock`, but waiters sleep. `readsBeside`: what its holders go on to read stands on its own cache line. */
  rwSem(name: string, readsBeside?: boolean): RwLock;
  atomicLine(name: string): AtomicLine;
}

/** Drives a path that must not suspend (the threads engine, and set-up code) and returns its result. */
export function runToCompletion<T>(path: KernelPath<T>): T {
  const step = path.next();
  if (!step.done) throw new Error('Invariant broken: a path suspended in a world that never suspends');
  return step.value;
}
