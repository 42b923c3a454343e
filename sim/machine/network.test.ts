import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COST_NAMES, type CostName } from '../engine/costs.js';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import { VirtualEngine } from '../engine/virtual/engine.js';
import { Arena } from '../memory/arena.js';
import { IncomingPages } from './incoming-pages.js';
import { Network, type NetworkOptions, sleepUntil } from './network.js';
import { loadWide, storeWide } from './wide-words.js';

const COST_NS = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Record<CostName, number>;
const TOPOLOGY = { sockets: 1, coresPerSocket: 8, threadsPerCore: 1, packThreads: 1 };
const OPTIONS: NetworkOptions = { latencyNs: 30_000, bandwidth: 0, jitter: 'none', jitterPercent: 0, guestSeed: 1 };
const HOURS_PS = 5 * 3600 * 1e12;

function makeHost(threads: number, options: Partial<NetworkOptions> = {}) {
  const arena = Arena.ofWords(4096);
  const engine = new VirtualEngine(arena, threads, { topology: TOPOLOGY, smt: { core: 1, issue: 1, memory: 1 }, costNs: COST_NS, seed: 1, serviceCount: 1 });
  const network = new Network(arena, engine.locks, { options: { ...OPTIONS, ...options }, pageBytes: 4096, site: 0 });
  const incoming = new IncomingPages(arena, { pages: 16, threads, vcpus: threads, tasksPerVcpu: 4 });
  return { arena, engine, network, incoming };
}

function runAll({ engine }: { engine: VirtualEngine }, threads: number, path: (cpu: Cpu) => KernelPath): number {
  const { start, end } = engine.runGang(engine.cpus.slice(0, threads).map((cpu) => ({ cpu, path: path(cpu) })));
  return end - start;
}

describe('wide words', () => {
  it('keep whole numbers of 53 bits', () => {
    const words = new Int32Array(4);
    for (const value of [0, 1, 2 ** 31 - 1, 2 ** 31, HOURS_PS, Number.MAX_SAFE_INTEGER]) {
      storeWide(words, 1, value);
      assert.equal(loadWide(words, 1), value);
    }
  });
});

describe('Network', () => {
  it('brings a page after the latency when bandwidth is not limited, whoever else asks', () => {
    const host = makeHost(4);
    function* path(cpu: Cpu): KernelPath {
      const roundTripPs = host.network.drawRoundTrip(cpu);
      const sentPs = yield* host.network.send(cpu, 1);
      yield* sleepUntil(cpu, sentPs + roundTripPs);
    }
    assert.equal(runAll(host, 4, path), 30_000_000);
  });

  it('carries one page at a time over the link, in order of the requests', () => {
    const host = makeHost(4, { bandwidth: 4096e6 });
    assert.equal(host.network.transferPs, 1_000_000);
    const sent: number[] = [];
    function* path(cpu: Cpu): KernelPath {
      cpu.spend(cpu.id * 100);
      sent.push(yield* host.network.send(cpu, cpu.id === 1 ? 3 : 1));
    }
    runAll(host, 4, path);
    assert.deepEqual(sent, [1_000_000, 2_000_000, 5_000_000, 6_000_000]);
  });

  it('is idle when nobody asks, also after hours of virtual time', () => {
    const host = makeHost(1, { bandwidth: 4096e6 });
    const sent: number[] = [];
    function* path(cpu: Cpu): KernelPath {
      for (const idlePs of [0, HOURS_PS, 0]) {
        cpu.spend(idlePs);
        sent.push(yield* host.network.send(cpu, 1));
      }
    }
    runAll(host, 1, path);
    assert.deepEqual(sent, [1_000_000, HOURS_PS + 1_000_000, HOURS_PS + 2_000_000]);
  });

  it('never exceeds its bandwidth', () => {
    const host = makeHost(8, { bandwidth: 1.25e9, jitter: 'exponential', jitterPercent: 50 });
    let lastPs = 0;
    function* path(cpu: Cpu): KernelPath {
      for (let page = 0; page < 50; page++) {
        const roundTripPs = host.network.drawRoundTrip(cpu);
        const herePs = (yield* host.network.send(cpu, 1)) + roundTripPs;
        yield* sleepUntil(cpu, herePs);
        lastPs = Math.max(lastPs, cpu.now());
      }
    }
    runAll(host, 8, path);
    assert.ok(lastPs >= 400 * host.network.transferPs + 30_000_000);
  });
});

describe('IncomingPages', () => {
  it('lets one thread fetch a page, and wakes all others when it is here', () => {
    const host = makeHost(6);
    const { incoming } = host;
    let fetched = 0;
    const woken: number[] = [];
    function* path(cpu: Cpu): KernelPath {
      if (cpu.touch(incoming.wordOf(3))) yield;
      if (incoming.claim(cpu, 3)) {
        fetched++;
        if (cpu.sleepFor(5_000_000)) yield;
        yield* incoming.arrive(cpu, 3);
        return;
      }
      yield* incoming.waitUntilHere(cpu, 3);
      assert.ok(incoming.isHere(cpu, 3));
      woken.push(cpu.id);
    }
    runAll(host, 6, path);
    assert.equal(fetched, 1);
    assert.equal(woken.length, 5);
    assert.equal(incoming.countHere(), 1);
  });

  it('does not wait for a page that is here', () => {
    const host = makeHost(1);
    const { incoming } = host;
    function* path(cpu: Cpu): KernelPath {
      assert.ok(incoming.claim(cpu, 0));
      yield* incoming.arrive(cpu, 0);
      yield* incoming.waitUntilHere(cpu, 0);
    }
    assert.equal(runAll(host, 1, path), 0);
  });

  it('tells every task that waits, and its vCPU once for each', () => {
    const host = makeHost(2);
    const { incoming } = host;
    const task = { vcpu: 1, slot: 2 };
    function* path(cpu: Cpu): KernelPath {
      if (cpu.id === 1) return;
      assert.ok(incoming.claim(cpu, 7));
      assert.ok(incoming.awaitFor(cpu, 7, task));
      assert.ok(incoming.awaitFor(cpu, 7, { vcpu: 0, slot: 0 }));
      assert.ok(!incoming.isReady(cpu, task));
      yield* incoming.arrive(cpu, 7);
      assert.ok(incoming.isReady(cpu, task));
      assert.deepEqual([cpu.load(incoming.readyCountOf(0)), cpu.load(incoming.readyCountOf(1))], [1, 1]);
      assert.ok(!incoming.awaitFor(cpu, 7, task));
    }
    runAll(host, 2, path);
  });

  it('throws at the end while a page is on its way', () => {
    const { incoming, engine } = makeHost(1);
    incoming.claim(engine.cpus[0], 1);
    assert.throws(() => incoming.countHere(), /page 1 is still on its way/);
  });
});
