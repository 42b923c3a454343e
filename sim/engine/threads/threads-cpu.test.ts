import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { Arena } from '../../memory/arena.js';
import { COST_NAMES, type Costs } from '../costs.js';
import { carveKickWords, ThreadsCpu } from './threads-cpu.js';

const COSTS = Object.fromEntries(COST_NAMES.map((name) => [name, 1000])) as Costs;
const MS = 1e9;

function makeCpus(timeScale: number, count = 1): ThreadsCpu[] {
  const arena = Arena.ofWords(256);
  const kickWords = carveKickWords(arena, count);
  arena.carveLine('data');
  const originNs = process.hrtime.bigint();
  return Array.from({ length: count }, (_, id) => new ThreadsCpu({ id, words: arena.words, cost: COSTS, kickWords, timeScale, originNs }));
}

function millisecondsOf(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** The fastest of several, since a busy host can only slow things down. */
function fastestOf(work: () => void): number {
  return Math.min(...Array.from({ length: 5 }, () => millisecondsOf(work)));
}

describe('ThreadsCpu', () => {
  it('acts on the words at once, and never suspends', () => {
    const [cpu] = makeCpus(0);
    const word = 32;
    assert.equal(cpu.touch(word), false);
    cpu.store(word, 5);
    assert.equal(cpu.cmpxchg(word, 4, 9), 5);
    assert.equal(cpu.cmpxchg(word, 5, 6), 5);
    assert.equal(cpu.xchg(word, 12), 6);
    assert.equal(cpu.fetchAdd(word, 1), 12);
    assert.equal(cpu.fetchOr(word, 2), 13);
    assert.equal(cpu.fetchAnd(word, 3), 15);
    assert.equal(cpu.load(word), 3);
    cpu.chargeLines(word, 1);
    assert.equal(cpu.load(word), cpu.id + 1);
    assert.equal(cpu.needResched(), false);
  });

  it('now() is an integer that grows on one clock', () => {
    const cpus = makeCpus(0, 2);
    const readings = [cpus[0].now(), cpus[1].now(), cpus[0].now()];
    assert.ok(readings.every(Number.isSafeInteger));
    assert.ok(readings[0] >= 0 && readings[2] >= readings[0]);
    assert.ok(Math.abs(readings[1] - readings[0]) < 1000 * MS);
  });

  it('spend() burns about the time it is told, small amounts added up', () => {
    const [cpu] = makeCpus(1);
    const fastest = fastestOf(() => {
      for (let i = 0; i < 40_000; i++) cpu.spend(50_000);
      cpu.settle();
    });
    assert.ok(fastest > 0.5, `2 ms were burned in ${fastest} ms`);
  });

  it('timeScale 0 burns nothing', () => {
    const [burning] = makeCpus(1);
    const [idle] = makeCpus(0);
    const burned = fastestOf(() => burning.spend(5 * MS));
    const skipped = fastestOf(() => idle.spend(5 * MS));
    assert.ok(skipped < burned, `${skipped} ms, not less than ${burned} ms`);
  });

  it('run() lasts as long as it is told', () => {
    const [cpu] = makeCpus(1);
    for (const ps of [1000, 3 * MS]) {
      assert.equal(cpu.run(ps), false);
      assert.equal(cpu.ranFor, ps);
    }
  });

  for (const timeScale of [0, 1]) {
    it(`a kick cuts the next run() short, once, at time scale ${timeScale}`, () => {
      const [sender, target] = makeCpus(timeScale, 2);
      sender.kick(target.id);
      target.run(MS);
      assert.equal(target.ranFor, 0);
      target.run(MS);
      assert.equal(target.ranFor, MS);
      sender.run(1000);
      assert.equal(sender.ranFor, 1000);
    });
  }
});
