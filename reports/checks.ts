// What a report says of checked interleavings: a row for each check, and the command that replays a failure.
// The command is made of the record's parts, each quoted for the shell: a results file is foreign, and people paste what they read.

import { CHECK_STEPS_MAX, type CheckRecord, isAsExpected } from '../bench/results/index.js';
import { formatCount } from './units.js';

/** A rate over less than this would be that of the clock's noise. */
const RATE_SECONDS_MIN = 0.01;

/** One step of a schedule, as `CheckFailure` has it. */
export type HistoryStep = NonNullable<CheckRecord['failure']>['history'][number];

/** A failing schedule for people. */
export interface FailureReport {
  claim: string;
  message: string;
  /** "mmulab check write-protect --vcpus 2 --plant no-retry --replay a3b1a2". */
  command: string;
  traceHash: string;
  actors: readonly string[];
  /** The short history: steps that another actor's step depends on. */
  steps: readonly HistoryStep[];
  /** Steps that the short history leaves out. */
  leftOut: number;
}

/** One check. */
export interface CheckRow {
  protocol: string;
  /** Name of the planted bug and what it does wrong; absent for the right version. */
  plant?: { name: string; what: string };
  vcpus: number;
  memoryOrder: 'sc' | 'tso';
  /** "exhaustive", "bounded, 2 preemptions", "random, seed 1". */
  scheduler: string;
  /** Names of what is claimed. */
  claims: string[];
  /** The verdict in a word or two, for a narrow column. */
  word: 'holds' | 'none broke' | 'unfinished' | 'BROKEN' | 'found' | 'NOT FOUND';
  /** "holds", "unfinished after 12 345 schedules", "found: no-lost-write". */
  verdict: string;
  /** The right version did not break, or the planted bug was found. */
  isAsExpected: boolean;
  schedules: number;
  pruned: number;
  steps: number;
  /** Steps of the longest schedule. */
  longest: number;
  /** Steps that stand for several of which the search tried no order; none in a whole search. */
  coarse: number;
  seconds: number;
  /** Schedules per minute; absent for a check that was over too soon to say. */
  perMinute?: number;
  failure?: FailureReport;
}

/** All checks: right versions first, by protocol. */
export interface ChecksReport {
  protocols: { name: string; summary: string; claims: CheckRecord['claims'] }[];
  right: CheckRow[];
  planted: CheckRow[];
}

/** What is said of these records, in their order. */
export function checksReport(records: readonly CheckRecord[]): ChecksReport {
  const first = new Map(records.map((record) => [record.protocol, record] as const).reverse());
  const rows = records.map((record) => checkRow(record));
  return {
    protocols: [...first.values()].reverse().map(({ protocol, summary, claims }) => ({ name: protocol, summary, claims })),
    right: rows.filter(({ plant }) => plant === undefined),
    planted: rows.filter(({ plant }) => plant !== undefined),
  };
}

/** One record as a row. */
export function checkRow(record: CheckRecord): CheckRow {
  const { protocol, plant, options, claims, failure, schedules, pruned, steps, longest, wall } = record;
  return {
    protocol,
    ...(plant !== null && { plant: { name: plant.name, what: plant.what } }),
    vcpus: options.vcpus,
    memoryOrder: options.memoryOrder,
    scheduler: schedulerText(options),
    claims: claims.map(({ name }) => name),
    word: verdictWord(record),
    verdict: verdictText(record),
    isAsExpected: isAsExpected(record),
    ...{ schedules, pruned, steps, longest, coarse: record.coarse, seconds: wall.seconds },
    ...(wall.seconds >= RATE_SECONDS_MIN && { perMinute: Math.round((60 * schedules) / wall.seconds) }),
    ...(failure !== undefined && { failure: failureReport(record, failure) }),
  };
}

function schedulerText({ scheduler, bound, seed }: CheckRecord['options']): string {
  if (scheduler === 'bounded') return `bounded, ${bound} ${bound === 1 ? 'preemption' : 'preemptions'}`;
  if (scheduler === 'random') return `random, seed ${seed}`;
  if (scheduler === 'pct') return `pct, depth ${bound}, seed ${seed}`;
  return scheduler;
}

function verdictWord({ verdict, plant, options, coarse }: CheckRecord): CheckRow['word'] {
  if (verdict === 'broken') return plant === null ? 'BROKEN' : 'found';
  if (plant !== null) return 'NOT FOUND';
  if (verdict === 'unfinished') return 'unfinished';
  return options.scheduler === 'exhaustive' && coarse === 0 ? 'holds' : 'none broke';
}

/** Only a search that saw every schedule says that a claim holds. */
function verdictText({ verdict, plant, options, failure, schedules, coarse }: CheckRecord): string {
  if (verdict === 'broken') return `${plant === null ? 'BROKEN' : 'found'}: ${failure?.claim}`;
  const held = verdict === 'unfinished' ? `unfinished after ${countOf(schedules)}` : HELD[options.scheduler](options, schedules);
  const searched = coarse === 0 || verdict === 'unfinished' ? held : `${held}, but for ${formatCount(coarse)} coarse steps`;
  return plant === null ? searched : `NOT FOUND, ${searched}`;
}

const HELD: Record<CheckRecord['options']['scheduler'], (options: CheckRecord['options'], schedules: number) => string> = {
  exhaustive: () => 'holds',
  bounded: ({ bound }) => `holds with up to ${bound} ${bound === 1 ? 'preemption' : 'preemptions'}`,
  random: (_, schedules) => `no failure in ${countOf(schedules)}`,
  pct: (_, schedules) => `no failure in ${countOf(schedules)}`,
  replay: () => 'no failure in this schedule',
};

/** "1 schedule", "12 345 schedules". */
export function countOf(schedules: number): string {
  return `${formatCount(schedules)} ${schedules === 1 ? 'schedule' : 'schedules'}`;
}

function failureReport(record: CheckRecord, { claim, message, schedule, history, traceHash }: NonNullable<CheckRecord['failure']>): FailureReport {
  const steps = shortHistory(history);
  return { claim, message, command: replayCommand(record, schedule), traceHash, actors: record.actors, steps, leftOut: history.length - steps.length };
}

/** The steps that matter; all of them where none is said to. */
export function shortHistory(history: readonly HistoryStep[]): readonly HistoryStep[] {
  const steps = history.filter(({ matters }) => matters);
  return steps.length > 0 ? steps : history;
}

/** The command line that runs one schedule again, each word quoted for the shell. */
function replayCommand({ protocol, plugin, plant, options }: CheckRecord, schedule: string): string {
  const words = ['check', protocol];
  if (plugin !== undefined) words.push('--plugin', plugin);
  words.push('--vcpus', String(options.vcpus));
  if (plant !== null) words.push('--plant', plant.name);
  if (options.memoryOrder !== 'sc' || plant?.needsTso === true) words.push('--memory-order', options.memoryOrder);
  if (options.maxSteps !== CHECK_STEPS_MAX) words.push('--max-steps', String(options.maxSteps));
  return ['mmulab', ...[...words, '--replay', schedule].map(quoted)].join(' ');
}

/** A word for the shell; one that begins with a dash would be taken for an option, and is quoted all the same. */
function quoted(word: string): string {
  return /^[\w./,:=+%@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
