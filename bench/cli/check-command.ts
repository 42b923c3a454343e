// `mmulab check`: every interleaving of a small case, as far as the search comes; the history of a failure; the table of all protocols.

import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type CheckOutcome, PROTOCOLS, type Protocol } from '../../sim/index.js';
import { type Checker, type CheckRun, loadPlugin, openChecker, type PlannedCheck, runChecks, toCheckRecord } from '../check/index.js';
import { UsageError } from '../errors.js';
import { type CheckProgressLine, openCheckProgress } from '../output/check-progress.js';
import { type CheckRecord, checkWritable, isAsExpected, readRecords, type StoredRecord, writeResults } from '../results/index.js';
import { findProvenance, type Interrupt, listenForInterrupt, type Provenance } from '../run/index.js';
import { countItem, parseOne } from '../suites/index.js';
import { type CheckFlags, type CheckSettings, checkSettings } from './check-settings.js';
import { isStress, stressCommand } from './check-stress.js';
import { renderChecks } from './reports-door.js';

const BROKEN = 20;
const INTERRUPTED = 130;

/** What a test puts in the place of threads, protocols and the terminal. */
export interface CheckWorld {
  protocols: readonly Protocol[];
  openChecker(stop: AbortSignal): Checker;
  print(text: string): void;
  signals: NodeJS.EventEmitter;
}

const REAL: CheckWorld = { protocols: PROTOCOLS, openChecker, print: (text) => void process.stdout.write(text), signals: process };

/**
 * Runs what was asked and prints it. Returns the exit code: 0; 20 when a right version breaks, a planted bug of the table is not found, or the one
 * version that was asked for breaks, planted or not; 130 after Ctrl-C. Throws a `UsageError` before anything runs.
 */
export async function checkCommand(name: string | undefined, flags: CheckFlags, world: CheckWorld = REAL): Promise<number> {
  if (isStress(flags)) return await stressCommand(name, flags, world.print);
  const plugin = flags.plugin === undefined ? undefined : await loadPlugin(flags.plugin);
  const protocols = plugin === undefined ? world.protocols : [plugin];
  if (flags.list === true) {
    world.print(protocols.map(describe).join('\n'));
    return 0;
  }
  const settings = checkSettings(name, flags, { protocols: world.protocols, ...(plugin !== undefined && { plugin }) });
  if (settings.checks.length === 0) throw new UsageError('Cannot check anything: no protocol is known, expected one (--plugin)');
  return await runSettings(settings, flags, world);
}

function describe({ name, summary, vcpus, claims, plants }: Protocol): string {
  const list = (title: string, lines: string[]): string => (lines.length === 0 ? '' : ` ${title}\n${lines.join('')}`);
  const needs = (plant: Protocol['plants'][number]): string => (plant.needsTso === true ? ' (with --memory-order tso)' : '');
  return [
    `Protocol ${name}: ${summary}\n`,
    list(
      'Claims',
      claims.map((one) => row(one.name, one.claim)),
    ),
    list(
      'Planted bugs (--plant)',
      plants.map((one) => row(one.name, `${one.what}${needs(one)}`)),
    ),
    list('vCPUs (--vcpus)', [row(`${vcpus.min}..${vcpus.max}`, `usually ${vcpus.usual}`)]),
  ].join('');
}

function row(left: string, right: string): string {
  return `  ${left.padEnd(24)} ${right}\n`;
}

async function runSettings(settings: CheckSettings, flags: CheckFlags, world: CheckWorld): Promise<number> {
  const { checks, output } = settings;
  const file = output === undefined ? undefined : openFile(output);
  const progress = openCheckProgress({ count: checks.length, quiet: flags.quiet === true });
  const interrupt = listenForInterrupt(
    { onFirst: () => progress.note('Stopping: what was explored follows; Ctrl-C again stops at once'), onSecond: () => process.exit(INTERRUPTED) },
    world.signals,
  );
  try {
    const found = await runAll(settings, flags, { world, progress, interrupt, file });
    world.print(await renderChecks(found, settings));
    const records = found.map(({ record }) => record);
    const missing = checks.length - records.length;
    if (missing > 0) progress.note(`Not run: ${missing} of ${checks.length} checks`);
    if (settings.kind === 'table' && settings.format === 'text') world.print(summaryOf(records));
    if (output !== undefined) progress.note(`Results: ${output}`);
    return interrupt.stop.aborted ? INTERRUPTED : exitCodeOf(settings, records);
  } finally {
    interrupt.release();
    progress.close();
  }
}

