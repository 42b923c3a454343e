import { Arena } from '../../memory/arena.js';
import { COST_NAMES, type CostName } from '../costs.js';
import type { Cpu } from '../cpu.js';
import { describeLocks, KIT_SITES, type KitCase, type KitResult, LOCK_BODIES, makeGround, scratchOf } from '../locks.kit.js';
import { VirtualEngine } from './engine.js';

const SCRATCH_WORDS = 256;
const PAUSE_PS = 1_000_000;
const COST_NS = Object.fromEntries(COST_NAMES.map((name) => [name, 100])) as Record<CostName, number>;
const TOPOLOGY = { sockets: 2, coresPerSocket: 4, threadsPerCore: 2, packThreads: 4 };

async function run(kitCase: KitCase): Promise<KitResult> {
  const arena = Arena.ofWords(SCRATCH_WORDS);
  const engine = new VirtualEngine(arena, kitCase.cpuCount - 1, { topology: TOPOLOGY, smt: { core: 1.4, issue: 2, memory: 1 }, costNs: COST_NS, seed: 1 });
  const ground = makeGround(kitCase, { arena, locks: engine.locks, pause: (cpu: Cpu) => cpu.run(PAUSE_PS) });
  const { start, end } = engine.runGang(engine.cpus.map((cpu) => ({ cpu, path: LOCK_BODIES[kitCase.body](cpu, ground) })));
  const locks = engine.locks.stats.flatMap((stats) => stats.report(KIT_SITES));
  return { scratch: scratchOf(arena.words, ground), locks, elapsedPs: end - start };
}

describeLocks('locks of the virtual engine', {
  gangs: [
    { cpuCount: 2, rounds: 500 },
    { cpuCount: 12, rounds: 200 },
  ],
  run,
});
