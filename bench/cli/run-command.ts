// `mmulab run`: plan everything before anything runs, run, save after every cell, print the tables.

import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { openProgress, type Progress } from '../output/progress.js';
import { type CheckRecord, checkWritable, isCell, isCheck, type ResultRecord, readRecords, type StoredRecord, writeResults } from '../results/index.js';
import {
  type FinishedRun,
  findProvenance,
  type Interrupt,
  listenForInterrupt,
  memoryLimitBytes,
  openPool,
  type PlannedCell,
  type Provenance,
  planSuite,
  type Resumption,
  resumeFrom,
  sampleThreads,
  sweep,
  toRecord,
} from '../run/index.js';
import { choiceItem, countItem, decimalItem, type Engine, parseOne, SUITES, type Suite } from '../suites/index.js';
import { closest } from './closest.js';
import { checkFormat, type Format, parseFormat, render, writeReport } from './reports-door.js';
import type { Given } from './suite-options.js';

const INTERRUPTED = 130;
const DEFAULT_REPETITIONS = 10;
const MIB = 2 ** 20;
/** Shared memory of all runs at once: what keeps the published matrix within 1 GiB. */
const ARENA_BUDGET_BYTES = 600 * MIB;

export interface RunRequest extends Given {
  names: string[];
  /** commander's options. */
  flags: Record<string, unknown>;
}

interface RunSettings {
  suites: readonly Suite[];
  engine: Engine;
  seeds: number[];
  timeScale: number;
  jobs: number;
  output: string;
  report: string | undefined;
  format: Format;
  resume: boolean;
  smoke: boolean;
  profile: string | undefined;
  sets: string[];
}

/** Runs what was asked. Returns the exit code: 0, or 130 after Ctrl-C. */
export async function runCommand(request: RunRequest): Promise<number> {
  const settings = settingsOf(request);
  const cells = await planAll(settings, request);
  const provenance = findProvenance();
  checkWritable(settings.output, 'results');
  if (settings.report !== undefined) checkWritable(settings.report, 'report');
  const { kept, checks, remaining, notes } = startingPoint(settings, cells, provenance);
  const progress = openProgress({ cells: remaining, quiet: request.flags.quiet === true, jobs: settings.engine === 'threads' ? 1 : settings.jobs });
  for (const note of [...request.notes, ...notes]) progress.note(note);
  const records = new Map(kept.map((record) => [record.cell, record]));
  const doneOf = (): number => cells.filter(({ key }) => records.has(key)).length;
  const interrupt = listenForInterrupt({
    onFirst: () => progress.note('Stopping: the cells that run are finished and saved; Ctrl-C again stops at once'),
    onSecond: () => {
      process.stderr.write(`${resumeText(settings, { done: doneOf(), all: cells.length })}\n`);
      process.exit(INTERRUPTED);
    },
  });
  const save = (cell: PlannedCell, runs: FinishedRun[]): void => {
    records.set(cell.key, toRecord(cell, runs, provenance));
    writeResults(settings.output, [...records.values(), ...checks]);
  };
  await execute(settings, remaining, { progress, interrupt, save });
  interrupt.release();
  progress.close();
  const results = [...records.values()].sort((a, b) => (a.cell < b.cell ? -1 : 1));
  if (results.length > 0) await finish(settings, { results, checks, cells }, progress);
  if (!interrupt.stop.aborted) return 0;
  process.stderr.write(`${resumeText(settings, { done: doneOf(), all: cells.length })}\n`);
  return INTERRUPTED;
}

async function planAll(settings: RunSettings, { given, notes }: RunRequest): Promise<PlannedCell[]> {
  const note = (line: string): void => void notes.push(line);
  const plans = settings.suites.map((suite) => planSuite(suite, given[suite.name] ?? {}, { ...settings, note }));
  return (await Promise.all(plans)).flat();
}

function settingsOf(request: RunRequest): RunSettings {
  const { names, given, flags } = request;
  const resume = resumptionOf(flags, names);
  const suites = resume.names.length === 0 ? SUITES : [...new Set(resume.names.map(suiteNamed))];
  const engine = parseOne('--engine', String(flags.engine), choiceItem(['virtual', 'threads'] as const));
  const first = parseOne('--seed', String(flags.seed), countItem(0, 2 ** 31 - 1));
  const count = engine === 'threads' ? repetitionsOf(request) : number(flags, 'seeds', 10_000);
  if (engine === 'virtual' && request.repetitions !== undefined) {
    request.notes.push(`--${request.repetitions.option} has no effect: virtual time is exact, another run of a seed takes the same time`);
  }
  const format = parseFormat(String(flags.format));
  checkFormat(
    format,
    suites.map(({ name }) => name),
  );
  const published = Object.keys(given).length === 0 && engine === 'virtual' && flags.smoke !== true;
  return {
    suites,
    engine,
    seeds: Array.from({ length: count }, (_, index) => first + index),
    timeScale: parseOne('--time-scale', String(flags.timeScale), decimalItem(0, 1000)),
    jobs: flags.jobs === undefined ? availableParallelism() : number(flags, 'jobs', 1024),
    output: resume.file ?? `results/${published ? 'published' : suites.map(({ name }) => name).join('+')}.ndjson`,
    report: flags.report as string | undefined,
    format,
    resume: resume.wanted,
    smoke: flags.smoke === true,
    profile: flags.profile as string | undefined,
    sets: flags.set as string[],
  };
}

