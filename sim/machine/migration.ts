// A pre-copy migration as a scenario: vCPUs write at a given rate while a thread sends their memory, and what they wrote since, over a link.
// In the spirit of `migrate-perf`, which came with "[RFC PATCH 00/12] KVM: MMU: locklessly wirte-protect" (2013) and is not at hand.
//
// Phases: vCPUs write all their pages once; they write alone, for their normal speed; the migration (migration-rounds.ts).
// Invariant checked after each run: the destination has every page as the guest left it. A write that no round and no log has seen breaks it.

import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import { Kvm } from '../kvm/kvm.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import type { KvmPlant } from '../kvm/plants.js';
import { stateHash } from '../kvm/state-hash.js';
import { stopVcpus } from '../kvm/vcpu-run.js';
import type { Arena } from '../memory/arena.js';
import type { MeasuredValue, MigrationOptions, StallReport } from './cell.js';
import { LockWaits } from './lock-waits.js';
import { REGION_GFN, regionPages } from './memstress.js';
import { migrationArenaWords, migrationKvmConfig } from './migration-options.js';
import { MigrationRounds } from './migration-rounds.js';
import { PageVersions } from './page-versions.js';
import { type Phase, rootsPhase, type Scenario, type World } from './scenario.js';
import { WriterBook } from './writer-book.js';
import { Writers } from './writers.js';

const PS_PER_NS = 1000;
const PS_PER_SECOND = 1e12;
const TOTAL = 'total_time';
/** How long vCPUs write alone: long enough for some writes of each at any rate. */
const ALONE_PS = 2e9;
const ALONE_WRITES = 50;
/** Values of the stop word: the numbers of the phases that they end. */
const STOP_ALONE = 3;
const STOP_MIGRATION = 4;

/** The scenario of one cell, with a planted bug where a check must find it. `options` have passed `checkMigrationOptions`. */
export function migrationScenario(options: MigrationOptions, plant?: KvmPlant): Scenario {
  return {
    vcpuCount: options.vcpus,
    arenaWords: migrationArenaWords(options),
    build: (arena, locks, initialize) => new MigrationWorld(options, { arena, locks, initialize, ...(plant === undefined ? {} : { plant }) }),
  };
}

class MigrationWorld implements World {
  readonly phases: Phase[];
  readonly lockSites = LOCK_SITE_NAMES;
  readonly kvm: Kvm;
  readonly #options: MigrationOptions;
  readonly #versions: PageVersions;
  readonly #alone: WriterBook;
  readonly #beside: WriterBook;
  readonly #writers: Writers;
  readonly #rounds: MigrationRounds;

  constructor(options: MigrationOptions, place: { arena: Arena; locks: LockFactory; initialize: boolean; plant?: KvmPlant }) {
    const { arena, locks, initialize, plant } = place;
    const waits = new LockWaits(options.vcpus);
    const config = migrationKvmConfig(options);
    this.#options = options;
    this.kvm = new Kvm(arena, locks, { ...config, mmu: waits.meter(config.mmu), ...(plant === undefined ? {} : { plant }) }, initialize);
    this.#versions = new PageVersions(arena, { firstGfn: REGION_GFN, pages: regionPages(options) });
    this.#alone = new WriterBook(arena, options.vcpus);
    this.#beside = new WriterBook(arena, options.vcpus);
    this.#writers = new Writers(this.kvm, { options, computePs: computePs(options), waits, versions: this.#versions });
    this.#rounds = new MigrationRounds(arena, this.kvm, { options, versions: this.#versions, initialize });
    this.phases = [
      rootsPhase(this.kvm),
      { metric: '', crew: 'vcpus', orderSensitive: true, path: (cpu) => this.#writers.populate(cpu) },
      { metric: '', crew: 'all', orderSensitive: true, path: (cpu) => this.#runAlone(cpu) },
      { metric: TOTAL, crew: 'all', orderSensitive: true, path: (cpu) => this.#migrate(cpu) },
    ];
  }

  *#runAlone(cpu: Cpu): KernelPath {
    if (cpu.id < this.#options.vcpus) return yield* this.#writers.write(cpu, this.#alone, STOP_ALONE);
    if (cpu.sleepFor(Math.max(ALONE_PS, ALONE_WRITES * computePs(this.#options)))) yield;
    yield* stopVcpus(this.kvm, cpu, STOP_ALONE);
  }

  *#migrate(cpu: Cpu): KernelPath {
    if (cpu.id === this.#options.vcpus) return yield* this.#rounds.run(cpu, STOP_MIGRATION);
    yield* this.#writers.write(cpu, this.#beside, STOP_MIGRATION);
    yield* this.#rounds.stopped(cpu);
  }

  values(): MeasuredValue[] {
    const { rounds, pagesSent, ioctlPs, downtimePs, totalPs, converged } = this.#rounds.sums();
    const alone = this.#alone.sums();
    const { writes, runPs, lockWaitPs } = this.#beside.sums();
    const { count, maxNs, histogram } = this.#beside.stalls();
    const values: Record<string, number> = {
      downtime: Math.round(downtimePs / PS_PER_NS),
      rounds,
      converged: converged ? 1 : 0,
      pages_sent: pagesSent,
      guest_slowdown: alone.writes / alone.runPs / (writes / runPs),
      vcpu_writes_per_second: (this.#options.vcpus * writes * PS_PER_SECOND) / runPs,
      ioctl_time_share: ioctlPs / totalPs,
      mmu_lock_wait_share: lockWaitPs / runPs,
      write_faults: count,
      stall_p99: histogram.p99Ns,
      stall_max: maxNs,
    };
    return Object.entries(values).map(([metric, value]) => ({ metric, value, orderSensitive: true }));
  }

  stalls(): StallReport[] {
    return this.#writers.stalls(TOTAL, this.#beside);
  }

  stateHash(): string {
    return stateHash(this.kvm);
  }

  check(): void {
    this.kvm.mmu.checkInvariants(this.kvm);
    this.#versions.assertCopied();
  }
}

/** Picoseconds between two writes of a vCPU that nothing holds up. */
function computePs({ dirtyRate }: MigrationOptions): number {
  return dirtyRate === 0 ? 0 : Math.round(PS_PER_SECOND / dirtyRate);
}