/** A check that ran, and its replay's schedule where nothing broke in it. */
interface FoundCheck {
  record: CheckRecord;
  replayed?: CheckOutcome['replayed'];
}

interface RunParts {
  world: CheckWorld;
  progress: CheckProgressLine;
  interrupt: Interrupt;
  file: ResultsFile | undefined;
}

async function runAll({ checks, secondsMax }: CheckSettings, flags: CheckFlags, { world, progress, interrupt, file }: RunParts): Promise<FoundCheck[]> {
  const provenance = findProvenance();
  const jobs = flags.jobs === undefined ? availableParallelism() : parseOne('--jobs', flags.jobs, countItem(1, 1024));
  const checkers = Array.from({ length: Math.min(jobs, checks.length) }, () => world.openChecker(interrupt.stop));
  const { stop } = interrupt;
  try {
    const onCheck = (check: PlannedCheck, run: CheckRun): void => {
      progress.finish(nameOf(check));
      // What Ctrl-C cut off must not take the place of what an earlier search found.
      if (!(stop.aborted && run.outcome.verdict === 'unfinished')) file?.save(toCheckRecord(check, run, provenance));
    };
    const events = {
      stop,
      onProgress: (check: PlannedCheck, counts: Parameters<CheckProgressLine['show']>[1]) => progress.show(nameOf(check), counts),
      onCheck,
    };
    const { runs } = await runChecks(checks, { checkers, secondsMax }, events);
    return runs.map(({ check, run }) => foundCheck(check, run, provenance));
  } finally {
    progress.close();
    await Promise.all(checkers.map((checker) => checker.close()));
  }
}

function foundCheck(check: PlannedCheck, run: CheckRun, provenance: Provenance): FoundCheck {
  const { replayed } = run.outcome;
  return { record: toCheckRecord(check, run, provenance), ...(replayed !== undefined && { replayed }) };
}

function nameOf({ protocol, plant, options }: PlannedCheck): string {
  return `${protocol.name}${plant === null ? '' : ` ${plant.name}`}, ${options.vcpus} vCPUs, ${options.memoryOrder}`;
}

interface ResultsFile {
  save(record: CheckRecord): void;
}

/** The results file with what it holds; a check that is run again replaces its record. Throws before anything runs when the file cannot be written, or is none. */
function openFile(path: string): ResultsFile {
  checkWritable(path, 'results');
  const records = new Map<string, StoredRecord>(existsSync(path) ? readRecords(path).map((record) => [record.cell, record]) : []);
  return {
    save: (record) => {
      records.set(record.cell, record);
      writeResults(path, [...records.values()]);
    },
  };
}

function exitCodeOf({ kind }: CheckSettings, records: readonly CheckRecord[]): number {
  const isBad = kind === 'table' ? (record: CheckRecord) => !isAsExpected(record) : ({ verdict }: CheckRecord) => verdict === 'broken';
  return records.some(isBad) ? BROKEN : 0;
}

/** What the table comes to, in a sentence or two. */
function summaryOf(records: readonly CheckRecord[]): string {
  const right = records.filter(({ plant }) => plant === null);
  const planted = records.filter(({ plant }) => plant !== null);
  const held = right.filter(({ verdict }) => verdict === 'holds');
  const coarse = held.filter((record) => record.coarse > 0).length;
  const broken = right.filter(({ verdict }) => verdict === 'broken').length;
  const unfinished = right.length - held.length - broken;
  const verb = right.every(({ options }) => options.scheduler === 'exhaustive') ? 'hold' : 'did not break';
  const counts = [
    `${held.length - coarse} ${verb}`,
    ...(coarse > 0 ? [`${coarse} ${verb} but for coarse steps`] : []),
    `${broken} broken`,
    `${unfinished} unfinished${unfinished > 0 ? ' (which proves nothing; --seconds gives them more time)' : ''}`,
  ];
  const found = planted.filter(({ verdict }) => verdict === 'broken').length;
  return `\nRight versions: ${counts.join(', ')}.\nPlanted bugs: ${found} of ${planted.length} found.\n`;
}
