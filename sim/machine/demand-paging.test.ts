import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CostName } from '../engine/costs.js';
import { VirtualEngine } from '../engine/virtual/engine.js';
import { Arena } from '../memory/arena.js';
import { Prng } from '../prng.js';
import { type DemandPagingOptions, READER_WAITS, type RunOutcome, UFFD_MODES } from './cell.js';
import { demandPagingScenario } from './demand-paging.js';
import { DEFAULT_DEMAND_PAGING } from './demand-paging-options.js';
import { costsInNs, loadProfile, type MachineProfile, withOverrides } from './profile.js';
import { runDemandPagingVirtual } from './run-virtual.js';
import type { Scenario, World } from './scenario.js';

const PAGE = 4096;
const X86 = loadProfile('x86-2s48c-2024');

const BASE: DemandPagingOptions = {
  ...DEFAULT_DEMAND_PAGING,
  vcpus: 4,
  vcpuBytes: 64 * PAGE,
  backing: 'shmem',
  uffd: 'minor',
  singleUffd: true,
  preallocate: true,
};

function run(options: Partial<DemandPagingOptions>, how: { profile?: MachineProfile; seed?: number } = {}): RunOutcome {
  return runDemandPagingVirtual({ ...BASE, ...options }, { profile: how.profile ?? X86, seed: how.seed ?? 1 });
}

function rateOf(outcome: RunOutcome): number {
  const rate = outcome.values?.find(({ metric }) => metric === 'per_vcpu_demand_paging_rate');
  assert.ok(rate);
  return rate.value;
}

/** The same machine with every cost drawn anew: other costs, other interleavings. */
function shuffledProfile(seed: number): MachineProfile {
  const prng = new Prng(seed);
  const costs = structuredClone(X86.costs);
  for (const cost of Object.values(costs)) cost.ns = prng.below(4) === 0 ? 0 : prng.below(2000);
  costs.start_skew.ns = prng.below(20_000);
  costs.srcu_poll.ns = 1;
  return { ...X86, costs };
}

describe('demand paging', () => {
  const modes = UFFD_MODES.flatMap((uffd) => [false, true].map((kvmUserfault) => ({ uffd, kvmUserfault })));

  for (const { uffd, kvmUserfault } of modes) {
    it(`brings every page once: ${uffd}${kvmUserfault ? ' and KVM Userfault' : ''}`, () => {
      const options = { uffd, kvmUserfault, backing: uffd === 'missing' ? ('anonymous' as const) : ('shmem' as const) };
      const { counters, times, values } = run(options);
      assert.equal(counters.hostPagesInstalled, 4 * 64);
      assert.equal(counters.sptesMapped, 4 * 64);
      assert.equal(counters.memoryFaultExits, kvmUserfault ? 4 * 64 : 0);
      assert.equal(counters.userfaultsHandled > 0, uffd !== 'none' && !kvmUserfault);
      const [total] = times;
      assert.equal(total.metric, 'total_guest_execution_time');
      const rates = Object.fromEntries((values ?? []).map(({ metric, value }) => [metric, value]));
      assert.equal(rates.per_vcpu_demand_paging_rate, 64 / (total.ns / 1e9));
      assert.equal(rates.overall_demand_paging_rate, (4 * 64) / (total.ns / 1e9));
    });
  }

  it('is exact for one seed, and another seed is another order of arrival', () => {
    const options = { vcpus: 16, readers: 3, overlap: true };
    assert.equal(run(options).traceHash, run(options).traceHash);
    assert.notEqual(run(options).traceHash, run(options, { seed: 2 }).traceHash);
    assert.equal(run(options).stateHash, run(options, { seed: 2 }).stateHash);
  });

  it('resolves every fault exactly once in whatever order things happen, and leaves nobody asleep', () => {
    const schedule = fc.record({
      seed: fc.integer({ min: 1, max: 1e6 }),
      vcpus: fc.integer({ min: 1, max: 6 }),
      readers: fc.integer({ min: 1, max: 4 }),
      overlap: fc.boolean(),
      singleUffd: fc.boolean(),
      kvmUserfault: fc.boolean(),
      vmaLocks: fc.boolean(),
      missing: fc.boolean(),
      delayUs: fc.constantFrom(0, 0, 3),
      readerWait: fc.constantFrom(...READER_WAITS),
    });
    fc.assert(
      fc.property(schedule, ({ seed, missing, ...options }) => {
        const uffd = missing ? 'missing' : 'minor';
        const backing = missing ? 'anonymous' : 'shmem';
        run({ ...options, uffd, backing, vcpuBytes: 24 * PAGE }, { seed, profile: shuffledProfile(seed) });
      }),
      { seed: 4, numRuns: 400 },
    );
  });

  it('runs more threads than the host has CPUs', () => {
    const { counters } = run({ vcpus: 64, readers: 2, singleUffd: false, vcpuBytes: 16 * PAGE });
    assert.equal(counters.hostPagesInstalled, 64 * 16);
  });

  it('runs more than a thousand threads: 512 vCPUs, each with a reader of the one userfaultfd', () => {
    const { counters, warnings } = run({ vcpus: 512, readers: 512, vcpuBytes: 4 * PAGE });
    assert.equal(counters.hostPagesInstalled, 512 * 4);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['beyond-host'],
    );
  });

  it('sleeps before each page as -d says', () => {
    const undelayed = run({ vcpus: 1 }).times[0].ns;
    const delayed = run({ vcpus: 1, delayUs: 50 }).times[0].ns;
    assert.ok(delayed - undelayed > 64 * 50_000, `${delayed} ns with, ${undelayed} ns without`);
  });

  it('lets a vCPU run on while its page comes, with asynchronous page faults that user space drives', () => {
    for (const backing of ['shmem', 'guest_memfd', 'shared_hugetlb_2mb'] as const) {
      const options = { backing, uffd: 'none', kvmUserfault: true, delayUs: 50, vcpuBytes: 512 * PAGE } as const;
      const waits = run(options);
      const runsOn = run({ ...options, asyncPf: 'user' });
      assert.ok(runsOn.times[0].ns < waits.times[0].ns / 5, `${backing}: ${runsOn.times[0].ns} ns, ${waits.times[0].ns} ns where vCPUs wait`);
      assert.equal(runsOn.counters.hostPagesInstalled, waits.counters.hostPagesInstalled);
    }
    const both = run({ uffd: 'minor', kvmUserfault: true, asyncPf: 'user', overlap: true, recovery: 'none' });
    assert.equal(both.counters.uffdContinues - both.counters.uffdEexists, 4 * 64);
  });

  it('maps guest_memfd without page tables of the host', () => {
    const { counters } = run({ backing: 'guest_memfd', uffd: 'none', kvmUserfault: true });
    assert.equal(counters.gupSlow, 0);
    assert.equal(counters.hostPagesInstalled, 4 * 64);
  });
});

