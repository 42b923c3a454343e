// From the outcomes of a cell's runs to the one record that the results file keeps, with the doubts about its numbers.

import type { RunOutcome, Validity, Warning } from '../../sim/index.js';
import { type HostRecord, type MetricRecord, type ResultRecord, SCHEMA_VERSION } from '../results/index.js';
import { median, medianInterval } from '../stats/index.js';
import type { Suite } from '../suites/index.js';
import type { PlannedCell } from './plan.js';

/** Below this range over seeds, relative to the median, an order-sensitive number is as good as exact. */
const ORDER_RANGE = 0.001;
/** Below this, vCPUs waited for cores and not for each other. */
const MIN_PARALLELISM = 0.9;
/** The fewest values whose range covers the median with 95 %. */
const MIN_REPETITIONS = 6;

/** One run that finished: one seed, or one repetition. */
export interface FinishedRun {
  seed: number;
  outcome: RunOutcome;
  startedAt: Date;
  seconds: number;
}

/** Where results were made. */
export interface Provenance {
  commit: string;
  host: HostRecord;
}

/** The record of a cell from its runs, in the order of their seeds. */
export function toRecord(cell: PlannedCell, runs: readonly FinishedRun[], provenance: Provenance): ResultRecord {
  const [first] = runs;
  const metrics = metricsOf(cell, runs);
  const validity = medianValidity(runs);
  return {
    schemaVersion: SCHEMA_VERSION,
    suite: cell.suite.name,
    cell: cell.key,
    engine: cell.engine,
    options: { ...cell.options },
    profile: cell.machine.record,
    ...(cell.timeScale === undefined ? {} : { timeScale: cell.timeScale }),
    seeds: runs.map((run) => run.seed),
    metrics,
    counters: { ...first.outcome.counters },
    locks: first.outcome.locks,
    stalls: first.outcome.stalls,
    traceHashes: runs.map((run) => run.outcome.traceHash).filter((hash) => hash !== ''),
    warnings: warningsOf(cell, runs, { metrics, validity }),
    ...(validity === undefined ? {} : { validity }),
    commit: provenance.commit,
    host: provenance.host,
    wall: { startedAt: first.startedAt.toISOString(), seconds: round(runs.reduce((sum, run) => sum + run.seconds, 0)) },
  };
}

function metricsOf(cell: PlannedCell, runs: readonly FinishedRun[]): Record<string, MetricRecord> {
  const metrics: Record<string, MetricRecord> = {};
  for (const { metric } of measuredIn(runs[0].outcome)) {
    const measured = runs.map((run) => {
      const found = measuredIn(run.outcome).find((other) => other.metric === metric);
      if (found === undefined) throw new Error(`Metric ${metric} of cell "${cell.key}" is missing with seed ${run.seed}, expected it with every seed`);
      return found;
    });
    const values = measured.map(({ value }) => value);
    const orderSensitive = measured.some((one) => one.orderSensitive);
    const { unit, better } = describeMetric(cell.suite, metric);
    metrics[metric] = { unit, better, values, ...summaryOf(values, { engine: cell.engine, orderSensitive }) };
  }
  return metrics;
}

/** The times of one run, then its other quantities. */
function measuredIn({ times, values = [] }: RunOutcome): { metric: string; value: number; orderSensitive: boolean }[] {
  return [
    ...times.map(({ metric, ns, orderSensitive }) => ({ metric, value: ns, orderSensitive })),
    ...values.map(({ metric, value, orderSensitive = false }) => ({ metric, value, orderSensitive })),
  ];
}

function summaryOf(values: number[], how: { engine: PlannedCell['engine']; orderSensitive: boolean }): Pick<MetricRecord, 'kind' | 'median' | 'low' | 'high'> {
  const middle = median(values);
  if (how.engine === 'threads') {
    const { low, high } = medianInterval(values);
    return { kind: 'sampled', median: middle, low, high };
  }
  const low = Math.min(...values);
  const high = Math.max(...values);
  const oneDraw = values.length === 1;
  const persists = oneDraw ? how.orderSensitive : high - low > ORDER_RANGE * middle;
  return { kind: persists ? 'order-sensitive' : 'exact', median: middle, low, high };
}

/** What the suite says about a metric; the N of its name stands for the number of an iteration. */
function describeMetric(suite: Suite, metric: string): Pick<MetricRecord, 'unit' | 'better'> {
  const generic = metric.replace(/\d+$/, 'N');
  const known = suite.metrics.find(({ name }) => name === metric || name === generic);
  if (known === undefined) throw new Error(`Metric ${metric} is none of suite ${suite.name}, expected ${suite.metrics.map(({ name }) => name).join(', ')}`);
  return { unit: known.unit, better: known.better };
}

function medianValidity(runs: readonly FinishedRun[]): Validity | undefined {
  const validities = runs.flatMap(({ outcome }) => (outcome.validity === undefined ? [] : [outcome.validity]));
  validities.sort((a, b) => a.effectiveParallelism - b.effectiveParallelism);
  return validities[Math.floor((validities.length - 1) / 2)];
}

/** The simulator's own warnings, then the harness's; one of each code. */
function warningsOf(
  cell: PlannedCell,
  runs: readonly FinishedRun[],
  found: { metrics: Record<string, MetricRecord>; validity: Validity | undefined },
): Warning[] {
  // Parallelism is judged for the cell, not for one repetition that something disturbed: the median outlives it.
  const warnings = runs.flatMap(({ outcome }) => outcome.warnings).filter(({ code }) => code !== 'low-parallelism');
  const own = cell.engine === 'threads' ? sampledWarnings(cell, runs.length, found.validity) : drawWarnings(runs.length, found.metrics);
  const byCode = new Map<string, Warning>();
  for (const warning of [...warnings, ...own]) if (!byCode.has(warning.code)) byCode.set(warning.code, warning);
  return [...byCode.values()];
}

function drawWarnings(draws: number, metrics: Record<string, MetricRecord>): Warning[] {
  const names = Object.keys(metrics).filter((name) => metrics[name].kind === 'order-sensitive');
  if (draws > 1 || names.length === 0) return [];
  return [{ code: 'one-draw', message: `${names.join(', ')} of one seed: one draw of an order of arrival; --seeds 5 gives a median and a range` }];
}

function sampledWarnings(cell: PlannedCell, repetitions: number, validity: Validity | undefined): Warning[] {
  const warnings: Warning[] = [];
  if (repetitions < MIN_REPETITIONS) {
    const message = `${repetitions} repetitions: the interval is their range, ${MIN_REPETITIONS} or more make it a 95 % interval`;
    warnings.push({ code: 'few-repetitions', message });
  }
  if (validity === undefined) return warnings;
  const { effectiveParallelism, oversubscribed, cores } = validity;
  if (effectiveParallelism < MIN_PARALLELISM) {
    const message = `effective parallelism ${effectiveParallelism.toFixed(2)} is below ${MIN_PARALLELISM}: vCPUs waited for cores, these times say little`;
    warnings.push({ code: 'low-parallelism', message });
  }
  if (oversubscribed) {
    const message = `${cell.options.vcpus} vCPUs on ${cores} cores: no claim about scaling, take the virtual engine for that`;
    warnings.push({ code: 'oversubscribed', message });
  }
  return warnings;
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
