// demand_paging_test as a scenario: every vCPU touches each of its pages once, and whoever is in charge of a page's fault resolves it.
// Phases, and what is timed, are those of the selftest (demand_paging_test.c, lib/userfaultfd_util.c), with James Houghton's KVM Userfault mode.
// Left out: thread creation, which the selftest's clock includes.

import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import { Contents, type Mm } from '../kvm/mm.js';
import { stateHash } from '../kvm/state-hash.js';
import { type RunPlan, vcpuRun } from '../kvm/vcpu-run.js';
import type { Arena } from '../memory/arena.js';
import type { DemandPagingOptions, StallReport } from './cell.js';
import { AsyncDemandPaging, fetcherCount } from './demand-paging-async.js';
import { Guests } from './guests.js';
import { regionOf } from './memstress.js';
import type { Crew, Phase, Rate, Scenario, World } from './scenario.js';
import { StallBook } from './stall-book.js';
import { type PageSource, readerCount, UserfaultWorld, userfaultArenaWords, userfaultLockCount } from './userfault-world.js';

const PS_PER_US = 1_000_000;
const TOTAL_TIME = 'total_guest_execution_time';

/** The scenario of one cell. `options` have passed `checkDemandPagingOptions`. */
export function demandPagingScenario(options: DemandPagingOptions): Scenario {
  return {
    vcpuCount: options.vcpus,
    serviceCount: readerCount(options) + fetcherCount(options),
    lockCount: userfaultLockCount(options),
    arenaWords: arenaWords(options),
    build: (arena, locks, initialize) => new DemandPagingWorld(options, arena, { locks, initialize }),
  };
}

/** Bytes of shared memory that a cell takes. */
export function demandPagingArenaBytes(options: DemandPagingOptions): number {
  return arenaWords(options) * Int32Array.BYTES_PER_ELEMENT;
}

function arenaWords(options: DemandPagingOptions): number {
  return userfaultArenaWords(options, threadCount(options)) + AsyncDemandPaging.arenaWords(options, threadCount(options));
}

function threadCount(options: DemandPagingOptions): number {
  return options.vcpus + 1 + readerCount(options) + fetcherCount(options);
}

/** `-d`: a usleep before each page is resolved. */
function sleepingSource(delayUs: number): PageSource | undefined {
  if (delayUs === 0) return undefined;
  return {
    *fetchPage(cpu: Cpu): KernelPath {
      if (cpu.sleepFor(delayUs * PS_PER_US)) yield;
    },
  };
}

class DemandPagingWorld implements World {
  readonly phases: Phase[];
  readonly lockSites = [...LOCK_SITE_NAMES, 'network send'];
  readonly rates: readonly Rate[];
  readonly #options: DemandPagingOptions;
  readonly #shared: UserfaultWorld;
  readonly #guests: Guests;
  /** What vCPUs do that run on while their pages come; undefined where they wait. */
  readonly #async: AsyncDemandPaging | undefined;
  readonly #stalls = new StallBook();

  constructor(options: DemandPagingOptions, arena: Arena, parts: { locks: LockFactory; initialize: boolean }) {
    this.#options = options;
    this.#guests = new Guests(options.guestSeed);
    const { locks, initialize } = parts;
    this.#shared = new UserfaultWorld(arena, locks, { options, threadCount: threadCount(options), source: sleepingSource(options.delayUs), initialize });
    if (options.asyncPf === 'user') {
      const firstFetcher = options.vcpus + 1 + readerCount(options);
      this.#async = new AsyncDemandPaging(arena, locks, { options, shared: this.#shared, threads: threadCount(options), firstFetcher });
    }
    this.phases = this.#plan();
    const { pages } = regionOf(options, 0);
    this.rates = [
      { metric: 'per_vcpu_demand_paging_rate', during: TOTAL_TIME, things: pages },
      { metric: 'overall_demand_paging_rate', during: TOTAL_TIME, things: pages * options.vcpus },
    ];
  }

  #plan(): Phase[] {
    const { recovery } = this.#options;
    const phases = this.#shared.setUpPhases();
    const add = (metric: string, crew: Crew, path: Phase['path']): void => void phases.push({ metric, crew, orderSensitive: crew !== 'ioctl', path });
    add(TOTAL_TIME, 'served', (cpu) => this.#path(cpu));
    if (recovery !== 'none') {
      add('disable_kvm_userfault', 'ioctl', (cpu) => this.#shared.disableUserfault(cpu, recovery));
      add('pass_after_disable', 'vcpus', (cpu) => this.#pass(cpu, 'pass_after_disable', { process: 0, stopAt: 0 }));
    }
    return phases;
  }

  #path(cpu: Cpu): KernelPath {
    const { vcpus } = this.#options;
    if (cpu.id < vcpus) return this.#async === undefined ? this.#pass(cpu, TOTAL_TIME, this.#shared.runPlan) : this.#runOn(cpu, this.#async);
    if (cpu.id === vcpus) return this.#shared.joinVcpus(cpu);
    const isReader = cpu.id <= vcpus + readerCount(this.#options);
    return isReader ? this.#shared.reader(cpu) : (this.#async as AsyncDemandPaging).runFetcher(cpu);
  }

  #runOn(cpu: Cpu, async: AsyncDemandPaging): KernelPath {
    const { vcpu } = this.#guests.of(cpu);
    this.#stalls.collect(TOTAL_TIME, vcpu);
    return async.runVcpu(cpu, vcpu, this.#shared.runPlan);
  }

  /** The vCPU writes each of its pages once. */
  #pass(cpu: Cpu, phase: string, plan: RunPlan): KernelPath {
    const { vcpu, pattern } = this.#guests.of(cpu);
    this.#stalls.collect(phase, vcpu);
    pattern.plan({ ...regionOf(this.#options, cpu.id), random: false, writePercent: 100, writeEvery: 0 });
    return vcpuRun(this.#shared.kvm, vcpu, pattern, plan);
  }

  /** @internal what a test may spoil */
  get mm(): Mm {
    return this.#shared.mm;
  }

  stalls(): StallReport[] {
    return this.#stalls.reports();
  }

  stateHash(): string {
    return stateHash(this.#shared.kvm);
  }

  /** Throws when a page is missing or wrong, too. */
  check(counters: Record<string, number>): void {
    const { mm, uffds } = this.#shared;
    const populated = this.#options.kvmUserfault && mm.config.backing === 'guest_memfd';
    const fromPrototype = uffds.length > 0 || mm.config.preallocated || populated;
    mm.assertFilled({ first: 0, count: mm.unitCount }, fromPrototype ? Contents.prototype : Contents.zeroes);
    this.#shared.check(counters, mm.unitCount);
  }
}
