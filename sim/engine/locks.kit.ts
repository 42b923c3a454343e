// What every engine's locks must do, run against each engine: one conformance kit.
//
// The bodies are kernel paths in a table by name, so that a worker thread can look its own up. Whatever the engine cannot observe
// the same way (who waits, how to let time pass) comes from the harness.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Arena } from '../memory/arena.js';
import type { Cpu, KernelPath, LockFactory, RwLock, Suspend, Word } from './cpu.js';
import type { LockReport } from './lock-stats.js';

/** `rwlock` and `rwsem` stand for the write side of a reader-writer lock that spins, and of one that sleeps. */
export type LockKind = 'ticket' | 'queued' | 'mutex' | 'rwlock' | 'rwsem';

/** One run of one body by a gang of CPUs. Plain data. */
export interface KitCase {
  kind: LockKind;
  body: BodyName;
  /** CPUs 0 to `cpuCount - 1` all run the body. */
  cpuCount: number;
  rounds: number;
  /** Longest wait for a lock, in an engine that has such. */
  timeoutMs: number;
}

export interface KitResult {
  /** The scratch words after the run. */
  scratch: Int32Array;
  locks: LockReport[];
  elapsedPs: number;
}

/** What the kit needs of an engine. */
export interface LockHarness {
  /** Gang sizes for mutual exclusion, with rounds each. */
  gangs: { cpuCount: number; rounds: number }[];
  /** Rejects when a body throws or a lock is never given. */
  run(kitCase: KitCase): Promise<KitResult>;
}

/** What the bodies of one CPU work on. */
export interface Ground {
  kind: LockKind;
  lock: AnyExclusiveLock;
  rwLock: RwLock;
  scratch: Word;
  cpuCount: number;
  rounds: number;
  /** CPUs that wait for the lock right now. */
  waiters(): number;
  /** Lets some time pass for the others. */
  pause(cpu: Cpu): Suspend;
}

/** A spinlock, a mutex, or the write side of a reader-writer lock. */
interface AnyExclusiveLock {
  lock(cpu: Cpu, site: number): Suspend;
  unlock(cpu: Cpu): Suspend;
  isContended?(cpu: Cpu): boolean;
  assertHeld(cpu: Cpu): void;
}

const SCRATCH_WORDS = 64;
const COUNT = 0;
const SHADOW = 1;
const BROKEN = 2;
const TURN = 3;
const INSIDE = 4;
const FLAGS = 8;
const ORDER_COUNT = 16;
const ORDER = 17;

const SITES = ['even', 'odd'];
const MAX_PAUSES = 50_000;
const HOLD_PS = 200_000;

/** Makes the locks and carves the scratch words, in the same order on every CPU. */
export function makeGround(kitCase: KitCase, parts: { arena: Arena; locks: LockFactory; pause: Ground['pause'] }): Ground {
  const { arena, locks, pause } = parts;
  const scratch = arena.carve('kit scratch', SCRATCH_WORDS);
  const { kind, cpuCount, rounds } = kitCase;
  const rwLock = kind === 'rwsem' ? locks.rwSem('kit rwsem') : locks.rwLock('kit rwlock');
  const lock = makeExclusive(kind, locks, rwLock);
  const observed = (sharesReading(kind) ? rwLock : lock) as unknown as { waiters: number };
  return { kind, lock, rwLock, scratch, cpuCount, rounds, pause, waiters: () => observed.waiters };
}

function makeExclusive(kind: LockKind, locks: LockFactory, rwLock: RwLock): AnyExclusiveLock {
  if (kind === 'mutex') return locks.mutex('kit mutex');
  return kind === 'ticket' || kind === 'queued' ? locks.spinLock(`kit ${kind}`, kind) : writeSideOf(rwLock);
}

function sharesReading(kind: LockKind): boolean {
  return kind === 'rwlock' || kind === 'rwsem';
}

/** The scratch words of a finished run. */
export function scratchOf(words: Int32Array, ground: Ground): Int32Array {
  return words.slice(ground.scratch, ground.scratch + SCRATCH_WORDS);
}

