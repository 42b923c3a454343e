// One CPU of the lock kit on a worker thread: runs a body of the kit's table over the shared arena.

import { parentPort } from 'node:worker_threads';
import { Arena } from '../../memory/arena.js';
import { COST_NAMES, type Costs } from '../costs.js';
import { runToCompletion } from '../cpu.js';
import { type KitCase, LOCK_BODIES, makeGround } from '../locks.kit.js';
import { Gang } from './gang.js';
import { ThreadsLockFactory } from './lock-factory.js';
import { type LockTotals, packLockStats } from './lock-totals.js';
import { carveKickWords, ThreadsCpu } from './threads-cpu.js';

export interface KitTask {
  kitCase: KitCase;
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

const NO_COSTS = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Costs;
const PAUSE_MS = 0.1;
const idle = new Int32Array(new SharedArrayBuffer(4));

function runBody(task: KitTask): KitReply {
  const { kitCase, index, park, originNs } = task;
  const arena = new Arena(task.arena);
  const gang = new Gang({ words: new Int32Array(task.gang), size: kitCase.cpuCount, index, timeoutMs: 10_000 });
  const kickWords = carveKickWords(arena, kitCase.cpuCount);
  const cpu = new ThreadsCpu({ id: index, words: arena.words, cost: NO_COSTS, kickWords, timeScale: 1, originNs });
  const locks = new ThreadsLockFactory(arena, { cpuCount: kitCase.cpuCount, park, timeoutMs: kitCase.timeoutMs });
  const ground = makeGround(kitCase, { arena, locks, pause });
  gang.meet('the start');
  const startPs = cpu.now();
  runToCompletion(LOCK_BODIES[kitCase.body](cpu, ground));
  return { locks: locks.stats.map(packLockStats), startPs, finishPs: cpu.now() };
}

function pause(): boolean {
  Atomics.wait(idle, 0, 0, PAUSE_MS);
  return false;
}

parentPort?.on('message', (task: KitTask) => {
  try {
    parentPort?.postMessage(runBody(task));
  } catch (error) {
    parentPort?.postMessage({ locks: [], startPs: 0, finishPs: 0, error: (error as Error).message } satisfies KitReply);
  }
});
