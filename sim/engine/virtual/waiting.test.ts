import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arena } from '../../memory/arena.js';
import { COST_NAMES, type CostName } from '../costs.js';
import type { Cpu } from '../cpu.js';
import { describeWaiting, makeWaitingGround, WAITING_BODIES, type WaitingCase, type WaitingResult, waitingScratchOf } from '../waiting.kit.js';
import { VirtualEngine } from './engine.js';

const SCRATCH_WORDS = 256;
const PAUSE_PS = 1_000_000;
const COST_NS = Object.fromEntries(COST_NAMES.map((name) => [name, 100])) as Record<CostName, number>;
const TOPOLOGY = { sockets: 2, coresPerSocket: 2, threadsPerCore: 2, packThreads: 4 };

/** CPUs up to the ioctl thread have a logical CPU of their own, services share what there is. */
function harness(busyCount: number): { run(waitingCase: WaitingCase): Promise<WaitingResult & { elapsedPs: number }> } {
  return {
    async run(waitingCase) {
      const arena = Arena.ofWords(SCRATCH_WORDS);
      const busy = Math.min(busyCount, waitingCase.cpuCount);
      const parts = { topology: TOPOLOGY, smt: { core: 1.4, issue: 2, memory: 1 }, costNs: COST_NS, seed: 1, serviceCount: waitingCase.cpuCount - busy };
      const engine = new VirtualEngine(arena, busy - 1, parts);
      const ground = makeWaitingGround(waitingCase, { arena, locks: engine.locks, pause: (cpu: Cpu) => cpu.run(PAUSE_PS) });
      const { start, end } = engine.runGang(engine.cpus.map((cpu) => ({ cpu, path: WAITING_BODIES[waitingCase.body](cpu, ground) })));
      const locks = engine.locks.stats.flatMap((stats) => stats.report([]));
      return { scratch: waitingScratchOf(arena.words, ground), locks, elapsedPs: end - start };
    },
  };
}

const gangs = [
  { cpuCount: 2, rounds: 500 },
  { cpuCount: 8, rounds: 100 },
  { cpuCount: 24, rounds: 50 },
];

describeWaiting('sleeping threads of the virtual engine', { gangs, ...harness(Infinity) });
describeWaiting('sleeping services of the virtual engine, more than CPUs', { gangs, ...harness(1) });

describe('an atomic line of the virtual engine', () => {
  it('serves one CPU at a time: modifications by all, after the first, take as long as one after the other', async () => {
    const { elapsedPs } = await harness(Infinity).run({ body: 'modifyLine', cpuCount: 8, rounds: 100, timeoutMs: 0 });
    const apart = COST_NS.line_local * 1000;
    assert.ok(elapsedPs >= (8 * 100 - 8) * apart, `${elapsedPs} ps`);
  });
});
