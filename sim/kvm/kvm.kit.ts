// A small VM for tests: laid out as a scenario lays it out, with one CPU of the virtual engine to run plain functions on.

import { VirtualEngine } from '../engine/virtual/engine.js';
import type { DirtyLogOptions } from '../machine/cell.js';
import { type DirtyLogWorld, dirtyLogScenario } from '../machine/dirty-log.js';
import { DEFAULT_DIRTY_LOG } from '../machine/dirty-log-options.js';
import { costsInNs, loadProfile } from '../machine/profile.js';
import { isInCrew } from '../machine/scenario.js';
import { Arena } from '../memory/arena.js';
import type { Kvm } from './kvm.js';
import type { Memslot } from './memslot.js';
import { Observer } from './observer.js';

export const MIB = 2 ** 20;

/** The default cell at 4 MiB per vCPU, with `changes`. */
export function testOptions(changes: Partial<DirtyLogOptions> = {}): DirtyLogOptions {
  return { ...DEFAULT_DIRTY_LOG, vcpus: 2, vcpuBytes: 4 * MIB, ...changes };
}

/** The only memslot of a test VM. */
export function firstMemslot(kvm: Kvm): Memslot {
  return kvm.memslots.idToMemslot(new Observer(kvm.words), 1);
}

/** A world and the engine that can run it, before its first phase. */
export function testWorld(changes: Partial<DirtyLogOptions> = {}, seed = 1): { world: DirtyLogWorld; engine: VirtualEngine } {
  const options = testOptions(changes);
  const scenario = dirtyLogScenario(options);
  const arena = Arena.ofWords(scenario.arenaWords);
  const profile = loadProfile('intel-2s48c-2022');
  const engine = new VirtualEngine(arena, options.vcpus, { topology: profile.topology, smt: profile.smt, costNs: costsInNs(profile), seed });
  return { world: scenario.build(arena, engine.locks, true), engine };
}

/** A VM with room for rmap descriptors, and the ioctl thread's CPU. */
export function testKvm(changes: Partial<DirtyLogOptions> = {}) {
  const { world, engine } = testWorld({ ept: false, processes: 2, guestPageBytes: 2 * MIB, ...changes });
  const cpu = engine.cpus[engine.cpus.length - 1];
  return { kvm: world.kvm, cpu, engine, world };
}

/** Runs the phases of a world up to and including the one called `last`. */
export function runPhases(at: { world: DirtyLogWorld; engine: VirtualEngine }, last: string): void {
  const vcpuCount = at.engine.cpus.length - 1;
  for (const phase of at.world.phases) {
    const crew = at.engine.cpus.filter(({ id }) => isInCrew(phase.crew, id, vcpuCount));
    at.engine.runGang(crew.map((cpu) => ({ cpu, path: phase.path(cpu) })));
    if (phase.metric === last) return;
  }
  throw new Error(`no phase "${last}"`);
}