/** Call sites of the kit, for reports. */
export const KIT_SITES: readonly string[] = SITES;

function writeSideOf(rwLock: RwLock): AnyExclusiveLock {
  return {
    lock: (cpu, site) => rwLock.writeLock(cpu, site),
    unlock: (cpu) => rwLock.writeUnlock(cpu),
    isContended: (cpu) => rwLock.isContended(cpu),
    assertHeld: (cpu) => rwLock.assertHeldForWrite(cpu),
  };
}

export type BodyName = keyof typeof LOCK_BODIES;

/** The bodies by name: each CPU of the gang runs one generator. */
export const LOCK_BODIES = { countUp, takeTurns, shareReading, readWhatIsWritten, holdBackReaders, seeContention, checkHolders, neverRelease };

/** A read and a write with time in between, guarded by nothing but the lock. */
function* countUp(cpu: Cpu, ground: Ground): KernelPath {
  const count = ground.scratch + COUNT;
  for (let round = 0; round < ground.rounds; round++) {
    if (ground.lock.lock(cpu, cpu.id % 2)) yield;
    const before = cpu.words[count];
    cpu.spend(HOLD_PS);
    if (cpu.touch(count)) yield;
    cpu.words[count] = before + 1;
    if (ground.lock.unlock(cpu)) yield;
    cpu.spend(100 * (cpu.id + 1));
  }
}

/** CPU 0 holds the lock until the others have queued up in order; each notes when it is served. */
function* takeTurns(cpu: Cpu, ground: Ground): KernelPath {
  const turn = ground.scratch + TURN;
  const reads = sharesReading(ground.kind) && cpu.id % 2 === 1;
  if (cpu.id > 0) yield* waitUntil(cpu, ground, () => cpu.load(turn) >= cpu.id);
  if (reads ? ground.rwLock.readLock(cpu, 1) : ground.lock.lock(cpu, 0)) yield;
  for (let next = 1; cpu.id === 0 && next < ground.cpuCount; next++) {
    cpu.store(turn, next);
    yield* waitUntil(cpu, ground, () => ground.waiters() === next);
  }
  noteOrder(cpu, ground);
  if (reads ? ground.rwLock.readUnlock(cpu) : ground.lock.unlock(cpu)) yield;
}

/** Every reader waits inside for all others: with one excluded, none gets out. */
function* shareReading(cpu: Cpu, ground: Ground): KernelPath {
  const inside = ground.scratch + INSIDE;
  if (ground.rwLock.readLock(cpu, 0)) yield;
  ground.rwLock.assertHeldForRead(cpu);
  cpu.fetchAdd(inside, 1);
  yield* waitUntil(cpu, ground, () => cpu.load(inside) === ground.cpuCount);
  if (ground.rwLock.readUnlock(cpu)) yield;
}

/** Odd CPUs keep two words equal under the write lock; even ones must never see them differ. */
function* readWhatIsWritten(cpu: Cpu, ground: Ground): KernelPath {
  const { rwLock, scratch } = ground;
  for (let round = 0; round < ground.rounds; round++) {
    const writes = cpu.id % 2 === 1;
    if (writes ? rwLock.writeLock(cpu, 1) : rwLock.readLock(cpu, 0)) yield;
    const count = cpu.words[scratch + COUNT];
    if (cpu.words[scratch + SHADOW] !== count) cpu.store(scratch + BROKEN, 1);
    if (writes) cpu.words[scratch + COUNT] = count + 1;
    cpu.spend(HOLD_PS);
    if (cpu.touch(scratch + SHADOW)) yield;
    if (cpu.words[scratch + SHADOW] !== count) cpu.store(scratch + BROKEN, 1);
    if (writes) cpu.words[scratch + SHADOW] = count + 1;
    if (writes ? rwLock.writeUnlock(cpu) : rwLock.readUnlock(cpu)) yield;
  }
}

/**
 *     CPU 0          CPU 1               CPU 2
 *     reads
 *                    wants to write
 *                                        wants to read: must wait behind CPU 1
 *     stops reading
 */
