// `mmulab check --engine virtual` and `--engine threads`: the paths of a suite under random timing, with its invariants, where no search is exhaustive.

import { type StressOutcome, stress } from '../check/index.js';
import { messageOf, UsageError } from '../errors.js';
import { listenForInterrupt, loadMachine } from '../run/index.js';
import { type CellOptions, choiceItem, commandLineOf, countItem, type Engine, parseOne, SUITES, type Suite } from '../suites/index.js';
import type { CheckFlags } from './check-settings.js';

const SUITE = 'write-protect';
/** A cell in which faults, write protection and changes of host pages meet all the time. */
const CELL: CellOptions = { vcpus: 4, vcpuBytes: 64 * 1024, notifierRate: 500_000, computeNs: 100, passes: 10, randomAccess: true };
const PAGE_BYTES = 4096;
const BROKEN = 20;
const INTERRUPTED = 130;
const SEEDS = 1000;
const SECONDS = 30;

const ENGINES = ['explore', 'virtual', 'threads'] as const;

/** Whether these options ask for stress. Throws a `UsageError` for an engine that is none. */
export function isStress({ engine }: CheckFlags): boolean {
  return parseOne('--engine', engine, choiceItem(ENGINES)) !== 'explore';
}

/** What is stressed; a test takes another suite. */
export interface StressTarget {
  suite: Suite;
  options: CellOptions;
}

/** Stresses the suite, prints what came of it and returns the exit code: 0, 20 when an invariant broke, 130 after Ctrl-C. */
export async function stressCommand(name: string | undefined, flags: CheckFlags, print: (text: string) => void, target = usualTarget()): Promise<number> {
  const { suite, options } = target;
  const engine = parseOne('--engine', flags.engine, choiceItem<Engine>(['virtual', 'threads']));
  if (name !== undefined && name !== suite.name) {
    throw new UsageError(`Cannot check ${JSON.stringify(name)} with --engine ${engine}: expected ${suite.name}, or --engine explore`);
  }
  refuseSearchOptions(flags, engine);
  const limits = limitsOf(flags, engine);
  const firstSeed = parseOne('--seed', flags.seed ?? '1', countItem(0, 2 ** 31 - 1));
  const simulation = await suite.load();
  const cell = { ...simulation.defaults, ...options };
  const refusal = simulation.check(cell);
  if (refusal !== undefined) throw new UsageError(refusal);
  const interrupt = listenForInterrupt({ onFirst: () => undefined, onSecond: () => process.exit(INTERRUPTED) });
  try {
    const { profile } = loadMachine(suite.profile, []);
    const outcome = await stress({ simulation, options: cell, profile, engine, firstSeed, ...limits, checksPerRun: checksOf(cell), stop: interrupt.stop });
    print(outcomeText(outcome, { suite, cell, engine }));
    if (outcome.failure !== undefined) return BROKEN;
    return interrupt.stop.aborted ? INTERRUPTED : 0;
  } finally {
    interrupt.release();
    if (engine === 'threads') await simulation.closeThreads();
  }
}

/** At its end a run compares each page with its copy, and looks once at all mappings. */
function checksOf({ vcpus, vcpuBytes }: CellOptions): number {
  return (Number(vcpus) * Number(vcpuBytes)) / PAGE_BYTES + 1;
}

function usualTarget(): StressTarget {
  const suite = SUITES.find((one) => one.name === SUITE);
  if (suite === undefined) throw new UsageError(`Cannot stress ${SUITE}: no such suite`);
  return { suite, options: CELL };
}

function refuseSearchOptions(flags: CheckFlags, engine: Engine): void {
  for (const name of ['plant', 'replay', 'scheduler', 'vcpus', 'memoryOrder', 'bound', 'schedules', 'plugin', 'maxSteps', 'output'] as const) {
    if (flags[name] === undefined) continue;
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new UsageError(`Cannot use ${option} with --engine ${engine}: it belongs to --engine explore`);
  }
}

/** Seeds or seconds, whichever is said; 1000 seeds in virtual time, 30 seconds on threads. */
function limitsOf({ seeds, seconds }: CheckFlags, engine: Engine): { runsMax: number; secondsMax: number } {
  const runs = seeds === undefined ? undefined : parseOne('--seeds', seeds, countItem(1, 1_000_000));
  const time = seconds === undefined ? undefined : parseOne('--seconds', seconds, countItem(1, 86_400));
  if (runs === undefined && time === undefined) return engine === 'virtual' ? { runsMax: SEEDS, secondsMax: 0 } : { runsMax: 0, secondsMax: SECONDS };
  return { runsMax: runs ?? 0, secondsMax: time ?? 0 };
}

function outcomeText({ runs, checked, seconds, failure }: StressOutcome, { suite, cell, engine }: { suite: Suite; cell: CellOptions; engine: Engine }): string {
  const counts = `${runs} runs, ${checked} invariants checked, ${seconds.toFixed(1)} s`;
  if (failure === undefined) return `${suite.name} under --engine ${engine}: no invariant broke\n${counts}\n`;
  const words = ['mmulab', 'run', suite.name, '--engine', engine, ...commandLineOf(suite, cell), '--seed', String(failure.seed)];
  return `Broken with seed ${failure.seed}: ${messageOf(failure.message)}\n${counts}\n${words.join(' ')}\n`;
}
