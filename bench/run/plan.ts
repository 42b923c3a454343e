// From a request to cells: each with its key, its machine, its seeds and what it will cost to run. Nothing runs here.

import { totalmem } from 'node:os';
import { loadProfile, type MachineProfile, profileHash, withOverrides } from '../../sim/index.js';
import { messageOf, UsageError } from '../errors.js';
import { type CellOptions, describeOptions, type Engine, formatSize, type GivenOptions, type Suite, type SuiteSimulation } from '../suites/index.js';

/** A machine profile with the changes of `--set` applied. */
export interface Machine {
  profile: MachineProfile;
  /** The name or file that it was asked for by. */
  source: string;
  /** As results state it. */
  record: { name: string; hash: string; overrides: string[] };
}

/** One cell of a run, before it ran. */
export interface PlannedCell {
  suite: Suite;
  simulation: SuiteSimulation;
  engine: Engine;
  options: CellOptions;
  /** Unique within a run: suite, engine, profile and every option. */
  key: string;
  machine: Machine;
  /** Virtual engine: each is a run. Threads engine: each is the seed of a repetition. */
  seeds: number[];
  /** Threads engine only. */
  timeScale?: number;
  /** Shared memory of one run, in bytes. */
  arenaBytes: number;
  /** Expected work of one run, as the suite weighs it. */
  weight: number;
}

export interface PlanOptions {
  engine: Engine;
  smoke: boolean;
  /** Name or file of a profile; each suite's own where absent. */
  profile?: string;
  sets: string[];
  seeds: number[];
  timeScale: number;
  /** Hears about cells that were asked for and left out. */
  note?(line: string): void;
}

/** Loads a profile and applies `--set` changes. Throws a `UsageError` of one line. */
export function loadMachine(nameOrPath: string, sets: string[]): Machine {
  try {
    const profile = withOverrides(loadProfile(nameOrPath), sets);
    return { profile, source: nameOrPath, record: { name: profile.name, hash: profileHash(profile), overrides: [...sets] } };
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}

/** The cells of one suite. Throws a `UsageError` for a combination that the suite refuses, or more memory than this machine has. */
export async function planSuite(suite: Suite, given: GivenOptions, options: PlanOptions): Promise<PlannedCell[]> {
  const simulation = await suite.load();
  return profilesFor(suite, given, options).flatMap((name) => planOnMachine({ suite, simulation, machine: loadMachine(name, options.sets) }, given, options));
}

/** The hosts of a run: the one that was asked for; for the published tables in virtual time each of theirs; else the suite's first. */
function profilesFor({ profile, profiles }: Suite, given: GivenOptions, options: PlanOptions): readonly string[] {
  if (options.profile !== undefined) return [options.profile];
  const published = Object.keys(given).length === 0 && options.engine === 'virtual';
  return published && profiles !== undefined ? profiles : [profile];
}

function planOnMachine(on: Pick<PlannedCell, 'suite' | 'simulation' | 'machine'>, given: GivenOptions, options: PlanOptions): PlannedCell[] {
  const { suite, simulation, machine } = on;
  const { engine, smoke, seeds, note } = options;
  const request = { engine, smoke, defaults: simulation.defaults, profile: machine.profile.name, ...(note === undefined ? {} : { note }) };
  return suite.plan(given, request).map((cell) => {
    const reason = simulation.check(cell);
    if (reason !== undefined) throw new UsageError(reason);
    const planned = {
      suite,
      simulation,
      engine,
      options: cell,
      key: keyOf(suite, cell, { engine, machine, timeScale: options.timeScale }),
      machine,
      seeds,
      ...(engine === 'threads' ? { timeScale: options.timeScale } : {}),
      arenaBytes: simulation.arenaBytes(cell),
      weight: suite.weight(cell),
    };
    checkMemory(planned, memoryLimitBytes());
    return planned;
  });
}

/** Four fifths of what this process may use: the machine's memory, or the limit of its container. */
export function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return 0.8 * (constrained > 0 && constrained < total ? constrained : total);
}

/** Throws a `UsageError` when one run of the cell needs more than `limitBytes`. */
export function checkMemory(cell: Pick<PlannedCell, 'options' | 'arenaBytes' | 'key'>, limitBytes: number): void {
  if (cell.arenaBytes <= limitBytes) return;
  const { vcpus, vcpuBytes } = cell.options;
  const what = vcpuBytes === undefined ? `cell "${cell.key}"` : `${vcpus} vCPUs with ${formatSize(Number(vcpuBytes))} each`;
  throw new UsageError(
    `Cannot run ${what}: current memory for mmulab ${sizeText(limitBytes)}, expected at least ${sizeText(cell.arenaBytes)}; take fewer vCPUs or less memory`,
  );
}

function keyOf(suite: Suite, options: CellOptions, run: { engine: Engine; machine: Machine; timeScale: number }): string {
  const { name, overrides } = run.machine.record;
  const profile = overrides.length === 0 ? name : `${name}[${overrides.join(',')}]`;
  const scale = run.engine === 'threads' ? ` time-scale=${run.timeScale}` : '';
  return `${suite.name} engine=${run.engine} profile=${profile}${scale} ${describeOptions(suite, options)}`;
}

function sizeText(bytes: number): string {
  const gib = bytes / 1024 ** 3;
  return gib >= 1 ? `${gib.toFixed(1)} GiB` : `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}
