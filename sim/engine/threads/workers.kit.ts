// Runs the conformance kits on worker threads: the gang that the tests of this engine share, and how each thread attaches to a kit's ground.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Arena } from '../../memory/arena.js';
import { COST_NAMES, type Costs } from '../costs.js';
import type { Cpu, KernelPath, Suspend } from '../cpu.js';
import type { LockReport } from '../lock-stats.js';
import { type KitCase, LOCK_BODIES, makeGround, scratchOf } from '../locks.kit.js';
import { makeWaitingGround, WAITING_BODIES, WAITING_LOCK_COUNT, type WaitingCase, waitingScratchOf } from '../waiting.kit.js';
import { Gang } from './gang.js';
import { lockArenaWords, ThreadsLockFactory } from './lock-factory.js';
import { type LockTotals, mergeLockTotals } from './lock-totals.js';
import { carveKickWords, ThreadsCpu } from './threads-cpu.js';

/** A case of one of the kits. */
export type KitRun = { kit: 'locks'; kitCase: KitCase } | { kit: 'waiting'; kitCase: WaitingCase };

/** One CPU's part of one case. */
export interface KitTask {
  run: KitRun;
  index: number;
  park: boolean;
  originNs: bigint;
  arena: SharedArrayBuffer;
  gang: SharedArrayBuffer;
}

/** What a worker answers: `error` is the message of what its body threw. */
export interface KitReply {
  locks: LockTotals[];
  startPs: number;
  finishPs: number;
  error?: string;
}

interface Attached {
  cpu: ThreadsCpu;
  locks: ThreadsLockFactory;
  /** The body of the case. */
  path(cpu: Cpu): KernelPath;
  scratch(words: Int32Array): Int32Array;
  lineCount(): number | undefined;
}

const SCRATCH_WORDS = 4096;
const NO_COSTS = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Costs;

/** Workers are kept from test to test: starting one takes longer than most bodies. */
const workers: Worker[] = [];

/** Ends the workers. */
export async function endKitWorkers(): Promise<void> {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
}

/** Carves what every thread carves, in the same order. */
export function attachKit(arena: Arena, task: Omit<KitTask, 'arena' | 'gang'>, pause: () => Suspend): Attached {
  const { run, index, park, originNs } = task;
  const { cpuCount, timeoutMs } = run.kitCase;
  const kickWords = carveKickWords(arena, cpuCount);
  const cpu = new ThreadsCpu({ id: index, words: arena.words, cost: NO_COSTS, kickWords, timeScale: 1, originNs, sleepTimeoutMs: timeoutMs });
  const locks = new ThreadsLockFactory(arena, { cpuCount, park, timeoutMs, lockCount: WAITING_LOCK_COUNT });
  const parts = { arena, locks, pause };
  if (run.kit === 'locks') {
    const ground = makeGround(run.kitCase, parts);
    return { cpu, locks, path: (own) => LOCK_BODIES[run.kitCase.body](own, ground), scratch: (words) => scratchOf(words, ground), lineCount: () => undefined };
  }
  const ground = makeWaitingGround(run.kitCase, parts);
  const path = (own: Cpu): KernelPath => WAITING_BODIES[run.kitCase.body](own, ground);
  return { cpu, locks, path, scratch: (words) => waitingScratchOf(words, ground), lineCount: () => ground.lineCount() };
}

interface KitOutcome {
  scratch: Int32Array;
  locks: LockReport[];
  elapsedPs: number;
  lineCount: number | undefined;
}

/** Runs one case on as many workers as it has CPUs. Rejects with the first error of any. */
export async function runKit(run: KitRun, options: { park: boolean; siteNames: readonly string[] }): Promise<KitOutcome> {
  const { cpuCount } = run.kitCase;
  const arena = Arena.ofWords(SCRATCH_WORDS + lockArenaWords(cpuCount, WAITING_LOCK_COUNT));
  const gang = new SharedArrayBuffer(Gang.wordCount(cpuCount) * Int32Array.BYTES_PER_ELEMENT);
  const task = { run, park: options.park, originNs: process.hrtime.bigint(), arena: arena.buffer, gang };
  const replies = await Promise.all(Array.from({ length: cpuCount }, (_, index) => runOn({ ...task, index })));
  for (const { error } of replies) if (error !== undefined) throw new Error(error);
  const elapsedPs = Math.max(...replies.map(({ finishPs }) => finishPs)) - Math.min(...replies.map(({ startPs }) => startPs));
  const locks = mergeLockTotals(replies.map((reply) => reply.locks)).flatMap((stats) => stats.report(options.siteNames));
  const { scratch, lineCount } = attachKit(arena, { ...task, index: 0 }, () => false);
  return { scratch: scratch(arena.words), locks, elapsedPs, lineCount: lineCount() };
}

async function runOn(task: KitTask): Promise<KitReply> {
  workers[task.index] ??= new Worker(new URL('./workers-kit-worker.js', import.meta.url));
  const worker = workers[task.index];
  worker.postMessage(task);
  const [reply] = (await once(worker, 'message')) as [KitReply];
  return reply;
}
