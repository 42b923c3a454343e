// What every engine must do about threads that sleep and wake each other, and about words that all change: a conformance kit beside that of
// the locks, built the same way.
//
// Invariant under test: who posts and then wakes, and who prepares to sleep, looks and then sleeps, never miss each other.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Arena } from '../memory/arena.js';
import { Prng } from '../prng.js';
import type { AtomicLine, Cpu, KernelPath, LockFactory, SpinLock, Suspend, Word } from './cpu.js';
import type { LockReport } from './lock-stats.js';

/** One run of one body by a gang of CPUs. Plain data. */
export interface WaitingCase {
  body: WaitingBody;
  /** CPUs 0 to `cpuCount - 1` all run the body. */
  cpuCount: number;
  rounds: number;
  /** Longest sleep without a wakeup, in an engine that has such. */
  timeoutMs: number;
}

export interface WaitingResult {
  /** The scratch words after the run. */
  scratch: Int32Array;
  locks: LockReport[];
  /** Modifications of the line, where the engine counts them. */
  lineCount?: number | undefined;
}

/** What the kit needs of an engine. */
export interface WaitingHarness {
  /** Gangs for the races: even numbers of CPUs, with rounds each. */
  gangs: { cpuCount: number; rounds: number }[];
  /** Rejects when a body throws or a thread is never woken. */
  run(waitingCase: WaitingCase): Promise<WaitingResult>;
}

/** What the bodies of one CPU work on. */
export interface WaitingGround {
  scratch: Word;
  cpuCount: number;
  rounds: number;
  line: AtomicLine;
  sharded: SpinLock[];
  /** Modifications of the line, where the engine counts them. */
  lineCount(): number | undefined;
  /** Lets some time pass for the others. */
  pause(cpu: Cpu): Suspend;
}

const SCRATCH_WORDS = 64;
const TURN = 0;
const FLAGS = 8;
/** By CPU: what others have posted to it. */
const POSTED = 32;

/** More than any factory has room for unless the scenario says so. */
const SHARDS = 40;

/** Locks and lines that `makeWaitingGround` makes. */
export const WAITING_LOCK_COUNT = SHARDS + 1;

const CHANNEL = 'kit channel';
const POST_DISTANCE_PS = 300_000;
const MODIFY_DISTANCE_PS = 100_000;
const SLEEP_PS = 2_000_000_000;
/** Host timers may round down. */
const TIMER_TOLERANCE = 0.99;
const MAX_PAUSES = 50_000;

/** Makes the locks and carves the scratch words, in the same order on every CPU. */
export function makeWaitingGround(waitingCase: WaitingCase, parts: { arena: Arena; locks: LockFactory; pause: WaitingGround['pause'] }): WaitingGround {
  const { arena, locks, pause } = parts;
  const scratch = arena.carve('kit scratch', SCRATCH_WORDS);
  const line = locks.atomicLine('kit line');
  const sharded = Array.from({ length: SHARDS }, () => locks.spinLock('kit shard', 'queued'));
  const { cpuCount, rounds } = waitingCase;
  const observed = line as { count?: number };
  return { scratch, cpuCount, rounds, line, sharded, pause, lineCount: () => observed.count };
}

/** The scratch words of a finished run. */
export function waitingScratchOf(words: Int32Array, ground: WaitingGround): Int32Array {
  return words.slice(ground.scratch, ground.scratch + SCRATCH_WORDS);
}

export type WaitingBody = keyof typeof WAITING_BODIES;

/** The bodies by name: each CPU of the gang runs one generator. */
export const WAITING_BODIES = { passBaton, postAndTake, wakeEarly, wakeTheAwake, sleepWhileOthersRun, neverWake, modifyLine, lockShards };

/** Round a ring: each sleeps until it is its turn, and then wakes the next. A single lost wakeup stops them all. */
function* passBaton(cpu: Cpu, ground: WaitingGround): KernelPath {
  const turn = ground.scratch + TURN;
  for (let round = 0; round < ground.rounds; round++) {
    const own = round * ground.cpuCount + cpu.id;
    yield* sleepUntil(cpu, { word: turn, atLeast: own });
    if (cpu.touch(turn)) yield;
    cpu.store(turn, own + 1);
    if (cpu.touch(turn)) yield;
    cpu.wake((cpu.id + 1) % ground.cpuCount);
  }
}

