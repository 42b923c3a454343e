// dirty_log_perf_test as a scenario: populate, enable, then dirty, get and clear per iteration, disable.
// Phases, access patterns and what is timed are those of the selftest (dirty_log_perf_test.c, lib/memstress.c).

import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import { AccessPattern, type PassPlan } from '../guest/access-pattern.js';
import { runPass, runUntilStopped } from '../guest/vcpu-loop.js';
import { summarize } from '../engine/histogram.js';
import { clearDirtyLog, disableDirtyLogging, enableDirtyLogging, getDirtyLog } from '../kvm/dirty-log.js';
import { guestPtWrite, loadRoot } from '../kvm/guest-pt-write.js';
import { Kvm, kvmArenaWords } from '../kvm/kvm.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import type { Memslot } from '../kvm/memslots.js';
import { kickVcpus, Stalls, Vcpu } from '../kvm/vcpu.js';
import type { Arena } from '../memory/arena.js';
import type { DirtyLogOptions, StallReport } from './cell.js';
import { checkDerivedCounts } from './dirty-log-counts.js';
import { kvmConfigOf, regionOf } from './dirty-log-options.js';
import type { Crew, Phase, Scenario, World } from './scenario.js';

/** The scenario of one cell. `options` have passed `checkDirtyLogOptions`. */
export function dirtyLogScenario(options: DirtyLogOptions): Scenario {
  const config = kvmConfigOf(options);
  return {
    vcpuCount: options.vcpus,
    arenaWords: kvmArenaWords(config),
    build(arena: Arena, locks: LockFactory): World {
      return new DirtyLogWorld(options, new Kvm(arena, locks, config));
    },
  };
}

class DirtyLogWorld implements World {
  readonly phases: Phase[] = [];
  readonly lockSites = LOCK_SITE_NAMES;
  readonly #options: DirtyLogOptions;
  readonly #kvm: Kvm;
  readonly #vcpus = new Map<number, { vcpu: Vcpu; pattern: AccessPattern }>();
  readonly #stalls = new Map<string, { read: Stalls; write: Stalls }[]>();

  constructor(options: DirtyLogOptions, kvm: Kvm) {
    this.#options = options;
    this.#kvm = kvm;
    this.#planPhases();
  }

  #planPhases(): void {
    const { concurrent, iterations, initiallyAllSet, runWhileDisabling } = this.#options;
    const besides: Crew = concurrent ? 'all' : 'ioctl';
    this.#addIoctlPhase('', 'ioctl', (cpu) => this.#createRoots(cpu));
    this.#addPhase('populate_memory', 'vcpus', true, (cpu) => this.#populate(cpu));
    this.#addIoctlPhase('enable_dirty_logging', besides, (cpu) => this.#eachSlot(cpu, enableDirtyLogging));
    for (let iteration = 1; iteration <= iterations; iteration++) {
      this.#addPhase(`dirty_memory_iter${iteration}`, 'vcpus', true, (cpu) => this.#dirty(cpu, iteration, false));
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
    this.#addPhase(metric, crew, crew === 'all', (cpu) => {
      if (cpu.id < this.#options.vcpus) return this.#dirtyBeside(cpu, metric);
      return crew === 'all' ? this.#stopAfter(cpu, path(cpu)) : path(cpu);
    });
  }

  // biome-ignore lint/correctness/useYield: a path that never suspends
  *#createRoots(cpu: Cpu): KernelPath {
    this.#kvm.mmu.createRoots(this.#kvm, cpu);
  }

  *#eachSlot(cpu: Cpu, ioctl: (kvm: Kvm, cpu: Cpu, memslot: Memslot) => KernelPath): KernelPath {
    for (const memslot of this.#kvm.memslots.all) yield* ioctl(this.#kvm, cpu, memslot);
  }

  *#stopAfter(cpu: Cpu, path: KernelPath): KernelPath {
    const { stopWord } = this.#kvm;
    cpu.store(stopWord, 0);
    yield* path;
    if (cpu.touch(stopWord)) yield;
    cpu.store(stopWord, 1);
    kickVcpus(this.#kvm, cpu);
  }

  /** Writes every page once through each process's tables, in order. The last of several processes then rewrites one of its entries. */
  *#populate(cpu: Cpu): KernelPath {
    const { vcpu, pattern } = this.#vcpuOf(cpu);
    this.#collectStalls('populate_memory', vcpu);
    const plan: PassPlan = { ...regionOf(this.#options, cpu.id), random: false, writePercent: 100, writeEvery: 0 };
    const { processes } = this.#options;
    for (let process = 0; process < processes; process++) {
      yield* loadRoot(this.#kvm, vcpu, process);
      yield* runPass(this.#kvm, vcpu, pattern, plan);
    }
    if (processes > 1 && cpu.id === 0) yield* guestPtWrite(this.#kvm, vcpu, plan.firstGfn);
  }

  *#dirty(cpu: Cpu, iteration: number, untilStopped: boolean, phase = `dirty_memory_iter${iteration}`): KernelPath {
    const { vcpu, pattern } = this.#vcpuOf(cpu);
    const { randomAccess, writePercent, writeEvery, processes } = this.#options;
    this.#collectStalls(phase, vcpu);
    const plan: PassPlan = { ...regionOf(this.#options, cpu.id), random: randomAccess, writePercent, writeEvery };
    yield* loadRoot(this.#kvm, vcpu, (cpu.id + iteration) % processes);
    if (untilStopped) yield* runUntilStopped(this.#kvm, vcpu, pattern, plan);
    else yield* runPass(this.#kvm, vcpu, pattern, plan);
  }

  #dirtyBeside(cpu: Cpu, phase: string): KernelPath {
    return this.#dirty(cpu, 0, true, phase);
  }

  #vcpuOf(cpu: Cpu): { vcpu: Vcpu; pattern: AccessPattern } {
    let own = this.#vcpus.get(cpu.id);
    if (own === undefined) {
      own = { vcpu: new Vcpu(cpu), pattern: new AccessPattern(this.#options.guestSeed + cpu.id) };
      this.#vcpus.set(cpu.id, own);
    }
    return own;
  }

  #collectStalls(phase: string, vcpu: Vcpu): void {
    vcpu.readStalls = new Stalls();
    vcpu.writeStalls = new Stalls();
    const ofPhase = this.#stalls.get(phase) ?? [];
    ofPhase.push({ read: vcpu.readStalls, write: vcpu.writeStalls });
    this.#stalls.set(phase, ofPhase);
  }

  stalls(): StallReport[] {
    return [...this.#stalls].flatMap(([phase, ofVcpus]) => [
      ...report(phase, 'read', ofVcpus.map(({ read }) => read)),
      ...report(phase, 'write', ofVcpus.map(({ write }) => write)),
    ]);
  }

  check(counters: Record<string, number>): void {
    this.#kvm.mmu.checkInvariants(this.#kvm);
    checkDerivedCounts(this.#options, counters);
  }
}

function report(phase: string, kind: 'read' | 'write', ofVcpus: Stalls[]): StallReport[] {
  const sum = new Stalls();
  for (const stalls of ofVcpus) sum.merge(stalls);
  if (sum.count === 0) return [];
  const { count, totalPs, maxPs, histogram } = sum;
  return [{ phase, kind, count, totalNs: Math.round(totalPs / 1000), maxNs: Math.round(maxPs / 1000), histogram: summarize(histogram) }];
}
