import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import { VirtualEngine } from '../engine/virtual/engine.js';
import { costsInNs, loadProfile } from '../machine/profile.js';
import { Arena, LINE_WORDS } from '../memory/arena.js';
import { Srcu } from './srcu.js';

const US = 1_000_000;

function makeSrcu(vcpuCount: number, seed = 1) {
  const arena = Arena.ofWords(Srcu.arenaWords(vcpuCount + 1) + 2 * LINE_WORDS);
  const profile = loadProfile('xeon-8167m-2021');
  const costNs = { ...costsInNs(profile), start_skew: 0 };
  const engine = new VirtualEngine(arena, vcpuCount, { topology: profile.topology, smt: profile.smt, costNs, seed });
  return { engine, srcu: new Srcu(arena, vcpuCount + 1), word: arena.carveLine('published') };
}

/** Waits, reads for some time, and says when it left. */
function* reader(srcu: Srcu, cpu: Cpu, plan: { afterPs: number; forPs: number; left?: (ps: number) => void }): KernelPath {
  if (cpu.run(plan.afterPs)) yield;
  const section = srcu.readLock(cpu);
  if (cpu.run(plan.forPs)) yield;
  srcu.readUnlock(cpu, section);
  plan.left?.(cpu.now());
}

function* updater(srcu: Srcu, cpu: Cpu, plan: { afterPs: number; done: (ps: number) => void }): KernelPath {
  if (cpu.run(plan.afterPs)) yield;
  yield* srcu.synchronizeExpedited(cpu);
  plan.done(cpu.now());
}

/** When the grace period that begins at 10 us ends, and when the reader leaves; microseconds. */
function gracePeriod(plan: { afterPs: number; forPs: number }, index: number): { ended: number; left: number } {
  const { engine, srcu } = makeSrcu(1);
  const [vcpu, ioctl] = engine.cpus;
  for (let i = 0; i < index; i++) engine.runGang([{ cpu: ioctl, path: srcu.synchronizeExpedited(ioctl) }]);
  const start = ioctl.now();
  const times = { ended: 0, left: 0 };
  const read = reader(srcu, vcpu, { ...plan, left: (ps) => (times.left = ps - start) });
  const update = updater(srcu, ioctl, { afterPs: 10 * US, done: (ps) => (times.ended = ps - start) });
  engine.runGang([
    { cpu: vcpu, path: read },
    { cpu: ioctl, path: update },
  ]);
  return times;
}

describe('Srcu', () => {
  it('waits for a reader that was there before, under either index', () => {
    for (const index of [0, 1]) {
      const { ended, left } = gracePeriod({ afterPs: 5 * US, forPs: 100 * US }, index);
      assert.ok(ended >= left, `ended at ${ended} ps, the reader left at ${left} ps`);
      assert.ok(ended - left < 10 * US);
    }
  });

  it('does not wait for a reader that has left', () => {
    for (const index of [0, 1]) {
      const alone = gracePeriod({ afterPs: 0, forPs: US }, index).ended;
      assert.ok(alone < 100 * US);
      assert.equal(gracePeriod({ afterPs: 5 * US, forPs: US }, index).ended, alone);
    }
  });

  it('does not wait for readers that come while it waits for another', () => {
    const { engine, srcu } = makeSrcu(2);
    const [first, second, ioctl] = engine.cpus;
    let ended = 0;
    engine.runGang([
      { cpu: first, path: reader(srcu, first, { afterPs: 0, forPs: 100 * US }) },
      { cpu: second, path: reader(srcu, second, { afterPs: 90 * US, forPs: 500 * US }) },
      { cpu: ioctl, path: updater(srcu, ioctl, { afterPs: 10 * US, done: (ps) => (ended = ps) }) },
    ]);
    assert.ok(ended >= 100 * US && ended < 110 * US, `ended at ${ended} ps`);
  });

  it('counts one grace period for each call', () => {
    const { engine, srcu } = makeSrcu(1);
    const ioctl = engine.cpus[1];
    for (let i = 1; i <= 3; i++) {
      engine.runGang([{ cpu: ioctl, path: srcu.synchronizeExpedited(ioctl) }]);
      assert.equal(engine.counters.srcuGracePeriods, i);
    }
  });

  it('never lets a value be reclaimed that a reader may hold, whatever readers and updater do', () => {
    const times = fc.integer({ min: 0, max: 30 });
    const reads = fc.array(fc.tuple(times, times), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(reads, { minLength: 1, maxLength: 4 }), fc.array(times, { minLength: 1, maxLength: 8 }), (readers, pauses) => {
        assert.equal(
          stalest(readers, pauses, (srcu, cpu) => srcu.synchronizeExpedited(cpu)),
          0,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('is what keeps them from it: without a wait the same readers see reclaimed values', () => {
    const readers = Array.from({ length: 3 }, (_, id) => Array.from({ length: 10 }, (_, i): [number, number] => [i % 3, 10 + id]));
    function* noWait(): KernelPath {}
    assert.ok(stalest(readers, [5, 5, 5, 5], noWait) > 0);
    assert.equal(
      stalest(readers, [5, 5, 5, 5], (srcu, cpu) => srcu.synchronizeExpedited(cpu)),
      0,
    );
  });
});

/** Reads that ended with a value which the updater had reclaimed in between. Times in microseconds. */
function stalest(readers: readonly (readonly [number, number][])[], pauses: readonly number[], wait: (srcu: Srcu, cpu: Cpu) => KernelPath): number {
  const { engine, srcu, word } = makeSrcu(readers.length);
  let stale = 0;
  let reclaimed = -1;
  function* read(cpu: Cpu, plan: readonly [number, number][]): KernelPath {
    for (const [pause, length] of plan) {
      if (cpu.run(pause * US)) yield;
      const section = srcu.readLock(cpu);
      const held = cpu.load(word);
      if (cpu.run(length * US)) yield;
      if (held <= reclaimed) stale++;
      srcu.readUnlock(cpu, section);
    }
  }
  function* update(cpu: Cpu): KernelPath {
    for (const [index, pause] of pauses.entries()) {
      if (cpu.run(pause * US)) yield;
      cpu.store(word, index + 1);
      yield* wait(srcu, cpu);
      reclaimed = index;
    }
  }
  const ioctl = engine.cpus[readers.length];
  engine.runGang([...readers.map((plan, id) => ({ cpu: engine.cpus[id], path: read(engine.cpus[id], plan) })), { cpu: ioctl, path: update(ioctl) }]);
  return stale;
}
