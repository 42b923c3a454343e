// dirty_log_perf_test as a scenario: populate, enable, then dirty, get and clear per iteration, disable.
// Phases, access patterns and what is timed are those of the selftest (dirty_log_perf_test.c, lib/memstress.c).

import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import type { AccessPattern, PassPlan } from '../guest/access-pattern.js';
import { clearDirtyLog, disableDirtyLogging, enableDirtyLogging, getDirtyLog } from '../kvm/dirty-log.js';
import { guestPtWrite } from '../kvm/guest-pt-write.js';
import { Kvm, kvmArenaWords } from '../kvm/kvm.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import { stateHash } from '../kvm/state-hash.js';
import type { Vcpu } from '../kvm/vcpu.js';
import { stopVcpus, vcpuRun } from '../kvm/vcpu-run.js';
import type { Arena } from '../memory/arena.js';
import type { DirtyLogOptions, StallReport } from './cell.js';
import { checkDerivedCounts } from './dirty-log-counts.js';
import { kvmConfigOf } from './dirty-log-options.js';
import { Guests } from './guests.js';
import { regionOf } from './memstress.js';
import { type Crew, type Phase, rootsPhase, type Scenario, type World } from './scenario.js';
import { StallBook } from './stall-book.js';

/** The scenario of one cell. `options` have passed `checkDirtyLogOptions`. */
export function dirtyLogScenario(
  options: DirtyLogOptions,
): Omit<Scenario, 'build'> & { build(arena: Arena, locks: LockFactory, initialize: boolean): DirtyLogWorld } {
  const config = kvmConfigOf(options);
  return {
    vcpuCount: options.vcpus,
    arenaWords: kvmArenaWords(config),
    build(arena: Arena, locks: LockFactory, initialize: boolean): DirtyLogWorld {
      return new DirtyLogWorld(options, new Kvm(arena, locks, config, initialize));
    },
  };
}

export class DirtyLogWorld implements World {
  readonly phases: Phase[] = [];
  readonly lockSites = LOCK_SITE_NAMES;
  readonly #options: DirtyLogOptions;
  readonly kvm: Kvm;
  readonly #guests: Guests;
  readonly #stalls = new StallBook();

  constructor(options: DirtyLogOptions, kvm: Kvm) {
    this.#options = options;
    this.#guests = new Guests(options.guestSeed);
    this.kvm = kvm;
    this.#planPhases();
  }

  #planPhases(): void {
    const { concurrent, iterations, initiallyAllSet, runWhileDisabling } = this.#options;
    const besides: Crew = concurrent ? 'all' : 'ioctl';
    this.phases.push(rootsPhase(this.kvm));
    this.#addPhase('populate_memory', 'vcpus', true, (cpu) => this.#populate(cpu));
    this.#addIoctlPhase('enable_dirty_logging', besides, (cpu) => this.#eachSlot(cpu, enableDirtyLogging));
    for (let iteration = 1; iteration <= iterations; iteration++) {
      this.#addPhase(`dirty_memory_iter${iteration}`, 'vcpus', true, (cpu) => this.#dirty(cpu, `dirty_memory_iter${iteration}`, { iteration, stopAt: 0 }));
      this.#addIoctlPhase(`get_dirty_log_iter${iteration}`, besides, (cpu) => this.#eachSlot(cpu, getDirtyLog));
      if (initiallyAllSet) this.#addIoctlPhase(`clear_dirty_log_iter${iteration}`, besides, (cpu) => this.#eachSlot(cpu, clearDirtyLog));
    }
    this.#addIoctlPhase('disable_dirty_logging', runWhileDisabling || concurrent ? 'all' : 'ioctl', (cpu) => this.#eachSlot(cpu, disableDirtyLogging));
  }

  #addPhase(metric: string, crew: Crew, orderSensitive: boolean, path: (cpu: Cpu) => KernelPath): void {
    this.phases.push({ metric, crew, orderSensitive, path });
  }

  /** With crew 'all' the vCPUs keep dirtying memory beside the ioctl. Such a phase depends on the order of arrival. */
  #addIoctlPhase(metric: string, crew: Crew, path: (cpu: Cpu) => KernelPath): void {
    const number = this.phases.length + 1;
    this.#addPhase(metric, crew, crew === 'all', (cpu) => {
      if (cpu.id < this.#options.vcpus) return this.#dirty(cpu, metric, { iteration: 0, stopAt: number });
      return crew === 'all' ? this.#thenStop(cpu, path(cpu), number) : path(cpu);
    });
  }

  *#eachSlot(cpu: Cpu, ioctl: (kvm: Kvm, cpu: Cpu, id: number) => KernelPath): KernelPath {
    for (let id = 1; id <= this.#options.memslots; id++) yield* ioctl(this.kvm, cpu, id);
  }

  /** The vCPUs beside the ioctl thread finish their pass after this. */
  *#thenStop(cpu: Cpu, path: KernelPath, phaseNumber: number): KernelPath {
    yield* path;
    yield* stopVcpus(this.kvm, cpu, phaseNumber);
  }

  /** Writes every page once, in order, through the tables of each process. */
  #populate(cpu: Cpu): KernelPath {
    const { vcpu, pattern } = this.#guests.of(cpu);
    this.#stalls.collect('populate_memory', vcpu);
    const plan: PassPlan = { ...regionOf(this.#options, cpu.id), random: false, writePercent: 100, writeEvery: 0 };
    pattern.plan(plan);
    if (this.#options.processes > 1) return this.#populateProcesses(vcpu, pattern, plan);
    return vcpuRun(this.kvm, vcpu, pattern, { process: 0, stopAt: 0 });
  }

  /** The last process then rewrites one entry of its tables, so that a shadow page is unsync when logging is enabled. */
  *#populateProcesses(vcpu: Vcpu, pattern: AccessPattern, plan: PassPlan): KernelPath {
    for (let process = 0; process < this.#options.processes; process++) yield* vcpuRun(this.kvm, vcpu, pattern, { process, stopAt: 0 });
    if (vcpu.cpu.id === 0) yield* guestPtWrite(this.kvm, vcpu, plan.firstGfn);
  }

  /** One pass of the pattern that the options ask for, or passes until the ioctl thread is done. */
  #dirty(cpu: Cpu, phase: string, run: { iteration: number; stopAt: number }): KernelPath {
    const { vcpu, pattern } = this.#guests.of(cpu);
    const { randomAccess, writePercent, writeEvery, processes } = this.#options;
    this.#stalls.collect(phase, vcpu);
    pattern.plan({ ...regionOf(this.#options, cpu.id), random: randomAccess, writePercent, writeEvery });
    return vcpuRun(this.kvm, vcpu, pattern, { process: (cpu.id + run.iteration) % processes, stopAt: run.stopAt });
  }

  stalls(): StallReport[] {
    return this.#stalls.reports();
  }

  stateHash(): string {
    return stateHash(this.kvm);
  }

  check(counters: Record<string, number>): void {
    this.kvm.mmu.checkInvariants(this.kvm);
    checkDerivedCounts(this.#options, counters);
  }
}
