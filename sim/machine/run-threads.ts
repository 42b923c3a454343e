// Runs a scenario on a gang of real threads: the main thread's side.
//
// One worker per vCPU, one for the ioctl thread and one per service, from a pool that is kept while repetitions go on. One gang at a time:
// two would spoil each other's numbers. The main thread never blocks, so that an abort ends even a worker which sleeps in Atomics.wait.

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Costs } from '../engine/costs.js';
import { Gang } from '../engine/threads/gang.js';
import { lockArenaWords } from '../engine/threads/lock-factory.js';
import { WAIT_TIMEOUT_MS } from '../engine/threads/wait.js';
import { LINE_WORDS } from '../memory/arena.js';
import type { RunOutcome } from './cell.js';
import { loadScenario, type MemberReport, type MemberTask, type ScenarioSource, sumTallies, tallyBytes } from './run-threads-message.js';
import { outcomeOf } from './run-threads-outcome.js';
import type { Scenario } from './scenario.js';

const WORKER = fileURLToPath(new URL('./run-threads-worker.js', import.meta.url));

/** Longest wait for the slowest member of one phase. */
const MEET_TIMEOUT_MS = 600_000;

/** Gangs whose workers are kept for the next repetition. */
const MAX_POOLS = 2;

export interface ThreadsRun {
  scenario: ScenarioSource;
  /** Primitive costs in picoseconds, without SMT factors: the real machine supplies those. */
  costs: Costs;
  /** Named in errors. */
  seed: number;
  /** Wall time per simulated time; 0 burns nothing. */
  timeScale: number;
  /** True when vCPUs and ioctl thread run in one phase. Then a lock parks as soon as both together outnumber the cores. */
  concurrent?: boolean;
  /** Sleep after a bounded spin; by default when more threads may run at a time than there are cores. */
  park?: boolean;
  meetTimeoutMs?: number;
  /** Longest wait for a lock, and longest sleep of a thread whose wakeup another owes it. */
  lockTimeoutMs?: number;
  signal?: AbortSignal;
}

interface GangPool {
  workers: Piscina;
  /** The last run's arena: zeroing it is cheaper than having the host map another. */
  arena: SharedArrayBuffer | undefined;
}

const pools = new Map<number, GangPool>();
let lastRun: Promise<unknown> = Promise.resolve();

/**
 * Runs one repetition. Rejects with the signal's reason when aborted; with an error that names seed, thread and phase when an
 * assertion fails in any thread. Either way the gang's workers are ended.
 */
export function runScenarioThreads(run: ThreadsRun): Promise<RunOutcome> {
  const next = lastRun.then(() => runGang(run));
  lastRun = next.catch(() => undefined);
  return next;
}

/** Ends all idle workers. */
export async function closePools(): Promise<void> {
  await lastRun;
  await Promise.all([...pools.keys()].map(closePool));
}

async function runGang(run: ThreadsRun): Promise<RunOutcome> {
  run.signal?.throwIfAborted();
  const scenario = await loadScenario(run.scenario);
  const size = gangSize(scenario);
  const pool = await poolOf(size);
  const task = taskOf(run, scenario, pool);
  const members = Array.from({ length: size }, (_, index) => pool.workers.run({ ...task, index }) as Promise<MemberReport>);
  try {
    const reports = await orAbort(Promise.all(members), run.signal);
    return outcomeOf({ reports, vcpuCount: scenario.vcpuCount, counters: sumTallies(task.tallies), cores: task.cores });
  } catch (error) {
    await closePool(size);
    throw error;
  }
}

function gangSize({ vcpuCount, serviceCount = 0 }: Scenario): number {
  return vcpuCount + 1 + serviceCount;
}

/** Services mostly sleep, but count: one that is woken may take the core of a thread that holds a lock, and who spins for it then waits for a time slice. */
function threadsAtOnce({ concurrent = false }: ThreadsRun, { vcpuCount, serviceCount = 0 }: Scenario): number {
  return vcpuCount + serviceCount + (concurrent ? 1 : 0);
}

function taskOf(run: ThreadsRun, scenario: Scenario, pool: GangPool): Omit<MemberTask, 'index'> {
  const { arenaWords, lockCount } = scenario;
  const size = gangSize(scenario);
  const cores = availableParallelism();
  const arenaBytes = (LINE_WORDS + arenaWords + size * LINE_WORDS + lockArenaWords(size, lockCount)) * Int32Array.BYTES_PER_ELEMENT;
  const arenaIsUsed = pool.arena?.byteLength === arenaBytes;
  if (!arenaIsUsed) pool.arena = new SharedArrayBuffer(arenaBytes);
  return {
    scenario: run.scenario,
    size,
    seed: run.seed,
    costs: run.costs,
    timeScale: run.timeScale,
    cores,
    park: run.park ?? threadsAtOnce(run, scenario) > cores,
    meetTimeoutMs: run.meetTimeoutMs ?? MEET_TIMEOUT_MS,
    lockTimeoutMs: run.lockTimeoutMs ?? WAIT_TIMEOUT_MS,
    originNs: process.hrtime.bigint(),
    arena: pool.arena as SharedArrayBuffer,
    arenaIsUsed,
    gang: new SharedArrayBuffer(Gang.wordCount(size) * Int32Array.BYTES_PER_ELEMENT),
    tallies: new SharedArrayBuffer(tallyBytes(size)),
  };
}

async function orAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The pool of gangs of this size; the one used least recently makes room. */
async function poolOf(size: number): Promise<GangPool> {
  const pool = pools.get(size) ?? { workers: newWorkers(size), arena: undefined };
  pools.delete(size);
  pools.set(size, pool);
  const [oldest] = pools.keys();
  if (pools.size > MAX_POOLS) await closePool(oldest);
  return pool;
}

function newWorkers(size: number): Piscina {
  const workers = new Piscina({
    filename: WORKER,
    minThreads: size,
    maxThreads: size,
    concurrentTasksPerWorker: 1,
    idleTimeout: Infinity,
    atomics: 'disabled',
    maxQueue: 0,
  });
  workers.on('error', () => undefined); // a worker that dies rejects its task, which is where the error is handled
  return workers;
}

async function closePool(size: number): Promise<void> {
  const pool = pools.get(size);
  pools.delete(size);
  await pool?.workers.destroy();
}
