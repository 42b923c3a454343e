import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arena } from '../../memory/arena.js';
import { COST_NAMES, type CostName } from '../costs.js';
import type { Cpu, KernelPath } from '../cpu.js';
import { VirtualEngine } from './engine.js';

const COST_NS = Object.fromEntries(COST_NAMES.map((name) => [name, 100])) as Record<CostName, number>;
const TOPOLOGY = { sockets: 2, coresPerSocket: 2, threadsPerCore: 2, packThreads: 2 };

function makeEngine(vcpuCount: number, seed = 1) {
  const arena = Arena.ofWords(256);
  const engine = new VirtualEngine(arena, vcpuCount, {
    topology: TOPOLOGY,
    smt: { core: 2, issue: 2, memory: 1 },
    costNs: { ...COST_NS, start_skew: 0 },
    seed,
  });
  return { arena, engine, word: arena.carveLine('word') };
}

describe('VirtualEngine', () => {
  it('orders accesses by virtual time, not by who runs first', () => {
    const { engine, word } = makeEngine(2);
    const seen: string[] = [];
    function* path(cpu: Cpu, delay: number): KernelPath {
      cpu.spend(delay);
      if (cpu.touch(word)) yield;
      seen.push(`${cpu.id}@${cpu.now()}`);
      cpu.spend(1000);
      if (cpu.touch(word)) yield;
      seen.push(`${cpu.id}@${cpu.now()}`);
    }
    engine.runGang([
      { cpu: engine.cpus[0], path: path(engine.cpus[0], 700) },
      { cpu: engine.cpus[1], path: path(engine.cpus[1], 500) },
    ]);
    assert.deepEqual(seen, ['1@500', '0@700', '1@1500', '0@1700']);
  });

  it('finds a forgotten yield at the next primitive', () => {
    const { engine, word } = makeEngine(2);
    function* forgetful(cpu: Cpu): KernelPath {
      cpu.spend(10);
      // Planted: the answers are dropped.
      // eslint-disable-next-line seam/suspend-must-yield
      cpu.touch(word);
      // eslint-disable-next-line seam/suspend-must-yield
      cpu.touch(word);
      yield;
    }
    function* patient(cpu: Cpu): KernelPath {
      if (cpu.touch(word)) yield;
    }
    const [a, b] = engine.cpus;
    assert.throws(
      () =>
        engine.runGang([
          { cpu: a, path: forgetful(a) },
          { cpu: b, path: patient(b) },
        ]),
      /without yielding/,
    );
  });

  it('finds a yield that no primitive asked for', () => {
    const { engine } = makeEngine(1);
    function* eager(): KernelPath {
      yield;
    }
    assert.throws(() => engine.runGang([{ cpu: engine.cpus[0], path: eager() }]), /yielded though no primitive/);
  });

  it('says who waits for what in a deadlock', () => {
    const { engine } = makeEngine(2);
    const a = engine.locks.spinLock('a', 'queued');
    const b = engine.locks.spinLock('b', 'queued');
    function* path(cpu: Cpu, first: typeof a, second: typeof a): KernelPath {
      if (first.lock(cpu, 0)) yield;
      cpu.spend(1000);
      if (second.lock(cpu, 0)) yield;
    }
    const [x, y] = engine.cpus;
    assert.throws(
      () =>
        engine.runGang([
          { cpu: x, path: path(x, a, b) },
          { cpu: y, path: path(y, b, a) },
        ]),
      /deadlock.*CPU 0 waits for "b", CPU 1 waits for "a"/,
    );
  });

  it('cuts a stretch of guest time at the kick', () => {
    const { engine, word } = makeEngine(2);
    const ran: number[] = [];
    function* guest(cpu: Cpu): KernelPath {
      if (cpu.run(10_000)) yield;
      ran.push(cpu.ranFor, cpu.now());
    }
    function* kicker(cpu: Cpu): KernelPath {
      cpu.spend(4000);
      if (cpu.touch(word)) yield;
      cpu.kick(0);
    }
    engine.runGang(engine.cpus.slice(0, 2).map((cpu) => ({ cpu, path: cpu.id === 0 ? guest(cpu) : kicker(cpu) })));
    assert.deepEqual(ran, [4000, 4000]);
  });

  it('charges a line by where its last writer runs', () => {
    const { engine, word } = makeEngine(7);
    const cost = (from: number, to: number) => {
      engine.cpus[from].chargeLines(word, 1);
      const before = engine.cpus[to].now();
      engine.cpus[to].chargeLines(word, 1);
      return engine.cpus[to].now() - before;
    };
    const place = (id: number) => engine.places[id];
    const find = (test: (a: ReturnType<typeof place>, b: ReturnType<typeof place>) => boolean): [number, number] => {
      for (let a = 0; a < 8; a++) for (let b = 0; b < 8; b++) if (a !== b && test(place(a), place(b))) return [a, b];
      throw new Error('no such pair');
    };
    assert.equal(cost(0, 0), 0);
    assert.equal(cost(...find((a, b) => a.core === b.core)), 100_000);
    assert.equal(cost(...find((a, b) => a.socket === b.socket && a.core !== b.core)), 100_000);
    assert.equal(cost(...find((a, b) => a.socket !== b.socket)), 100_000);
  });
});
