// From what the members of a gang report to the outcome of the run: phase durations, sums, and whether to believe them.

import { mergeLockTotals } from '../engine/threads/lock-totals.js';
import type { PhaseTime, RunOutcome, StallReport, Validity, Warning } from './cell.js';
import type { MemberReport, PhaseSpan } from './run-threads-message.js';
import { combineTimes, ratesOf } from './scenario.js';

/** Below this share of the cores that the vCPUs could use, a measurement is not valid. */
export const MIN_EFFECTIVE_PARALLELISM = 0.9;

/** Stands for an effective parallelism, or a time, that the host does not tell. */
export const UNKNOWN = -1;

export interface GangResult {
  /** By thread: vCPUs first, then the ioctl thread, then the services. */
  reports: MemberReport[];
  vcpuCount: number;
  counters: Record<string, number>;
  cores: number;
}

/** The outcome of one repetition. Times are wall-clock nanoseconds. */
export function outcomeOf(result: GangResult): RunOutcome {
  const { reports, counters } = result;
  const { phases, lockSites, values = [], rates = [] } = reports[0];
  const phaseTimes: PhaseTime[] = [];
  for (const [index, { metric, orderSensitive }] of phases.entries()) {
    if (metric !== '') phaseTimes.push({ metric, ns: phaseNs(result, index), orderSensitive });
  }
  const times = combineTimes(phaseTimes, phases, counters);
  const measured = [...values, ...ratesOf(rates, times)];
  const validity = validityOf(result);
  return {
    times,
    ...(measured.length === 0 ? {} : { values: measured }),
    counters,
    locks: mergeLockTotals(reports.map(({ locks }) => locks)).flatMap((stats) => stats.report(lockSites)),
    stalls: mergeStalls(reports.map(({ stalls }) => stalls)),
    warnings: warningsOf(validity, result.vcpuCount),
    traceHash: '',
    stateHash: reports[0].stateHash,
    faults: counters.pageFaults,
    validity,
  };
}

/** Last finish minus first start over those whose time it is. */
function phaseNs(result: GangResult, phase: number): number {
  const spans = spansOf(timekeepers(result, phase), phase);
  const start = Math.min(...spans.map(({ startPs }) => startPs));
  const finish = Math.max(...spans.map(({ finishPs }) => finishPs));
  return Math.round((finish - start) / 1000);
}

/** Where vCPUs run until the ioctl thread is done, that one; where services work for vCPUs, these; else everybody who takes part. */
function timekeepers({ reports, vcpuCount }: GangResult, phase: number): MemberReport[] {
  const { crew } = reports[0].phases[phase];
  if (crew === 'all') return [reports[vcpuCount]];
  return crew === 'served' ? reports.slice(0, vcpuCount) : reports;
}

/** Over the phases that vCPUs race in; in a run without such, over all phases that vCPUs have a part in. */
function validityOf(result: GangResult): Validity {
  const { reports, vcpuCount, cores } = result;
  const { phases } = reports[0];
  const all = [...phases.keys()].filter((index) => phases[index].crew !== 'ioctl' && phases[index].metric !== '');
  const raced = all.filter((index) => ['vcpus', 'served'].includes(phases[index].crew) && phases[index].orderSensitive);
  const window = raced.length > 0 ? raced : all;
  const perWorker = reports.slice(0, vcpuCount).map(({ spans }) => timesOf(window.map((index) => spans[index] as PhaseSpan)));
  const usableNs = sum(window.map((index) => usableNsOf(result, index)));
  const known = usableNs > 0 && perWorker.every(({ runNs }) => runNs !== UNKNOWN);
  const ran = sum(window.map((index) => ranNs(phases[index].crew === 'together' ? reports : reports.slice(0, vcpuCount), index)));
  const effectiveParallelism = known ? Math.round((ran / usableNs) * 1000) / 1000 : UNKNOWN;
  return { effectiveParallelism, oversubscribed: vcpuCount > cores, cores, perWorker };
}

/** The core time that a phase had a use for. */
function usableNsOf(result: GangResult, phase: number): number {
  const { reports, vcpuCount, cores } = result;
  const { crew } = reports[0].phases[phase];
  if (crew === 'together') return ownNs(reports, phase);
  const windowNs = phaseNs(result, phase) * Math.min(vcpuCount, cores);
  return crew === 'served' ? Math.min(windowNs, readyNs(reports.slice(0, vcpuCount), phase)) : windowNs;
}

/** Where everybody meets at the end, a member that is done early waits for the others by design: each is measured against its own time. */
function ownNs(reports: MemberReport[], phase: number): number {
  return sum(spansOf(reports, phase).map(({ startPs, finishPs }) => (finishPs - startPs) / 1000));
}

/** vCPUs that are served sleep by design: what counts is the time in which they ran or were ready to. */
function readyNs(reports: MemberReport[], phase: number): number {
  return sum(spansOf(reports, phase).map(({ runNs, waitNs }) => Math.max(0, runNs) + Math.max(0, waitNs)));
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
