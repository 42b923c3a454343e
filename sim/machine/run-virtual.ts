// Runs a scenario in the virtual engine: one thread, integer time, one seed.

import { withSums } from '../engine/counters.js';
import { type GangTimes, VirtualEngine } from '../engine/virtual/engine.js';
import { Arena } from '../memory/arena.js';
import type {
  DemandPagingOptions,
  DirtyLogOptions,
  MemslotsOptions,
  MigrationOptions,
  PhaseTime,
  PostCopyOptions,
  RunOutcome,
  Warning,
  WriteProtectOptions,
} from './cell.js';
import { demandPagingScenario } from './demand-paging.js';
import { dirtyLogScenario } from './dirty-log.js';
import { memslotsScenario } from './memslots.js';
import { migrationScenario } from './migration.js';
import { postCopyScenario } from './post-copy.js';
import { costsInNs, type MachineProfile } from './profile.js';
import { combineTimes, isInCrew, type Phase, ratesOf, type Scenario } from './scenario.js';
import { writeProtectScenario } from './write-protect.js';

export interface VirtualRun {
  profile: MachineProfile;
  seed: number;
}

/** One dirty_log_perf_test cell in virtual time. CPU-bound; throws when an invariant breaks. */
export function runDirtyLogVirtual(options: DirtyLogOptions, run: VirtualRun): RunOutcome {
  return runScenarioVirtual(dirtyLogScenario(options), run);
}

/** One memslot_perf_test cell in virtual time. CPU-bound; throws when an invariant breaks. */
export function runMemslotsVirtual(options: MemslotsOptions, run: VirtualRun): RunOutcome {
  return runScenarioVirtual(memslotsScenario(options), run);
}

/** One demand_paging_test cell in virtual time. CPU-bound; throws when an invariant breaks. */
export function runDemandPagingVirtual(options: DemandPagingOptions, run: VirtualRun): RunOutcome {
  return runScenarioVirtual(demandPagingScenario(options), run);
}

/** One cell of a post-copy migration in virtual time. CPU-bound; throws when an invariant breaks. */
export function runPostCopyVirtual(options: PostCopyOptions, run: VirtualRun): RunOutcome {
  return runScenarioVirtual(postCopyScenario(options), run);
}

/** One write-protect cell in virtual time. CPU-bound; throws when an invariant breaks. */
export function runWriteProtectVirtual(options: WriteProtectOptions, run: VirtualRun): RunOutcome {
  return runScenarioVirtual(writeProtectScenario(options), run);
}

/** One cell of a pre-copy migration in virtual time. CPU-bound; throws when an invariant breaks. */
export function runMigrationVirtual(options: MigrationOptions, run: VirtualRun): RunOutcome {
  return runScenarioVirtual(migrationScenario(options), run);
}

/** Any scenario in virtual time. */
export function runScenarioVirtual(scenario: Scenario, run: VirtualRun): RunOutcome {
  const arena = takeArena(scenario.arenaWords);
  const { topology, smt } = run.profile;
  const engine = new VirtualEngine(arena, scenario.vcpuCount, {
    topology,
    smt,
    costNs: costsInNs(run.profile),
    seed: run.seed,
    serviceCount: scenario.serviceCount ?? 0,
  });
  const world = scenario.build(arena, engine.locks, true);
  const phaseTimes = world.phases.map((phase) => runPhase(engine, phase, scenario.vcpuCount));
  const counters = withSums(engine.counters.toRecord());
  world.check(counters);
  const times = combineTimes(phaseTimes, world.phases, counters);
  const values = [...(world.values?.(counters) ?? []), ...ratesOf(world.rates ?? [], times)];
  return {
    times,
    ...(values.length === 0 ? {} : { values }),
    counters,
    locks: engine.locks.stats.flatMap((stats) => stats.report(world.lockSites)),
    stalls: world.stalls?.() ?? [],
    warnings: warningsOf(scenario, run.profile),
    traceHash: engine.traceHash,
    stateHash: world.stateHash?.() ?? '',
    faults: counters.pageFaults,
  };
}

/** The last run's arena, to be zeroed and used again: that is cheaper than to have the host map and zero another. */
let spare: SharedArrayBuffer | undefined;
/** A larger one is not kept. */
const MAX_SPARE_BYTES = 256 * 2 ** 20;

/**
 * A zeroed arena. A fresh buffer is zero already, but written all the same: a page that is read first and written later costs the host
 * two faults and, with other threads in the process, a TLB shootdown.
 */
function takeArena(words: number): Arena {
  const bytes = Arena.bytesOf(words);
  if (bytes > MAX_SPARE_BYTES) return Arena.ofWords(words);
  if (spare === undefined || spare.byteLength < bytes) spare = new SharedArrayBuffer(bytes);
  const arena = new Arena(spare);
  arena.words.fill(0, 0, bytes / Int32Array.BYTES_PER_ELEMENT);
  return arena;
}

function runPhase(engine: VirtualEngine, phase: Phase, vcpuCount: number): PhaseTime {
  const members = engine.cpus.filter(({ id }) => isInCrew(phase.crew, id, vcpuCount));
  const { start, end, finish } = engine.runGang(
    members.map((cpu) => ({ cpu, path: phase.path(cpu) })),
    { handshake: phase.handshake ?? false },
  );
  const phaseEnd = endOf(phase, { end, finish }, vcpuCount);
  return { metric: phase.metric, ns: Math.round((phaseEnd - start) / 1000), orderSensitive: phase.orderSensitive && vcpuCount > 1 };
}

function endOf({ crew }: Phase, { end, finish }: Pick<GangTimes, 'end' | 'finish'>, vcpuCount: number): number {
  if (crew === 'all') return finish.get(vcpuCount) as number;
  if (crew !== 'served') return end;
  let last = 0;
  for (let id = 0; id < vcpuCount; id++) last = Math.max(last, finish.get(id) as number);
  return last;
}

function warningsOf(scenario: Scenario, profile: MachineProfile): Warning[] {
  const { sockets, coresPerSocket, threadsPerCore } = profile.topology;
  const logical = sockets * coresPerSocket * threadsPerCore;
  const threads = scenario.vcpuCount + 1;
  if (threads <= logical) return [];
  const message = `${threads} threads on a host of ${logical} logical CPUs: modelled as if the host had more sockets of the same kind`;
  return [{ code: 'beyond-host', message }];
}