function* holdBackReaders(cpu: Cpu, ground: Ground): KernelPath {
  const { rwLock } = ground;
  const turn = ground.scratch + TURN;
  const writes = cpu.id === 1;
  if (cpu.id > 0) yield* waitUntil(cpu, ground, () => cpu.load(turn) >= cpu.id);
  if (writes ? rwLock.writeLock(cpu, 1) : rwLock.readLock(cpu, 0)) yield;
  for (let next = 1; cpu.id === 0 && next <= 2; next++) {
    cpu.store(turn, next);
    yield* waitUntil(cpu, ground, () => ground.waiters() === next);
  }
  noteOrder(cpu, ground);
  if (writes ? rwLock.writeUnlock(cpu) : rwLock.readUnlock(cpu)) yield;
}

/** CPU 0 asks before and after CPU 1 has come. */
function* seeContention(cpu: Cpu, ground: Ground): KernelPath {
  const { lock, scratch } = ground;
  if (cpu.id > 0) yield* waitUntil(cpu, ground, () => cpu.load(scratch + TURN) === 1);
  if (lock.lock(cpu, 0)) yield;
  if (cpu.id === 0) {
    cpu.store(scratch + FLAGS, lock.isContended?.(cpu) === true ? 1 : 0);
    cpu.store(scratch + TURN, 1);
    yield* waitUntil(cpu, ground, () => lock.isContended?.(cpu) === true);
    cpu.store(scratch + FLAGS + 1, 1);
  }
  if (lock.unlock(cpu)) yield;
}

/** Flags, each 1 when the call threw: assertHeld by nobody's, the holder's and another's CPU; unlock by another; unlock twice. */
function* checkHolders(cpu: Cpu, ground: Ground): KernelPath {
  const { lock, scratch } = ground;
  const flag = (index: number, call: () => void): void => cpu.store(scratch + FLAGS + index, throws(call) ? 1 : 0);
  if (cpu.id === 1) {
    yield* waitUntil(cpu, ground, () => cpu.load(scratch + TURN) === 1);
    flag(2, () => lock.assertHeld(cpu));
    flag(3, () => void lock.unlock(cpu));
    cpu.store(scratch + TURN, 2);
    return;
  }
  flag(0, () => lock.assertHeld(cpu));
  if (lock.lock(cpu, 0)) yield;
  flag(1, () => lock.assertHeld(cpu));
  cpu.store(scratch + TURN, 1);
  yield* waitUntil(cpu, ground, () => cpu.load(scratch + TURN) === 2);
  if (lock.unlock(cpu)) yield;
  flag(4, () => void lock.unlock(cpu));
  if (lock.lock(cpu, 0)) yield;
  if (lock.unlock(cpu)) yield;
}

/** CPU 0 keeps the lock for ever. */
function* neverRelease(cpu: Cpu, ground: Ground): KernelPath {
  const turn = ground.scratch + TURN;
  if (cpu.id > 0) yield* waitUntil(cpu, ground, () => cpu.load(turn) === 1);
  if (ground.lock.lock(cpu, 0)) yield;
  cpu.store(turn, 1);
}

function noteOrder(cpu: Cpu, ground: Ground): void {
  cpu.store(ground.scratch + ORDER + cpu.fetchAdd(ground.scratch + ORDER_COUNT, 1), cpu.id);
}

function throws(call: () => void): boolean {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}

function* waitUntil(cpu: Cpu, ground: Ground, holds: () => boolean): KernelPath {
  for (let pauses = 0; pauses < MAX_PAUSES; pauses++) {
    if (cpu.touch(ground.scratch + TURN)) yield;
    if (holds()) return;
    if (ground.pause(cpu)) yield;
  }
  throw new Error(`CPU ${cpu.id} waited in vain`);
}

