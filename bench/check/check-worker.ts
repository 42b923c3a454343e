// Runs checks in a thread of its own: a search never lets go of its thread, and Ctrl-C must be heard all the same.

import { parentPort, workerData } from 'node:worker_threads';
import { type CheckProgress, PROTOCOLS, type Protocol, ReplayError, runCheck } from '../../sim/index.js';
import { type CheckJob, type CheckRun, runJob } from './job.js';
import { loadPlugin } from './plugin.js';

/** What a worker says of its job. */
export type CheckAnswer = { progress: CheckProgress } | { run: CheckRun } | { replayError: string } | { error: unknown };

const { stopWord } = workerData as { stopWord: Int32Array };

async function answer(job: CheckJob): Promise<CheckAnswer> {
  try {
    const protocol = await protocolOf(job);
    const world = { runCheck, isStopped: () => Atomics.load(stopWord, 0) !== 0, onProgress: tell, nowMs: () => performance.now() };
    return { run: runJob(protocol, job, world) };
  } catch (error) {
    return error instanceof ReplayError ? { replayError: error.message } : { error };
  }
}

async function protocolOf({ protocol: name, plugin }: CheckJob): Promise<Protocol> {
  if (plugin !== undefined) return await loadPlugin(plugin);
  const found = PROTOCOLS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`Invariant broken: protocol ${JSON.stringify(name)} is not known to the worker`);
  return found;
}

function tell(progress: CheckProgress): void {
  parentPort?.postMessage({ progress });
}

parentPort?.on('message', (job: CheckJob) => void answer(job).then((message) => parentPort?.postMessage(message)));