/** Even CPUs sleep until every odd one has posted `rounds` times to them; odd ones post in random order, at random distances. */
function* postAndTake(cpu: Cpu, ground: WaitingGround): KernelPath {
  const total = (ground.cpuCount / 2) * ground.rounds;
  const box = ground.scratch + POSTED;
  if (cpu.id % 2 === 0) {
    for (let taken = 0; taken < total; taken = cpu.load(box + cpu.id)) yield* sleepUntil(cpu, { word: box + cpu.id, atLeast: taken + 1 });
    return;
  }
  const prng = new Prng(cpu.id);
  for (const sleeper of shuffledSleepers(ground, prng)) {
    if (cpu.touch(box + sleeper)) yield;
    cpu.fetchAdd(box + sleeper, 1);
    if (cpu.touch(box + sleeper)) yield;
    cpu.wake(sleeper);
    cpu.spend(prng.below(POST_DISTANCE_PS));
  }
}

/** Every even CPU `rounds` times. */
function shuffledSleepers({ cpuCount, rounds }: WaitingGround, prng: Prng): number[] {
  const sleepers = Array.from({ length: (cpuCount / 2) * rounds }, (_, index) => 2 * (index % (cpuCount / 2)));
  for (let last = sleepers.length - 1; last > 0; last--) {
    const other = prng.below(last + 1);
    [sleepers[last], sleepers[other]] = [sleepers[other], sleepers[last]];
  }
  return sleepers;
}

/**
 *     CPU 0                        CPU 1
 *                                  prepares to sleep
 *     wakes CPU 1: true
 *     wakes CPU 1 again: false
 *                                  schedules: is not to sleep
 *                                  schedules unprepared: is not to sleep
 */
function* wakeEarly(cpu: Cpu, ground: WaitingGround): KernelPath {
  const { scratch } = ground;
  const turn = scratch + TURN;
  if (cpu.id === 0) {
    yield* waitForTurn(cpu, ground, 1);
    cpu.store(scratch + FLAGS, cpu.wake(1) ? 1 : 0);
    cpu.store(scratch + FLAGS + 1, cpu.wake(1) ? 1 : 0);
    cpu.store(turn, 2);
    return;
  }
  cpu.prepareToSleep();
  cpu.store(turn, 1);
  yield* waitForTurn(cpu, ground, 2);
  for (let times = 0; times < 2; times++) if (cpu.schedule(CHANNEL)) yield;
  cpu.store(scratch + FLAGS + 2, 1);
}

/** CPU 0 wakes CPU 1 before it has ever slept, and once it has changed its mind: false both times, and nobody sleeps. */
function* wakeTheAwake(cpu: Cpu, ground: WaitingGround): KernelPath {
  const { scratch } = ground;
  const turn = scratch + TURN;
  if (cpu.id === 0) {
    cpu.store(scratch + FLAGS, cpu.wake(1) ? 1 : 0);
    cpu.store(turn, 1);
    yield* waitForTurn(cpu, ground, 2);
    cpu.store(scratch + FLAGS + 1, cpu.wake(1) ? 1 : 0);
    cpu.store(turn, 3);
    return;
  }
  yield* waitForTurn(cpu, ground, 1);
  cpu.prepareToSleep();
  cpu.cancelSleep();
  cpu.store(turn, 2);
  yield* waitForTurn(cpu, ground, 3);
  if (cpu.schedule(CHANNEL)) yield;
  cpu.store(scratch + FLAGS + 2, 1);
}

/** CPU 0 notes whether it slept long enough, the others how often they ran meanwhile. */
function* sleepWhileOthersRun(cpu: Cpu, ground: WaitingGround): KernelPath {
  const { scratch } = ground;
  if (cpu.id === 0) {
    const before = cpu.now();
    if (cpu.sleepFor(SLEEP_PS)) yield;
    cpu.store(scratch + FLAGS, cpu.now() - before >= SLEEP_PS * TIMER_TOLERANCE ? 1 : 0);
    if (cpu.touch(scratch + TURN)) yield;
    cpu.store(scratch + TURN, 1);
    return;
  }
  for (let pauses = 0; pauses < MAX_PAUSES; pauses++) {
    if (cpu.touch(scratch + TURN)) yield;
    if (cpu.load(scratch + TURN) === 1) return;
    cpu.fetchAdd(scratch + FLAGS + 1, 1);
    if (ground.pause(cpu)) yield;
  }
}

/** CPU 1 sleeps for ever. */
function* neverWake(cpu: Cpu): KernelPath {
  if (cpu.id !== 1) return;
  cpu.prepareToSleep();
  if (cpu.schedule(CHANNEL)) yield;
}

