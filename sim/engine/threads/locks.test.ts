import { once } from 'node:events';
import { after } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Arena } from '../../memory/arena.js';
import { describeLocks, KIT_SITES, type KitCase, type KitResult, type LockHarness, makeGround, scratchOf } from '../locks.kit.js';
import { Gang } from './gang.js';
import { lockArenaWords, ThreadsLockFactory } from './lock-factory.js';
import { mergeLockTotals } from './lock-totals.js';
import type { KitReply, KitTask } from './locks-kit-worker.js';
import { carveKickWords } from './threads-cpu.js';

const SCRATCH_WORDS = 4096;

/** Workers are kept from test to test: starting one takes longer than most bodies. */
const workers: Worker[] = [];

after(() => Promise.all(workers.map((worker) => worker.terminate())));

function workerAt(index: number): Worker {
  workers[index] ??= new Worker(new URL('./locks-kit-worker.js', import.meta.url));
  return workers[index];
}

async function runOn(index: number, task: KitTask): Promise<KitReply> {
  const worker = workerAt(index);
  worker.postMessage(task);
  const [reply] = (await once(worker, 'message')) as [KitReply];
  return reply;
}

function threadsHarness(options: { park: boolean; gangs: LockHarness['gangs'] }): LockHarness {
  const { park, gangs } = options;
  return { gangs, run: (kitCase) => runGang(kitCase, park) };
}

async function runGang(kitCase: KitCase, park: boolean): Promise<KitResult> {
  const { cpuCount } = kitCase;
  const arena = Arena.ofWords(SCRATCH_WORDS + lockArenaWords(cpuCount));
  const gang = new SharedArrayBuffer(Gang.wordCount(cpuCount) * Int32Array.BYTES_PER_ELEMENT);
  const task = { kitCase, park, originNs: process.hrtime.bigint(), arena: arena.buffer, gang };
  const replies = await Promise.all(Array.from({ length: cpuCount }, (_, index) => runOn(index, { ...task, index })));
  for (const { error } of replies) if (error !== undefined) throw new Error(error);
  const elapsedPs = Math.max(...replies.map(({ finishPs }) => finishPs)) - Math.min(...replies.map(({ startPs }) => startPs));
  const locks = mergeLockTotals(replies.map((reply) => reply.locks)).flatMap((stats) => stats.report(KIT_SITES));
  return { scratch: scratchOf(arena.words, attach(arena, kitCase, park)), locks, elapsedPs };
}

/** Carves what the workers carved, to find the scratch words. */
function attach(arena: Arena, kitCase: KitCase, park: boolean): ReturnType<typeof makeGround> {
  carveKickWords(arena, kitCase.cpuCount);
  const locks = new ThreadsLockFactory(arena, { cpuCount: kitCase.cpuCount, park });
  return makeGround(kitCase, { arena, locks, pause: () => false });
}

// A lock that only spins on more threads than cores waits for the scheduler at every hand-off: two CPUs and few rounds are enough there.
describeLocks('locks of the threads engine, spinning', threadsHarness({ park: false, gangs: [{ cpuCount: 2, rounds: 200 }] }));
describeLocks(
  'locks of the threads engine, parking',
  threadsHarness({
    park: true,
    gangs: [
      { cpuCount: 2, rounds: 1000 },
      { cpuCount: 8, rounds: 100 },
    ],
  }),
);
