// What memslot_perf_test prints.

import type { MetricRecord, ResultRecord } from '../results/index.js';
import { type SelftestPrinter, timespec } from './selftest-printer.js';

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

/** One run of memslot_perf_test for each configuration of memslots. */
export const memslotsPrinter: SelftestPrinter = {
  suite: 'memslots',
  program: 'memslot_perf_test',
  prints: (record) => PRINTED_NAMES.has(testOf(record)) || testOf(record) === 'setup',
  expected: `a test of it: ${[...PRINTED_NAMES.keys()].join(', ')}`,
  groupOf: ({ cell }) => cell.replace(/ test=\S+/, ''),
  order(record) {
    const index = [...PRINTED_NAMES.keys()].indexOf(testOf(record));
    return index === -1 ? PRINTED_NAMES.size : index;
  },
  render(records) {
    const blocks = records.filter((record) => PRINTED_NAMES.has(testOf(record))).map(renderTest);
    const setups = records.filter((record) => WHOLE_AREA_TESTS.has(testOf(record))).flatMap(({ metrics }) => metrics.slot_setup?.values ?? []);
    const best = setups.length === 0 ? '' : `Best slot setup time for the whole test area was ${duration(Math.min(...setups))}\n`;
    return `${blocks.join('\n')}${best}`;
  },
};

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

function duration(ns: number | undefined): string {
  return ns === undefined ? UNKNOWN : timespec(ns);
}

function testOf(record: ResultRecord): string {
  return String(record.options.test);
}