function* modifyLine(cpu: Cpu, ground: WaitingGround): KernelPath {
  for (let round = 0; round < ground.rounds; round++) {
    cpu.spend(MODIFY_DISTANCE_PS);
    if (ground.line.modify(cpu)) yield;
  }
}

/** Many locks of one name. */
function* lockShards(cpu: Cpu, ground: WaitingGround): KernelPath {
  for (const shard of ground.sharded) {
    if (shard.lock(cpu, 0)) yield;
    if (shard.unlock(cpu)) yield;
  }
}

/** As a wait for a condition in the kernel: prepared before each look. */
function* sleepUntil(cpu: Cpu, { word, atLeast }: { word: Word; atLeast: number }): KernelPath {
  for (;;) {
    cpu.prepareToSleep();
    if (cpu.touch(word)) yield;
    if (cpu.load(word) >= atLeast) break;
    if (cpu.schedule(CHANNEL)) yield;
  }
  cpu.cancelSleep();
}

function* waitForTurn(cpu: Cpu, ground: WaitingGround, turn: number): KernelPath {
  for (let pauses = 0; pauses < MAX_PAUSES; pauses++) {
    if (cpu.touch(ground.scratch + TURN)) yield;
    if (cpu.load(ground.scratch + TURN) >= turn) return;
    if (ground.pause(cpu)) yield;
  }
  throw new Error(`CPU ${cpu.id} waited in vain`);
}

const ONE = { rounds: 1, timeoutMs: 10_000 };

/** Registers the tests of the kit for one engine. */
export function describeWaiting(name: string, harness: WaitingHarness): void {
  describe(name, () => {
    for (const gang of harness.gangs) describeRaces(gang, harness);
    describeSleep(harness);
    it('locks of one name are one class, however many', async () => {
      const { locks } = await harness.run({ ...ONE, body: 'lockShards', cpuCount: 2 });
      assert.deepEqual(
        locks.map(({ acquisitions }) => acquisitions),
        [2 * SHARDS],
      );
    });
  });
}

function describeRaces(gang: WaitingHarness['gangs'][number], harness: WaitingHarness): void {
  const { cpuCount, rounds } = gang;
  it(`passes a baton round ${cpuCount} sleepers ${rounds} times`, async () => {
    const { scratch } = await harness.run({ ...ONE, ...gang, body: 'passBaton' });
    assert.equal(scratch[TURN], cpuCount * rounds);
  });
  it(`loses no wakeup between ${cpuCount / 2} sleepers and as many wakers, in random order`, async () => {
    const { scratch } = await harness.run({ ...ONE, ...gang, body: 'postAndTake' });
    for (let sleeper = 0; sleeper < cpuCount; sleeper += 2) assert.equal(scratch[POSTED + sleeper], (cpuCount / 2) * rounds);
  });
  it(`counts every modification of a line by ${cpuCount} CPUs`, async () => {
    const { lineCount } = await harness.run({ ...ONE, ...gang, body: 'modifyLine' });
    if (lineCount !== undefined) assert.equal(lineCount, cpuCount * rounds);
  });
}

function describeSleep(harness: WaitingHarness): void {
  it('a wakeup between prepareToSleep and schedule counts, once', async () => {
    const { scratch } = await harness.run({ ...ONE, body: 'wakeEarly', cpuCount: 2 });
    assert.deepEqual([...scratch.subarray(FLAGS, FLAGS + 3)], [1, 0, 1]);
  });
  it('a thread that is awake, or has changed its mind, is not woken', async () => {
    const { scratch } = await harness.run({ ...ONE, body: 'wakeTheAwake', cpuCount: 2 });
    assert.deepEqual([...scratch.subarray(FLAGS, FLAGS + 3)], [0, 0, 1]);
  });
  it('sleepFor ends by itself, not early, and others run meanwhile', async () => {
    const { scratch } = await harness.run({ ...ONE, body: 'sleepWhileOthersRun', cpuCount: 2 });
    assert.equal(scratch[FLAGS], 1);
    assert.ok(scratch[FLAGS + 1] > 0);
  });
  it('a sleep without a wakeup ends in an error that names the CPU and what it waits for', async () => {
    await assert.rejects(harness.run({ body: 'neverWake', cpuCount: 2, rounds: 1, timeoutMs: 50 }), /CPU 1 waits for "kit channel"/);
  });
}