/** Registers the tests of the kit for one engine. */
export function describeLocks(name: string, harness: LockHarness): void {
  describe(name, () => {
    for (const kind of ['ticket', 'queued', 'mutex', 'rwlock', 'rwsem'] as const) describeExclusive(kind, harness);
    for (const kind of ['rwlock', 'rwsem'] as const) describeSharing(kind, harness);
  });
}

const FEW = { rounds: 1, timeoutMs: 10_000 };

function describeExclusive(kind: LockKind, harness: LockHarness): void {
  for (const gang of harness.gangs) {
    it(`${kind}: ${gang.cpuCount} CPUs lose no update, and the statistics add up`, async () => {
      const result = await harness.run({ ...FEW, ...gang, kind, body: 'countUp' });
      assert.equal(result.scratch[COUNT], gang.cpuCount * gang.rounds);
      checkStatistics(result, gang);
    });
  }
  it(`${kind}: waiters are served in order of arrival`, async () => {
    const { scratch } = await harness.run({ ...FEW, kind, body: 'takeTurns', cpuCount: 5 });
    assert.deepEqual([...scratch.subarray(ORDER, ORDER + 5)], [0, 1, 2, 3, 4]);
  });
  it(`${kind}: only the holder passes for it, and unlocks, once`, async () => {
    const { scratch } = await harness.run({ ...FEW, kind, body: 'checkHolders', cpuCount: 2 });
    assert.deepEqual([...scratch.subarray(FLAGS, FLAGS + 5)], [1, 0, 1, 1, 1]);
  });
  it(`${kind}: a lock that is never released ends in an error that names it and the waiting CPU`, async () => {
    await assert.rejects(harness.run({ kind, body: 'neverRelease', cpuCount: 2, rounds: 1, timeoutMs: 50 }), /CPU 1 waits for "kit /);
  });
  if (kind === 'mutex') return;
  it(`${kind}: is contended from the first waiter on`, async () => {
    const { scratch } = await harness.run({ ...FEW, kind, body: 'seeContention', cpuCount: 2 });
    assert.deepEqual([...scratch.subarray(FLAGS, FLAGS + 2)], [0, 1]);
  });
}

function checkStatistics(result: KitResult, gang: { cpuCount: number; rounds: number }): void {
  const { cpuCount, rounds } = gang;
  const acquisitions = SITES.map((site) => result.locks.find((lock) => lock.site === site)?.acquisitions ?? 0);
  assert.deepEqual(acquisitions, [Math.ceil(cpuCount / 2) * rounds, Math.floor(cpuCount / 2) * rounds]);
  const heldNs = result.locks.reduce((total, { holdNsTotal }) => total + holdNsTotal, 0);
  assert.ok(heldNs <= result.elapsedPs / 1000 + 1, `held ${heldNs} ns in ${result.elapsedPs} ps`);
  for (const report of result.locks) {
    assert.ok(report.contentions <= report.acquisitions);
    assert.ok(report.holdNsMax <= report.holdNsTotal && report.waitNsMax <= report.waitNsTotal);
    assert.equal(report.hold.count, report.acquisitions);
    assert.equal(report.wait.count, report.acquisitions);
  }
}

function describeSharing(kind: LockKind, harness: LockHarness): void {
  it(`${kind}: readers share`, async () => {
    const { scratch } = await harness.run({ ...FEW, kind, body: 'shareReading', cpuCount: 3 });
    assert.equal(scratch[INSIDE], 3);
  });
  for (const gang of harness.gangs) {
    it(`${kind}: writers exclude readers and each other, ${gang.cpuCount} CPUs`, async () => {
      const { scratch } = await harness.run({ ...FEW, ...gang, kind, body: 'readWhatIsWritten' });
      assert.equal(scratch[BROKEN], 0);
      assert.equal(scratch[COUNT], Math.floor(gang.cpuCount / 2) * gang.rounds);
    });
  }
  it(`${kind}: a waiting writer holds back new readers`, async () => {
    const { scratch } = await harness.run({ ...FEW, kind, body: 'holdBackReaders', cpuCount: 3 });
    assert.deepEqual([...scratch.subarray(ORDER, ORDER + 3)], [0, 1, 2]);
  });
}
