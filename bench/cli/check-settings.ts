// What `mmulab check` was asked for, read strictly: a typing mistake is one line, and never a search that nobody meant.

import { CHECK_SCHEDULERS, MEMORY_ORDERS, type Plant, type Protocol } from '../../sim/index.js';
import { type CheckWishes, type PlannedCheck, planTable, planVersion } from '../check/index.js';
import { UsageError } from '../errors.js';
import { CHECK_STEPS_MAX } from '../results/index.js';
import { choiceItem, countItem, parseList, parseOne } from '../suites/index.js';
import { closest } from './closest.js';

const SEARCHES = CHECK_SCHEDULERS.filter((name) => name !== 'replay');
const INT_MAX = 2 ** 31 - 1;
/** Seconds of a row of the table, where nothing else is said. */
const ROW_SECONDS = 30;
const DAY_SECONDS = 86_400;
/** Random schedules, where nothing else is said. */
const RANDOM_SCHEDULES = 10_000;
/** Preemptions of a schedule: few mistakes need more. */
const PREEMPTIONS = 2;
/** Depth of bugs that pct looks for. */
const PCT_DEPTH = 3;

/** commander's options. */
export interface CheckFlags {
  vcpus?: string;
  scheduler?: string;
  plant?: string;
  replay?: string;
  memoryOrder?: string;
  bound?: string;
  seed?: string;
  seeds?: string;
  schedules?: string;
  seconds?: string;
  maxSteps?: string;
  jobs?: string;
  engine: string;
  plugin?: string;
  format: string;
  output?: string;
  list?: boolean;
  quiet?: boolean;
}

const FORMATS = ['text', 'json', 'markdown'] as const;

/** What runs, and where its result goes. */
export interface CheckSettings {
  /** `table`: right versions and planted bugs, each beside what is expected of it. `version`: one version, under one or more sizes and orders. `replay`: one schedule. */
  kind: 'table' | 'version' | 'replay';
  checks: PlannedCheck[];
  secondsMax: number;
  format: (typeof FORMATS)[number];
  /** Results file; absent where nothing is saved. */
  output?: string;
}

/** Throws a `UsageError` for whatever does not fit. `plugin` is the protocol that `--plugin` named, which is then the only one of the table. */
export function checkSettings(
  name: string | undefined,
  flags: CheckFlags,
  { protocols, plugin }: { protocols: readonly Protocol[]; plugin?: Protocol },
): CheckSettings {
  const format = parseOne('--format', flags.format, choiceItem(FORMATS));
  const wishes = wishesOf(flags);
  if (name === undefined) {
    refuseWithoutProtocol(flags);
    const asked = plugin === undefined ? protocols : [plugin];
    const output = flags.output ?? (plugin === undefined ? 'results/checks.ndjson' : undefined);
    const secondsMax = secondsOf(flags, ROW_SECONDS);
    return { kind: 'table', checks: planTable(asked, wishes), secondsMax, format, ...(output !== undefined && { output }) };
  }
  const known = plugin === undefined ? protocols : [plugin];
  const protocol = known.find((one) => one.name === name);
  if (protocol === undefined)
    throw unknown(
      `Cannot check ${JSON.stringify(name)}: no such protocol`,
      name,
      known.map((one) => one.name),
    );
  const plant = flags.plant === undefined ? null : plantNamed(protocol, flags.plant);
  const checks = planVersion(protocol, plant, wishes);
  if (flags.replay !== undefined) {
    if (checks.length !== 1)
      throw new UsageError(`Cannot replay ${JSON.stringify(flags.replay)} ${checks.length} times: expected one --vcpus and one --memory-order`);
    if (flags.output !== undefined) throw new UsageError('Cannot save a replay: current --output with --replay, expected one of them');
    return { kind: 'replay', checks, secondsMax: 0, format };
  }
  return { kind: 'version', checks, secondsMax: secondsOf(flags, 0), format, ...(flags.output !== undefined && { output: flags.output }) };
}

function wishesOf(flags: CheckFlags): CheckWishes {
  const scheduler = searchOf(flags);
  const isRandom = scheduler === 'random' || scheduler === 'pct';
  const count = (option: string, text: string | undefined, { min, usual, max = INT_MAX }: { min: number; usual: number; max?: number }): number =>
    text === undefined ? usual : parseOne(option, text, countItem(min, max));
  return {
    ...(flags.vcpus !== undefined && { vcpus: parseList('--vcpus', flags.vcpus, countItem(1, 64)) }),
    ...(flags.memoryOrder !== undefined && { memoryOrders: parseList('--memory-order', flags.memoryOrder, choiceItem(MEMORY_ORDERS)) }),
    scheduler,
    schedulerIsUsual: flags.scheduler === undefined && flags.replay === undefined,
    bound: count('--bound', flags.bound, { min: scheduler === 'pct' ? 1 : 0, usual: scheduler === 'pct' ? PCT_DEPTH : PREEMPTIONS, max: 1000 }),
    seed: count('--seed', flags.seed, { min: 0, usual: 1 }),
    schedules: count('--schedules', flags.schedules, { min: isRandom ? 1 : 0, usual: isRandom ? RANDOM_SCHEDULES : 0 }),
    maxSteps: count('--max-steps', flags.maxSteps, { min: 1, usual: CHECK_STEPS_MAX, max: 10_000_000 }),
    replay: flags.replay ?? '',
    ...(flags.plugin !== undefined && { plugin: flags.plugin }),
  };
}

function searchOf({ scheduler, replay }: CheckFlags): CheckWishes['scheduler'] {
  if (replay !== undefined) {
    if (scheduler !== undefined) throw new UsageError('Cannot search and replay at once: current --scheduler with --replay, expected one of them');
    return 'replay';
  }
  const found = SEARCHES.find((name) => name === (scheduler ?? 'exhaustive'));
  if (found === undefined) throw unknown(`Cannot use --scheduler: current ${JSON.stringify(scheduler)}`, String(scheduler), SEARCHES);
  return found;
}

function secondsOf({ seconds }: CheckFlags, usual: number): number {
  return seconds === undefined ? usual : parseOne('--seconds', seconds, countItem(0, DAY_SECONDS));
}

function refuseWithoutProtocol({ plant, replay }: CheckFlags): void {
  const option = plant !== undefined ? '--plant' : replay !== undefined ? '--replay' : undefined;
  if (option !== undefined) throw new UsageError(`Cannot use ${option} with all protocols: expected the name of one (mmulab check <protocol> ${option} ...)`);
}

function plantNamed({ name: protocol, plants }: Protocol, name: string): Plant {
  const plant = plants.find((one) => one.name === name);
  if (plant !== undefined) return plant;
  if (plants.length === 0) throw new UsageError(`Cannot plant ${JSON.stringify(name)} in ${protocol}: it has no bugs to plant`);
  throw unknown(
    `Cannot plant ${JSON.stringify(name)} in ${protocol}: no such bug`,
    name,
    plants.map((one) => one.name),
  );
}

/** "...: expected a, b or c (did you mean b?)". */
function unknown(what: string, word: string, known: readonly string[]): UsageError {
  const near = closest(word, known);
  const expected = known.length === 0 ? 'none is there' : `expected ${choiceItem(known).expected}`;
  return new UsageError(`${what}, ${expected}${near === undefined ? '' : ` (did you mean ${near}?)`}`);
}
