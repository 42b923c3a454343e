// What a suite is to the harness: options as data, a plan that turns them into cells, and the simulated side, loaded only when something runs.
// A new suite is one file like dirty-log.ts and one line in index.ts.

import type { MachineProfile, RunOutcome } from '../../sim/index.js';
import type { MetricRecord } from '../results/index.js';

export type Engine = 'virtual' | 'threads';

/** All options of one cell under the simulator's own names: plain data that crosses workers and files. */
export type CellOptions = Record<string, string | number | boolean>;

/** One option of a suite, as the command line offers it and as a cell's key states it. */
export interface SuiteOption {
  /** Without its dashes. */
  long: string;
  /** The selftest's letter; bound only when this is the one suite that was named. */
  letter?: string;
  /** "<list>": what follows the option. Absent for a flag. */
  value?: string;
  description: string;
  /** The cell option that it sets; absent for an option that is accepted (and noted) or refused. */
  field?: string;
  /** The values to cross; a flag gets an empty text. Throws a `UsageError`. */
  parse?(text: string): CellOptions[string][];
  /** A value as the command line and the cell's key spell it. */
  format?(value: CellOptions[string]): string;
  /** The plan alone reads the field; no cell has it, and no key states it. */
  planOnly?: boolean;
  /** Where repetitions are sampled, another name of `--repetitions`: reads their number. Virtual time needs none, and a note says so. */
  parseRepetitions?(text: string): number;
  /** Why the option has no effect: one line for stderr. */
  note?: string;
  /** Why the option is refused: what is said after "Cannot use --long: ". */
  refusal?: string;
}

/** A number that a suite reports. */
export interface SuiteMetric {
  /** With N for the number of the iteration. */
  name: string;
  unit: MetricRecord['unit'];
  better: MetricRecord['better'];
  description: string;
}

/** Values to cross, by field: what was given on the command line. */
export type GivenOptions = Record<string, CellOptions[string][]>;

export interface PlanRequest {
  engine: Engine;
  /** A size for tests: the same cells, small. */
  smoke: boolean;
  /** Every field's value where nothing else is said. */
  defaults: CellOptions;
  /** Name of the machine profile that these cells are for: the plan of the published tables may differ from host to host. */
  profile: string;
  /** Hears about cells that were asked for and left out, one line each. */
  note?(line: string): void;
}

/** The simulated side of a suite. */
export interface SuiteSimulation {
  defaults: CellOptions;
  /** One line about a combination that is refused. */
  check(options: CellOptions): string | undefined;
  /** Bytes of the SharedArrayBuffer that one run needs. */
  arenaBytes(options: CellOptions): number;
  /** One run in virtual time: synchronous, for as long as it takes. */
  runVirtual(options: CellOptions, run: { profile: MachineProfile; seed: number }): RunOutcome;
  /** A small cell of the commonest work. A worker runs it before its first large one, so that the compiler sees that work first. */
  warmUp: CellOptions;
  /** One repetition on real threads. */
  runThreads(options: CellOptions, run: { profile: MachineProfile; seed: number; timeScale: number; signal?: AbortSignal }): Promise<RunOutcome>;
  /** Ends the threads that repetitions have kept. */
  closeThreads(): Promise<void>;
}

export interface Suite {
  name: string;
  summary: string;
  /** Command lines without "mmulab run". */
  examples: readonly { line: string; what: string }[];
  /** In the order in which a cell's key states them. */
  options: readonly SuiteOption[];
  metrics: readonly SuiteMetric[];
  /** Name of the built-in profile of the host that the published numbers come from. */
  profile: string;
  /** Where they come from several hosts: all of them, `profile` first. A run of the published tables plans for each; options ask for cells of the first. */
  profiles?: readonly string[];
  /** The metric that says how long a repetition on threads took; a cell without it takes its first time. */
  headline: string;
  /** The cells of a run: the published matrix where nothing was given, else every combination of what was given. */
  plan(given: GivenOptions, request: PlanRequest): CellOptions[];
  /** Expected work of one run of a cell in units of about 330 ns of host time: it orders the cells of all suites and weighs the ETA. */
  weight(options: CellOptions): number;
  load(): Promise<SuiteSimulation>;
}

/** Every combination of the given values over `base`, the last field varying fastest. */
export function crossProduct(base: CellOptions, given: GivenOptions): CellOptions[] {
  let cells: CellOptions[] = [{ ...base }];
  for (const [field, values] of Object.entries(given)) {
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [field]: value })));
  }
  return cells;
}

/** "vcpus=64 memory=1G ept=Y ...": every option of a cell, in the suite's order. */
export function describeOptions(suite: Pick<Suite, 'options'>, options: CellOptions): string {
  return fieldOptions(suite)
    .map((option) => `${option.long}=${formatValue(option, options[option.field])}`)
    .join(' ');
}

/** The long options that ask for exactly this cell: ["--vcpus", "64", ...]. */
export function commandLineOf(suite: Pick<Suite, 'options'>, options: CellOptions): string[] {
  return fieldOptions(suite).flatMap((option) => {
    const value = options[option.field];
    if (option.value !== undefined) return [`--${option.long}`, formatValue(option, value)];
    return value === true ? [`--${option.long}`] : [];
  });
}

/** One option for each field: where a flag and a valued option set the same field (`-g` is `--initially-all-set N`), the valued one. */
function fieldOptions(suite: Pick<Suite, 'options'>): (SuiteOption & { field: string })[] {
  const options = new Map<string, SuiteOption & { field: string }>();
  for (const option of suite.options) {
    if (option.field === undefined || option.planOnly === true) continue;
    const known = options.get(option.field);
    if (known === undefined || (known.value === undefined && option.value !== undefined)) options.set(option.field, { ...option, field: option.field });
  }
  return [...options.values()];
}

function formatValue(option: SuiteOption, value: CellOptions[string]): string {
  if (option.format !== undefined) return option.format(value);
  return typeof value === 'boolean' ? (value ? 'Y' : 'N') : String(value);
}
