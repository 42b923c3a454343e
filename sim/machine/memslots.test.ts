import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { KernelPath } from '../engine/cpu.js';
import type { Kvm } from '../kvm/kvm.js';
import { STRUCTURES } from '../kvm/memory-region.kit.js';
import type { MemslotsOptions, RunOutcome } from './cell.js';
import { type MemslotsWorld, memslotsScenario } from './memslots.js';
import { DEFAULT_MEMSLOTS } from './memslots-options.js';
import { loadProfile } from './profile.js';
import { closePools, runMemslotsThreads } from './run-suite-threads.js';
import { runMemslotsVirtual, runScenarioVirtual } from './run-virtual.js';

const profile = loadProfile('xeon-8167m-2021');

function options(changes: Partial<MemslotsOptions>): MemslotsOptions {
  return { ...DEFAULT_MEMSLOTS, slots: 10, ...changes };
}

function run(changes: Partial<MemslotsOptions>, seed = 1): RunOutcome {
  return runMemslotsVirtual(options(changes), { profile, seed });
}

function timeOf({ times }: RunOutcome, metric: string): number {
  const found = times.find((time) => time.metric === metric);
  assert.ok(found, `no ${metric}`);
  return found.ns;
}

describe('memslot_perf_test in virtual time', () => {
  it('gives the same numbers, counts and trace for one seed', () => {
    for (const test of ['map', 'move-active', 'readers'] as const) assert.deepEqual(run({ test, loops: 2 }), run({ test, loops: 2 }));
  });

  it('gives the same times for any seed where the ioctl thread is alone', () => {
    for (const changes of [{ test: 'flags' }, { test: 'batch', changes: 5 }, { test: 'setup' }] as const) {
      assert.deepEqual(run(changes, 2).times, run(changes, 1).times, changes.test);
    }
  });

  it('gives means that the seed hardly moves where host and guest drift past each other', () => {
    for (const [test, most] of [
      ['map', 0.01],
      ['rw', 0.01],
      ['unmap', 0.06],
    ] as const) {
      const [a, b] = [1, 2].map((seed) => timeOf(run({ test, loops: 1 }, seed), 'iteration'));
      assert.ok(Math.abs(a - b) < most * a, `${test}: ${a} and ${b} ns`);
    }
  });

  it('unmaps each page of the area once per iteration, one more to warm up', () => {
    for (const loops of [1, 3]) {
      const { counters } = run({ test: 'unmap', slots: 50, memslots: 'array', loops });
      assert.equal(counters.madviseCalls, 32_768 * (loops + 1));
      assert.equal(counters.loops, loops);
    }
    // Steps of 2 MiB: 64 of them, and one more for each end of a memslot within a step: 8 between 9 memslots, none at a step's end.
    assert.equal(run({ test: 'unmap-chunked', slots: 10, loops: 1 }).counters.madviseCalls, 2 * (64 + 8));
    // 8193 pages among 9 memslots of 910, the last with 913: either half lies in five of them, and page 4551 begins the sixth.
    assert.equal(run({ test: 'map', slots: 10, loops: 1 }).counters.madviseCalls, 2 * (5 + 5));
  });

  it('scans all memslots of an array once for each call of madvise', () => {
    for (const slots of [10, 50]) {
      const { counters } = run({ test: 'unmap', slots, memslots: 'array', loops: 1 });
      assert.equal(counters.memslotEntriesScanned, slots * counters.madviseCalls);
      assert.equal(run({ test: 'unmap', slots, memslots: 'tree', loops: 1 }).counters.memslotEntriesScanned, 0);
    }
  });

  it('faults each page in again that the guest writes and the host has dropped', () => {
    const loops = 2;
    const { counters } = run({ test: 'map', loops });
    assert.equal(counters.hostPagesDropped, 4096 * (2 * loops + 2), 'both halves of each iteration');
    // Each half of an iteration but the first of all writes 4096 pages that the host has dropped before.
    assert.equal(counters.hostFaults, 4096 * (2 * loops + 1));
    assert.equal(counters.guestWrites, 4096 * (2 * loops + 3), 'and one pass to begin with');
  });

  it('takes four grace periods for a move and back, one to add a memslot or change flags', () => {
    for (const memslots of STRUCTURES) {
      for (const test of ['move-active', 'move-inactive'] as const) {
        const { counters } = run({ test, memslots, loops: 7 });
        assert.equal(counters.srcuGracePeriods, 4 * (7 + 1));
        assert.equal(counters.loops, 7);
        assert.equal(counters.zapAlls, 2 * (7 + 1));
        if (test === 'move-inactive') assert.equal(counters.mmioExits, 0);
        else assert.ok(counters.mmioExits > 0);
      }
      assert.equal(run({ test: 'setup', slots: 30, memslots }).counters.srcuGracePeriods, 29);
      assert.equal(run({ test: 'flags', slots: 30, memslots }).counters.srcuGracePeriods, 2 * 29);
    }
  });

  it('swaps once for several changes of flags, or once for each', () => {
    const batch = { test: 'batch', slots: 50, changes: 20 } as const;
    assert.equal(run({ ...batch, call: 'one-by-one' }).counters.srcuGracePeriods, 20);
    assert.equal(run({ ...batch, call: 'set-regions' }).counters.srcuGracePeriods, 1);
    assert.equal(run({ ...batch, call: 'change-regions' }).counters.srcuGracePeriods, 1);
  });

  it('copies an array whole for each memslot that is added', () => {
    const { counters } = run({ test: 'setup', slots: 30, memslots: 'array', maxSlots: 509 });
    let copied = 0;
    for (let id = 1; id < 30; id++) copied += id + id; // the copy of what there is, and all move back: the new one has the highest gfn
    assert.equal(counters.memslotEntriesCopied, copied);
    assert.equal(run({ test: 'setup', slots: 30, memslots: 'tree' }).counters.memslotEntriesCopied, 0);
  });

  it('needs two loops for a mean that six do not change by 2 %', () => {
    const [two, six] = [2, 6].map((loops) => timeOf(run({ test: 'map', loops }), 'iteration'));
    assert.ok(Math.abs(two - six) < 0.02 * six, `${two} and ${six} ns`);
  });

  it('ends after the iteration in which the time is over', () => {
    const { counters } = run({ test: 'map', loops: 5, seconds: 0.001 });
    assert.equal(counters.loops, 1);
  });

  it('unmaps 20 times faster with a tree than with an array of 8194 memslots', () => {
    const cell = { test: 'unmap', slots: 8194, loops: 1 } as const;
    assert.ok(timeOf(run({ ...cell, memslots: 'array' }), 'iteration') > 20 * timeOf(run({ ...cell, memslots: 'tree' }), 'iteration'));
  });

  it('slows vCPUs down that use nothing of a memslot that moves, unless it alone is zapped', () => {
    const [all, own] = [true, false].map((zapAll) => {
      const outcome = run({ test: 'zap', vcpus: 2, zapAll });
      return timeOf(outcome, 'guest_pass') / timeOf(outcome, 'guest_pass_alone');
    });
    assert.ok(all > 1.5, `${all}`);
    assert.ok(own < 1.05, `${own}`);
  });
});