describe('huge pages after KVM Userfault', () => {
  const options = { uffd: 'none', kvmUserfault: true, backing: 'shared_hugetlb_2mb', vcpus: 2, vcpuBytes: 4 * 2 ** 20 } as const;
  const time = ({ times }: RunOutcome, metric: string): number => times.find((candidate) => candidate.metric === metric)?.ns ?? Number.NaN;

  it('come back at once, or with the next fault', () => {
    const eager = run({ ...options, recovery: 'eager' });
    const onDemand = run({ ...options, recovery: 'on-demand' });
    assert.equal(eager.counters.memoryFaultExits, 2048, 'each 4 KiB page left to user space once');
    assert.equal(eager.counters.pageFaults, 2 * 2048);
    assert.equal(onDemand.counters.pageFaults, 2 * 2048 + 4);
    assert.ok(time(eager, 'disable_kvm_userfault') > 0);
    assert.ok(time(eager, 'pass_after_disable') < time(onDemand, 'pass_after_disable'));
  });

  it('stay small where the host has small pages', () => {
    const { counters } = run({ ...options, backing: 'shmem', vcpuBytes: 64 * PAGE, recovery: 'eager' });
    assert.equal(counters.pageFaults, 2 * 128);
  });
});

describe('what the post takes away', () => {
  const size = { vcpuBytes: 256 * PAGE };

  it('KVM Userfault wins where nothing is contended: it saves the way through poll, read and wake', () => {
    assert.ok(rateOf(run({ ...size, vcpus: 2, kvmUserfault: true })) > 1.4 * rateOf(run({ ...size, vcpus: 2 })));
  });

  it('one userfaultfd gets slower with vCPUs, and slower still with more readers', () => {
    const two = rateOf(run({ ...size, vcpus: 2 }));
    const many = rateOf(run({ ...size, vcpus: 64 }));
    const manyReaders = rateOf(run({ ...size, vcpus: 64, readers: 64 }));
    assert.ok(many < two / 16, `${many} a vCPU, ${two} of 2`);
    assert.ok(manyReaders < 0.7 * many, `${manyReaders} with 64 readers, ${many} with one`);
  });

  it('a userfaultfd for each vCPU scales', () => {
    const one = rateOf(run({ ...size, vcpus: 64 }));
    const sharded = rateOf(run({ ...size, vcpus: 64, singleUffd: false }));
    assert.ok(sharded > 2.5 * one, `${sharded} with 64, ${one} with one`);
  });
});

