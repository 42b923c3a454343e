// Results as memslot_perf_test prints them, line for line, for those who have scripts that read its output.

import { UsageError } from '../errors.js';
import type { MetricRecord, ResultRecord } from '../results/index.js';

/** Suites whose results can be printed so. */
const SELFTEST_SUITES: readonly string[] = ['memslots'];

/** The selftest's tests in its order, and what it calls them. */
const PRINTED_NAMES = new Map([
  ['map', 'map'],
  ['unmap', 'unmap'],
  ['unmap-chunked', 'unmap chunked'],
  ['move-active', 'move active area'],
  ['move-inactive', 'move inactive area'],
  ['rw', 'RW'],
]);
/** Tests whose area is 512 MiB: the best of their slot setup times is printed last. */
const WHOLE_AREA_TESTS: ReadonlySet<string> = new Set(['move-active', 'move-inactive', 'rw', 'setup']);

/** Stands where the selftest has a number that the record has not. */
const UNKNOWN = 'unknown';

/** Throws a `UsageError` when none of these suites is printed by a selftest. */
export function checkSelftestSuites(names: readonly string[]): void {
  if (names.some((name) => SELFTEST_SUITES.includes(name))) return;
  throw new UsageError(`Cannot print ${names.join(', ')} with --format selftest: expected ${SELFTEST_SUITES.join(', ')}`);
}

/**
 * The output of one run of memslot_perf_test for each configuration that the records have, under a line that names it where there are several.
 * `note` hears of records that the selftest has no lines for. Throws a `UsageError` when no record has any.
 */
export function renderSelftest(records: readonly ResultRecord[], note: (line: string) => void): string {
  checkSelftestSuites([...new Set(records.map(({ suite }) => suite))]);
  const printed = records.filter((record) => SELFTEST_SUITES.includes(record.suite) && (PRINTED_NAMES.has(testOf(record)) || testOf(record) === 'setup'));
  if (printed.length === 0)
    throw new UsageError(`Cannot print these results with --format selftest: current no test of it, expected ${[...PRINTED_NAMES.keys()].join(', ')}`);
  const others = records.length - printed.length;
  if (others > 0) note(`${others} cells are left out: no tests of memslot_perf_test`);
  const groups = [...groupsOf(printed)];
  return groups.map(([name, ofGroup]) => `${groups.length > 1 ? `# ${name}\n` : ''}${renderGroup(ofGroup)}`).join('\n');
}

/** Records by everything but their test: what one command line of the selftest would have run. */
function groupsOf(records: readonly ResultRecord[]): Map<string, ResultRecord[]> {
  const groups = new Map<string, ResultRecord[]>();
  for (const record of [...records].sort((a, b) => order(a) - order(b))) {
    const key = record.cell.replace(/ test=\S+/, '');
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  return groups;
}

function order(record: ResultRecord): number {
  const index = [...PRINTED_NAMES.keys()].indexOf(testOf(record));
  return index === -1 ? PRINTED_NAMES.size : index;
}

function renderGroup(records: readonly ResultRecord[]): string {
  const blocks = records.filter((record) => PRINTED_NAMES.has(testOf(record))).map(renderTest);
  const setups = records.filter((record) => WHOLE_AREA_TESTS.has(testOf(record))).flatMap(({ metrics }) => metrics.slot_setup?.values ?? []);
  const best = setups.length === 0 ? '' : `Best slot setup time for the whole test area was ${duration(Math.min(...setups))}\n`;
  return `${blocks.join('\n')}${best}`;
}

/** One test: a run for each seed or repetition. */
function renderTest(record: ResultRecord): string {
  const { iteration, slot_setup: setup } = record.metrics as Record<string, MetricRecord | undefined>;
  const runs = (iteration?.values ?? []).map((ns, index) => ({ ns: Math.trunc(ns), loops: loopsOf(record, index), setupNs: setup?.values[index] }));
  const lines = [`Testing ${PRINTED_NAMES.get(testOf(record))} performance with ${record.seeds.length} runs, ${record.options.seconds} seconds each`];
  for (const { ns, loops, setupNs } of runs) {
    const allNs = loops === undefined ? undefined : ns * loops;
    lines.push(`Test took ${duration(setupNs)} for slot setup + ${duration(allNs)} all iterations`);
    lines.push(`Done ${loops ?? UNKNOWN} iterations, avg ${duration(ns)} each`);
  }
  if (runs.length === 0) lines.push('No full loops done - too short test time or system too loaded?');
  else {
    const best = runs.reduce((least, run) => (run.ns < least.ns ? run : least));
    lines.push(`Best runtime result was ${duration(best.ns)} per iteration (with ${best.loops ?? UNKNOWN} iterations)`);
  }
  return `${lines.join('\n')}\n`;
}

/** Iterations of one run. Counters are the first run's; with real threads they say nothing of another. */
function loopsOf(record: ResultRecord, run: number): number | undefined {
  const counted = run === 0 || record.engine === 'virtual' ? record.counters.loops : undefined;
  return (record.metrics as Record<string, MetricRecord | undefined>).iterations?.values[run] ?? counted;
}

/** "%ld.%.9lds" of a timespec. */
function duration(ns: number | undefined): string {
  if (ns === undefined) return UNKNOWN;
  const whole = Math.round(ns);
  return `${Math.floor(whole / 1e9)}.${String(whole % 1e9).padStart(9, '0')}s`;
}

function testOf(record: ResultRecord): string {
  return String(record.options.test);
}