/** A cell with a planted bug. */
function runPlanted(changes: Partial<MemslotsOptions>, plant: (world: MemslotsWorld) => void, seed: number): RunOutcome {
  const scenario = memslotsScenario(options(changes));
  const build: typeof scenario.build = (arena, locks, initialize) => {
    const world = scenario.build(arena, locks, initialize) as MemslotsWorld;
    plant(world);
    return world;
  };
  return runScenarioVirtual({ ...scenario, build }, { profile, seed });
}

/** How many of ten seeds find the bug, and that they all find it by `message`. */
function seedsThatFind(changes: Partial<MemslotsOptions>, plant: (world: MemslotsWorld) => void, message: RegExp): number {
  let found = 0;
  for (let seed = 1; seed <= 10; seed++) {
    try {
      runPlanted(changes, plant, seed);
    } catch (error) {
      assert.match((error as Error).message, message);
      found++;
    }
  }
  return found;
}

function* noGracePeriod(): KernelPath {}

/** The first swap of an update comes before what it should show is staged. */
function publishFirst({ kvm }: { kvm: Kvm }): void {
  const { memslots } = kvm;
  const begin = memslots.begin.bind(memslots);
  memslots.begin = (cpu) => {
    begin(cpu);
    memslots.publish(cpu);
  };
}

