// One CPU of a conformance kit on a worker thread: runs a body of the kit's table over the shared arena.

import { parentPort } from 'node:worker_threads';
import { Arena } from '../../memory/arena.js';
import { runToCompletion } from '../cpu.js';
import { Gang } from './gang.js';
import { packLockStats } from './lock-totals.js';
import { attachKit, type KitReply, type KitTask } from './workers.kit.js';

const PAUSE_MS = 0.1;
const idle = new Int32Array(new SharedArrayBuffer(4));

function runBody(task: KitTask): KitReply {
  const { index, run } = task;
  const { cpu, locks, path } = attachKit(new Arena(task.arena), task, pause);
  const gang = new Gang({ words: new Int32Array(task.gang), size: run.kitCase.cpuCount, index, timeoutMs: 10_000 });
  gang.meet('the start');
  const startPs = cpu.now();
  runToCompletion(path(cpu));
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