describe('why it is so: without the mechanism the feature is gone', () => {
  const size = { vcpus: 64, vcpuBytes: 64 * PAGE };
  /** The x86 host with some costs at nothing. */
  const without = (...names: CostName[]): MachineProfile =>
    withOverrides(
      X86,
      names.map((name) => `${name}=0`),
    );

  it('more readers are slower because a fault tells each of them', () => {
    const profile = without('poll_callback', 'line_local', 'line_remote', 'line_sibling', 'line_atomic');
    const one = rateOf(run(size, { profile }));
    const many = rateOf(run({ ...size, readers: 64 }, { profile }));
    assert.ok(many > one, `${many} with 64 readers, ${one} with one`);
  });

  it('no userfaultfd is slow at 64 vCPUs because lines go from CPU to CPU', () => {
    const options = { ...size, uffd: 'none' } as const;
    const profile = without('line_local', 'line_remote', 'line_sibling', 'line_atomic');
    assert.ok(rateOf(run(options, { profile })) > 4 * rateOf(run(options)));
  });

  it('KVM Userfault at 64 vCPUs of arm64 is slow because part of an exit is serial', () => {
    const arm = loadProfile('ampereone-2024');
    const options = { ...size, uffd: 'none', kvmUserfault: true } as const;
    assert.ok(rateOf(run(options, { profile: withOverrides(arm, ['user_exit_serial=0']) })) > 1.5 * rateOf(run(options, { profile: arm })));
  });
});

describe('planted bugs', () => {
  /** Runs a scenario in which `plant` has spoilt something. */
  function runSpoilt(options: Partial<DemandPagingOptions>, plant: (world: SpoiltWorld) => void): void {
    const scenario = demandPagingScenario({ ...BASE, ...options });
    runOnce(scenario, (world) => plant(world as unknown as SpoiltWorld));
  }

  it('a wakeup that finds nobody leaves a vCPU asleep, and the report says who', () => {
    const overlooked = (): void =>
      runSpoilt({ vcpus: 4, overlap: true, readers: 2 }, ({ mm }) => {
        const [ctx] = mm.userfaultfds;
        ctx.wakeWaiters = () => undefined;
      });
    assert.throws(overlooked, /deadlock at \d+ ps: .*CPU \d waits for "userfaultfd"/);
  });

  it('a fault that tells no reader is never read', () => {
    const untold = (): void =>
      runSpoilt({ vcpus: 2 }, ({ mm }) => {
        const [ctx] = mm.userfaultfds;
        ctx.wakeReaders = () => undefined;
      });
    assert.throws(untold, /deadlock at \d+ ps: .*waits for "userfaultfd".*waits for "epoll_wait"/);
  });

  it('a page that is mapped twice is found', () => {
    const twice = (): void =>
      runSpoilt({ vcpus: 4, overlap: true, readers: 4, delayUs: 1 }, ({ mm }) => {
        const install = mm.install.bind(mm);
        mm.install = (cpu, unit, contents) => {
          const installed = install(cpu, unit, contents);
          if (!installed) cpu.counters.hostPagesInstalled++;
          return installed;
        };
      });
    assert.throws(twice, /host pages installed, expected each of \d+ once/);
  });

  it('a page with the wrong contents is found', () => {
    const wrong = (): void =>
      runSpoilt({ uffd: 'missing', backing: 'anonymous' }, ({ mm }) => {
        mm.contentsOf = () => 1;
      });
    assert.throws(wrong, /host page 0 holds 1, not 2/);
  });
});

type SpoiltWorld = World & { mm: import('../kvm/mm.js').Mm };

function runOnce(scenario: Scenario, plant: (world: World) => void): void {
  const arena = Arena.ofWords(scenario.arenaWords);
  const parts = { topology: X86.topology, smt: X86.smt, costNs: costsInNs(X86), seed: 1, serviceCount: scenario.serviceCount ?? 0 };
  const engine = new VirtualEngine(arena, scenario.vcpuCount, parts);
  const world = scenario.build(arena, engine.locks, true);
  plant(world);
  for (const phase of world.phases) {
    const members = engine.cpus.filter(({ id }) => phase.crew === 'served' || id === scenario.vcpuCount);
    engine.runGang(members.map((cpu) => ({ cpu, path: phase.path(cpu) })));
  }
  world.check({ ...engine.counters.toRecord() });
}
