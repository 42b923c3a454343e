// Checks in worker threads, some at a time.

import { Worker } from 'node:worker_threads';
import type { CheckProgress } from '../../sim/index.js';
import { UsageError } from '../errors.js';
import type { CheckAnswer } from './check-worker.js';
import type { CheckJob, CheckRun } from './job.js';

/** Runs checks, each after the other. */
export interface Checker {
  /** Throws a `UsageError` for a replay string that does not fit. */
  run(job: CheckJob, onProgress: (progress: CheckProgress) => void): Promise<CheckRun>;
  close(): Promise<void>;
}

/** A thread for checks. `stop` ends the search that runs, and every later one at once. */
export function openChecker(stop: AbortSignal): Checker {
  const stopWord = new Int32Array(new SharedArrayBuffer(4));
  const onStop = (): void => void Atomics.store(stopWord, 0, 1);
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  const worker = new Worker(new URL('./check-worker.js', import.meta.url), { workerData: { stopWord } });
  return {
    run: (job, onProgress) => ask(worker, job, onProgress),
    close: async () => {
      stop.removeEventListener('abort', onStop);
      await worker.terminate();
    },
  };
}

function ask(worker: Worker, job: CheckJob, onProgress: (progress: CheckProgress) => void): Promise<CheckRun> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      then();
    };
    const onMessage = (answer: CheckAnswer): void => {
      if ('progress' in answer) onProgress(answer.progress);
      else if ('run' in answer) settle(() => resolve(answer.run));
      else settle(() => reject('replayError' in answer ? new UsageError(answer.replayError) : answer.error));
    };
    const onError = (error: unknown): void => settle(() => reject(error));
    const onExit = (code: number): void => settle(() => reject(new Error(`The thread of the check ended with code ${code}`)));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(job);
  });
}
