// From what the members of a gang report to the outcome of the run: phase durations, sums, and whether to believe them.

import { mergeLockTotals } from '../engine/threads/lock-totals.js';
import type { PhaseTime, RunOutcome, StallReport, Validity, Warning } from './cell.js';
import type { MemberReport, PhaseSpan } from './run-threads-message.js';
import { combineTimes } from './scenario.js';

/** Below this share of the cores that the vCPUs could use, a measurement is not valid. */
export const MIN_EFFECTIVE_PARALLELISM = 0.9;

/** Stands for an effective parallelism, or a time, that the host does not tell. */
export const UNKNOWN = -1;

export interface GangResult {
  /** By thread: vCPUs first, then the ioctl thread. */
  reports: MemberReport[];
  counters: Record<string, number>;
  cores: number;
}

/** The outcome of one repetition. Times are wall-clock nanoseconds. */
export function outcomeOf(result: GangResult): RunOutcome {
  const { reports, counters } = result;
  const { phases, lockSites } = reports[0];
  const times: PhaseTime[] = [];
  for (const [index, { metric, orderSensitive }] of phases.entries()) {
    if (metric !== '') times.push({ metric, ns: phaseNs(reports, index), orderSensitive });
  }
  const { values } = reports[0];
  const validity = validityOf(result);
  return {
    times: combineTimes(times, phases, counters),
    ...(values === undefined ? {} : { values }),
    counters,
    locks: mergeLockTotals(reports.map(({ locks }) => locks)).flatMap((stats) => stats.report(lockSites)),
    stalls: mergeStalls(reports.map(({ stalls }) => stalls)),
    warnings: warningsOf(validity, reports.length - 1),
    traceHash: '',
    stateHash: reports[0].stateHash,
    faults: counters.pageFaults,
    validity,
  };
}

/** Last finish minus first start over the crew; where everyone takes part, the ioctl thread's own time. */
function phaseNs(reports: MemberReport[], phase: number): number {
  const measured = reports[0].phases[phase].crew === 'all' ? reports.slice(-1) : reports;
  const spans = measured.map(({ spans }) => spans[phase]).filter((span) => span !== null);
  const start = Math.min(...spans.map(({ startPs }) => startPs));
  const finish = Math.max(...spans.map(({ finishPs }) => finishPs));
  return Math.round((finish - start) / 1000);
}

/** Over the phases that vCPUs race in; in a run without such, over all phases that vCPUs have a part in. */
function validityOf({ reports, cores }: GangResult): Validity {
  const { phases } = reports[0];
  const vcpus = reports.slice(0, -1);
  const all = [...phases.keys()].filter((index) => phases[index].crew !== 'ioctl' && phases[index].metric !== '');
  const raced = all.filter((index) => phases[index].crew === 'vcpus' && phases[index].orderSensitive);
  const window = raced.length > 0 ? raced : all;
  const windowNs = sum(window.map((index) => phaseNs(reports, index)));
  const perWorker = vcpus.map(({ spans }) => timesOf(window.map((index) => spans[index] as PhaseSpan)));
  const known = windowNs > 0 && perWorker.every(({ runNs }) => runNs !== UNKNOWN);
  const raceOnly = window.filter((index) => phases[index].crew !== 'together');
  const met = window.filter((index) => phases[index].crew === 'together');
  const usable = sum(raceOnly.map((index) => phaseNs(reports, index))) * Math.min(vcpus.length, cores) + sum(met.map((index) => ownNs(reports, index)));
  const ran = sum(raceOnly.map((index) => ranNs(vcpus, index))) + sum(met.map((index) => ranNs(reports, index)));
  const effectiveParallelism = known ? Math.round((ran / usable) * 1000) / 1000 : UNKNOWN;
  return { effectiveParallelism, oversubscribed: vcpus.length > cores, cores, perWorker };
}

/** Where everybody meets at the end, a member that is done early waits for the others by design: each is measured against its own time. */
function ownNs(reports: MemberReport[], phase: number): number {
  return sum(spansOf(reports, phase).map(({ startPs, finishPs }) => (finishPs - startPs) / 1000));
}

function ranNs(reports: MemberReport[], phase: number): number {
  return sum(spansOf(reports, phase).map(({ runNs }) => Math.max(0, runNs)));
}

function spansOf(reports: MemberReport[], phase: number): PhaseSpan[] {
  return reports.map(({ spans }) => spans[phase]).filter((span) => span !== null);
}

function timesOf(spans: PhaseSpan[]): { runNs: number; waitNs: number } {
  if (spans.some(({ runNs }) => runNs < 0)) return { runNs: UNKNOWN, waitNs: UNKNOWN };
  return { runNs: sum(spans.map(({ runNs }) => runNs)), waitNs: sum(spans.map(({ waitNs }) => waitNs)) };
}

function warningsOf(validity: Validity, vcpuCount: number): Warning[] {
  const { effectiveParallelism, oversubscribed, cores } = validity;
  const warnings: Warning[] = [];
  if (effectiveParallelism === UNKNOWN) {
    warnings.push({ code: 'no-schedstat', message: 'Effective parallelism is not known: the host has no /proc/thread-self/schedstat' });
  } else if (effectiveParallelism < MIN_EFFECTIVE_PARALLELISM) {
    const message = `Not valid: effective parallelism ${effectiveParallelism}, expected at least ${MIN_EFFECTIVE_PARALLELISM}; something else took the cores, or the window is too short`;
    warnings.push({ code: 'low-parallelism', message });
  }
  if (oversubscribed) {
    warnings.push({ code: 'oversubscribed', message: `${vcpuCount} vCPUs on ${cores} cores take turns: no claim about scalability follows` });
  }
  return warnings;
}

/** Adds up the members' stalls by phase and kind. Of the quantiles only the worst member's can be kept. */
function mergeStalls(members: StallReport[][]): StallReport[] {
  const merged = new Map<string, StallReport>();
  for (const report of members.flat()) {
    const key = `${report.phase} ${report.kind}`;
    const seen = merged.get(key);
    merged.set(key, seen === undefined ? report : addStalls(seen, report));
  }
  return [...merged.values()];
}

function addStalls(a: StallReport, b: StallReport): StallReport {
  return {
    ...a,
    count: a.count + b.count,
    totalNs: a.totalNs + b.totalNs,
    maxNs: Math.max(a.maxNs, b.maxNs),
    histogram: {
      count: a.histogram.count + b.histogram.count,
      p50Ns: Math.max(a.histogram.p50Ns, b.histogram.p50Ns),
      p99Ns: Math.max(a.histogram.p99Ns, b.histogram.p99Ns),
      p999Ns: Math.max(a.histogram.p999Ns, b.histogram.p999Ns),
    },
  };
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
