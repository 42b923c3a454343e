import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arena } from '../../memory/arena.js';
import { Prng } from '../../prng.js';
import { COST_NAMES, type CostName } from '../costs.js';
import type { Cpu, KernelPath, Word } from '../cpu.js';
import { VirtualEngine } from './engine.js';
import type { Topology } from './topology.js';

const US = 1_000_000;
const COST_NS = Object.fromEntries(COST_NAMES.map((name) => [name, 100])) as Record<CostName, number>;
const SMT = { core: 2, issue: 2, memory: 1 };

/** Thread 0 is the ioctl thread, the others are services. Logical CPUs are taken in the order of threads, and then once more from the first. */
function makeEngine(topology: Topology, parts: { services: number; seed?: number; costNs?: Partial<Record<CostName, number>> }) {
  const arena = Arena.ofWords(256);
  const costNs = { ...COST_NS, start_skew: 0, ...parts.costNs };
  const engine = new VirtualEngine(arena, 0, { topology, smt: SMT, costNs, seed: parts.seed ?? 1, serviceCount: parts.services });
  return { engine, word: arena.carveLine('word') };
}

/** Runs threads in the order in which they are given. */
function run(engine: VirtualEngine, paths: Record<number, (cpu: Cpu) => KernelPath>, order = Object.keys(paths).map(Number)) {
  return engine.runGang(
    order.map((id) => ({ cpu: engine.cpus[id], path: paths[id](engine.cpus[id]) })),
    { handshake: true },
  );
}

function* workUntil(cpu: Cpu, word: Word, time: number): KernelPath {
  cpu.spend(Math.max(0, time - cpu.now()));
  if (cpu.touch(word)) yield;
}

/** Works until `time`, then sleeps until woken. */
function* sleepAt(cpu: Cpu, word: Word, time: number): KernelPath {
  yield* workUntil(cpu, word, time);
  cpu.prepareToSleep();
  if (cpu.schedule('work')) yield;
}

const ONE_CORE = { sockets: 1, coresPerSocket: 1, threadsPerCore: 2, packThreads: 2 };
const TWO_CORES = { sockets: 1, coresPerSocket: 2, threadsPerCore: 1, packThreads: 2 };
const TWO_SMT_CORES = { sockets: 1, coresPerSocket: 2, threadsPerCore: 2, packThreads: 4 };
const TWO_SOCKETS = { sockets: 2, coresPerSocket: 2, threadsPerCore: 1, packThreads: 2 };
const TWO_SMALL_SOCKETS = { sockets: 2, coresPerSocket: 1, threadsPerCore: 1, packThreads: 1 };