/** Readers that hold a memslot for as long as a fault does: in virtual time a lookup alone is too short for an updater to come between. */
function holdLonger({ kvm }: MemslotsWorld): void {
  const { memslots } = kvm;
  const find = memslots.gfnToMemslot.bind(memslots);
  memslots.gfnToMemslot = (cpu, gfn) => {
    const memslot = find(cpu, gfn);
    cpu.spend(cpu.cost.fault_exit_direct);
    return memslot;
  };
}

describe('planted bugs', () => {
  const readers = { test: 'readers', slots: 12, vcpus: 3, loops: 2 } as const;
  const torn = /torn|freed|found a memslot at|became another|lost its memslot|was found|memslot id/;

  for (const memslots of STRUCTURES) {
    it(`are found by test readers: an update that does not wait for them (${memslots})`, () => {
      const plant = (world: MemslotsWorld) => {
        holdLonger(world);
        world.kvm.srcu.synchronizeExpedited = noGracePeriod;
      };
      assert.equal(seedsThatFind({ ...readers, memslots }, holdLonger, torn), 0);
      assert.ok(seedsThatFind({ ...readers, memslots }, plant, torn) > 0);
    });
  }

  it('are found by test readers: an array that is published before it is edited', () => {
    const plant = (world: MemslotsWorld) => {
      holdLonger(world);
      publishFirst(world);
    };
    assert.ok(seedsThatFind({ ...readers, memslots: 'array' }, plant, torn) > 0);
  });
});

describe('virtual and threads engine, with memslots', () => {
  after(closePools);

  for (const changes of [{ test: 'map' }, { test: 'map', mmu: 'tdp' }, { test: 'unmap' }, { test: 'unmap-chunked', memslots: 'array' }] as const) {
    it(`agree on the final state: ${JSON.stringify(changes)}`, async () => {
      const cell = options({ ...changes, loops: 1 });
      const virtual = runMemslotsVirtual(cell, { profile, seed: 1 });
      const threads = await runMemslotsThreads(cell, { profile, seed: 1, timeScale: 0 });
      assert.equal(threads.stateHash, virtual.stateHash);
      for (const name of ['madviseCalls', 'hostPagesDropped', 'hostFaults', 'guestWrites', 'loops']) {
        assert.equal(threads.counters[name], virtual.counters[name], name);
      }
    });
  }

  it('keep the invariants where memslots move beside vCPUs', async () => {
    for (const changes of [
      { test: 'move-active', loops: 20 },
      { test: 'move-inactive', loops: 20, memslots: 'array', zapAll: false },
      { test: 'zap', vcpus: 2, memslots: 'array-hva-tree' },
    ] as const) {
      const { counters } = await runMemslotsThreads(options(changes), { profile, seed: 1, timeScale: 0 });
      assert.ok(counters.srcuGracePeriods > 0);
    }
  });

  for (const memslots of STRUCTURES) {
    it(`let readers see whole memslots only: ${memslots}`, async () => {
      for (const lastUsed of ['shared', 'vcpu'] as const) {
        const cell = options({ test: 'readers', vcpus: 2, memslots, lastUsed, loops: 10_000, seconds: 0.1 });
        const { counters } = await runMemslotsThreads(cell, { profile, seed: 1, timeScale: 0 });
        assert.ok(counters.lookupsBeside > 0 && counters.memslotUpdates > 0);
      }
    });
  }
});