/** `--repetitions`, or a suite's own word for it. */
function repetitionsOf({ flags, repetitions }: RunRequest): number {
  if (flags.repetitions === undefined) return repetitions?.count ?? DEFAULT_REPETITIONS;
  if (repetitions !== undefined) throw new UsageError(`Cannot repeat cells: current --repetitions and --${repetitions.option}, expected one of them`);
  return number(flags, 'repetitions', 10_000);
}

/** `--resume` goes on with the results file, `--resume <file>` with this one; a suite's name after it is a suite, not a file. */
function resumptionOf(flags: Record<string, unknown>, names: string[]): { wanted: boolean; file: string | undefined; names: string[] } {
  const output = flags.output as string | undefined;
  const { resume } = flags;
  if (typeof resume !== 'string') return { wanted: resume === true, file: output, names };
  if (SUITES.some(({ name }) => name === resume)) return { wanted: true, file: output, names: [resume, ...names] };
  if (output !== undefined && output !== resume) {
    throw new UsageError(`Cannot resume ${JSON.stringify(resume)}: current --output ${JSON.stringify(output)}, expected one file`);
  }
  if (!existsSync(resume)) throw new UsageError(`Cannot resume ${JSON.stringify(resume)}: no such file, expected one written by mmulab run`);
  return { wanted: true, file: resume, names };
}

function number(flags: Record<string, unknown>, name: string, max: number): number {
  return parseOne(`--${name}`, String(flags[name]), countItem(1, max));
}

function suiteNamed(name: string): Suite {
  const suite = SUITES.find((candidate) => candidate.name === name);
  if (suite !== undefined) return suite;
  const near = closest(
    name,
    SUITES.map((known) => known.name),
  );
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  throw new UsageError(`Cannot run suite ${JSON.stringify(name)}: no such suite, expected ${SUITES.map((known) => known.name).join(', ')}${hint}`);
}

/** What the results file keeps. A file that is no results file is never replaced. */
function startingPoint(settings: RunSettings, cells: PlannedCell[], provenance: Provenance): Resumption & { checks: CheckRecord[] } {
  if (!existsSync(settings.output)) return { kept: [], checks: [], remaining: cells, notes: [] };
  const all = readRecords(settings.output);
  const checks = all.filter(isCheck);
  const before = all.filter(isCell);
  if (settings.resume) return { checks, ...resumeFrom(before, cells, provenance.commit) };
  const planned = new Set(cells.map(({ key }) => key));
  const kept = before.filter((record) => !planned.has(record.cell));
  const notes = kept.length > 0 ? [`${kept.length} other cells stay in ${settings.output}`] : [];
  return { kept, checks, remaining: cells, notes };
}

async function execute(
  settings: RunSettings,
  cells: PlannedCell[],
  parts: { progress: Progress; interrupt: Interrupt; save(cell: PlannedCell, runs: FinishedRun[]): void },
): Promise<void> {
  const { progress, interrupt, save } = parts;
  const events = {
    stop: interrupt.stop,
    onStart: (cell: PlannedCell) => progress.start(cell),
    onRun: (cell: PlannedCell, run: FinishedRun) => progress.finish(cell, run.seconds),
  };
  if (cells.length === 0) return;
  if (settings.engine === 'threads') {
    const onPass = (runs: ReadonlyMap<PlannedCell, FinishedRun[]>): void => {
      for (const [cell, ofCell] of runs) save(cell, ofCell);
    };
    await sampleThreads(cells, { ...events, repetitions: settings.seeds.length, warmUp: !settings.smoke, onPass });
    return closeThreadPools(cells);
  }
  const pool = openPool(settings.jobs);
  try {
    const arenaBudgetBytes = Math.min(ARENA_BUDGET_BYTES, memoryLimitBytes());
    await sweep(cells, { ...events, executor: pool, jobs: settings.jobs, arenaBudgetBytes, onCell: save });
  } finally {
    await pool.close();
  }
}

async function closeThreadPools(cells: readonly PlannedCell[]): Promise<void> {
  await Promise.all([...new Set(cells.map(({ simulation }) => simulation))].map((simulation) => simulation.closeThreads()));
}

/** The records of the file: cells, and checks that it holds beside them. */
interface Finished {
  results: ResultRecord[];
  checks: CheckRecord[];
  cells: PlannedCell[];
}

async function finish(settings: RunSettings, { results, checks, cells }: Finished, progress: Progress): Promise<void> {
  const ofThisRun = new Set(cells.map(({ key }) => key));
  // A selftest prints what it ran; tables are of the whole file.
  const shown: StoredRecord[] = settings.format === 'selftest' ? results.filter(({ cell }) => ofThisRun.has(cell)) : [...results, ...checks];
  if (shown.length > 0) process.stdout.write(await render(shown, settings.format, (line) => progress.note(line)));
  if (settings.report !== undefined) {
    await writeReport(settings.report, [...results, ...checks]);
    progress.note(`Report: ${settings.report}`);
  }
  progress.note(`Results: ${settings.output}`);
}

function resumeText(settings: RunSettings, cells: { done: number; all: number }): string {
  return `Interrupted: ${cells.done} of ${cells.all} cells are in ${settings.output}; resume with:\n  ${resumeLine(process.argv.slice(2))}`;
}

/** The command line that this process was started with, with --resume. */
function resumeLine(args: readonly string[]): string {
  const resumes = args.some((arg) => arg === '--resume' || arg.startsWith('--resume='));
  return ['mmulab', ...args.map(quoted), ...(resumes ? [] : ['--resume'])].join(' ');
}

/** A word for the shell. */
function quoted(arg: string): string {
  return /^[\w./,:=+%@-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`;
}