describe('Scheduler', () => {
  it('lets a thread run at full speed while its SMT sibling sleeps', () => {
    const { engine, word } = makeEngine(ONE_CORE, { services: 1 });
    const seen: number[] = [];
    run(engine, {
      *0(cpu) {
        for (const us of [1, 10, 20, 40]) {
          yield* workUntil(cpu, word, us * US);
          seen.push(cpu.cost.map_direct);
          if (us === 10) assert.equal(cpu.wake(1), true);
        }
      },
      *1(cpu) {
        yield* sleepAt(cpu, word, 5 * US);
        yield* workUntil(cpu, word, 30 * US);
      },
    });
    assert.deepEqual(seen, [200_000, 100_000, 200_000, 100_000]);
  });

  it('starts a thread on an idle CPU of its socket, else on another socket', () => {
    const socketOf4 = (order: number[]): number => {
      const { engine, word } = makeEngine(TWO_SOCKETS, { services: 4 });
      const path = (cpu: Cpu): KernelPath => workUntil(cpu, word, 10 * US);
      run(engine, { 0: path, 1: path, 4: path }, order);
      return engine.cpus[4].socket;
    };
    assert.equal(socketOf4([0, 4]), 0);
    assert.equal(socketOf4([0, 1, 4]), 1);
  });

  it('takes an idle core rather than the sibling of a busy CPU', () => {
    const { engine, word } = makeEngine(TWO_SMT_CORES, { services: 4 });
    const path = (cpu: Cpu): KernelPath => workUntil(cpu, word, 10 * US);
    let cost = 0;
    run(engine, {
      0: path,
      *4(cpu) {
        yield* workUntil(cpu, word, 5 * US);
        cost = cpu.cost.map_direct;
      },
    });
    assert.equal(cost, 100_000);
  });

  // Four CPUs, five threads: 4 and 2 start on socket 1, and 3 has to wait until 4 sleeps.
  it('wakes a thread whose CPU is taken on an idle one of the same socket', () => {
    const { engine, word } = makeEngine(TWO_SOCKETS, { services: 4 });
    const sockets: number[] = [];
    const note = function* (cpu: Cpu, time: number): KernelPath {
      yield* sleepAt(cpu, word, time);
      sockets.push(cpu.id, cpu.socket);
    };
    run(
      engine,
      {
        *0(cpu) {
          yield* workUntil(cpu, word, 10 * US);
          for (const sleeper of [4, 1, 2]) cpu.wake(sleeper);
        },
        1: (cpu) => note(cpu, 4 * US),
        2: (cpu) => note(cpu, 3 * US),
        3: (cpu) => workUntil(cpu, word, 100 * US),
        4: (cpu) => note(cpu, 2 * US),
      },
      [0, 1, 4, 2, 3],
    );
    assert.deepEqual(sockets.slice(0, 4), [4, 1, 1, 0]);
  });

  it('lets more threads than CPUs wait their turn, oldest first', () => {
    const { engine, word } = makeEngine(TWO_CORES, { services: 6 });
    const spans: { id: number; from: number; to: number }[] = [];
    const path = function* (cpu: Cpu): KernelPath {
      const from = cpu.now();
      yield* workUntil(cpu, word, from + 10 * US);
      spans.push({ id: cpu.id, from, to: cpu.now() });
    };
    const { end } = run(engine, { 1: path, 2: path, 3: path, 4: path, 5: path, 6: path });
    assert.ok(spans.every(({ from, to }) => spans.filter((other) => other.from < to && other.to > from).length <= 2));
    assert.deepEqual(
      spans.map(({ id }) => id),
      [1, 2, 3, 4, 5, 6],
    );
    assert.ok(end >= 30 * US && end < 40 * US, `${end} ps`);
  });

  it('gives nobody a CPU before its thread has left it', () => {
    const { engine, word } = makeEngine(TWO_CORES, { services: 2 });
    let wokenAt = 0;
    run(
      engine,
      {
        *0(cpu) {
          yield* workUntil(cpu, word, 10 * US);
          assert.equal(cpu.wake(2), true);
          yield* workUntil(cpu, word, 200 * US);
        },
        *1(cpu) {
          cpu.spend(50 * US);
          if (cpu.sleepFor(20 * US)) yield;
        },
        *2(cpu) {
          cpu.prepareToSleep();
          if (cpu.schedule('work')) yield;
          wokenAt = cpu.now();
        },
      },
      [0, 2, 1],
    );
    assert.ok(wokenAt >= 50 * US && wokenAt < 60 * US, `${wokenAt} ps`);
  });

  it('lets a timer go off in time, whatever the others do', () => {
    const { engine } = makeEngine(TWO_CORES, { services: 1 });
    let wokenAt = 0;
    run(engine, {
      *1(cpu) {
        if (cpu.sleepFor(20 * US)) yield;
        wokenAt = cpu.now();
      },
    });
    assert.ok(wokenAt >= 20 * US && wokenAt < 21 * US, `${wokenAt} ps`);
  });

  it('moves the lines that a thread wrote with the thread', () => {
    const { engine, word } = makeEngine(TWO_SMALL_SOCKETS, { services: 2, costNs: { line_sibling: 1, line_local: 2, line_remote: 3 } });
    const path = (cpu: Cpu): KernelPath => workUntil(cpu, word, cpu.now() + 10 * US);
    const fetch = (): number => {
      const before = engine.cpus[0].now();
      engine.cpus[0].chargeRead(2);
      return engine.cpus[0].now() - before;
    };
    run(engine, { 2: path });
    assert.equal(fetch(), 1000, 'on the core of thread 0');
    run(engine, { 0: path, 2: path });
    assert.equal(fetch(), 3000, 'on the other socket, where it had to go');
  });

  it('is the same for the same seed, and another for another', () => {
    const hashOf = (seed: number): string => {
      const { engine, word } = makeEngine(TWO_SOCKETS, { services: 9, seed, costNs: { start_skew: 1000 } });
      const sleeper = function* (cpu: Cpu): KernelPath {
        const prng = new Prng(cpu.id);
        for (let round = 0; round < 50; round++) {
          yield* workUntil(cpu, word, cpu.now() + prng.below(US));
          cpu.wake(1 + prng.below(9));
          if (cpu.sleepFor(prng.below(3 * US))) yield;
        }
      };
      engine.runGang(engine.cpus.slice(1).map((cpu) => ({ cpu, path: sleeper(cpu) })));
      return engine.traceHash;
    };
    assert.equal(hashOf(1), hashOf(1));
    assert.notEqual(hashOf(1), hashOf(2));
  });

  it('says in a deadlock who sleeps for what', () => {
    const { engine, word } = makeEngine(TWO_CORES, { services: 3 });
    const path = (cpu: Cpu): KernelPath => sleepAt(cpu, word, US);
    assert.throws(() => run(engine, { 0: (cpu) => workUntil(cpu, word, US), 3: path }), /deadlock at \d+ ps: CPU 3 waits for "work"$/);
  });
});
