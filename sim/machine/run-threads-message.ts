// What the main thread and the workers of the threads engine tell each other: plain data and shared buffers.

import type { Costs } from '../engine/costs.js';
import { Counters, withSums } from '../engine/counters.js';
import type { LockTotals } from '../engine/threads/lock-totals.js';
import type { MeasuredValue, StallReport } from './cell.js';
import type { Phase, Rate, Scenario } from './scenario.js';

/** Where a worker finds its scenario: an exported function, called with plain data. */
export interface ScenarioSource {
  /** URL of the module. */
  module: string;
  exportName: string;
  args: unknown[];
}

/** One member's part of one run. */
export interface MemberTask {
  scenario: ScenarioSource;
  /** 0-based; vCPUs first, then the ioctl thread, then the services. */
  index: number;
  /** Members: vCPUs, the ioctl thread and the services. */
  size: number;
  seed: number;
  costs: Costs;
  timeScale: number;
  cores: number;
  park: boolean;
  meetTimeoutMs: number;
  lockTimeoutMs: number;
  /** `process.hrtime.bigint()` at the start of the run. */
  originNs: bigint;
  arena: SharedArrayBuffer;
  /** True when an earlier run has left its traces in the arena. */
  arenaIsUsed: boolean;
  gang: SharedArrayBuffer;
  /** Every member's counters (see `writeTally`). */
  tallies: SharedArrayBuffer;
}

/** One member's time in one phase. Run and wait times are -1 where the host does not tell. */
export interface PhaseSpan {
  startPs: number;
  finishPs: number;
  runNs: number;
  waitNs: number;
}

export type PhaseHead = Pick<Phase, 'metric' | 'crew' | 'orderSensitive' | 'per'>;

export interface MemberReport {
  phases: PhaseHead[];
  /** By phase; null where the member was not in the crew. */
  spans: (PhaseSpan | null)[];
  locks: LockTotals[];
  lockSites: readonly string[];
  /** Of the first member; '' from the others. */
  stateHash: string;
  /** Of the first member. */
  values?: MeasuredValue[];
  /** Of the first member: the times that they need are known only once everybody has reported. */
  rates?: readonly Rate[];
  stalls: StallReport[];
}

/** Imports the module and makes the scenario. Throws when there is no such function. */
export async function loadScenario(source: ScenarioSource): Promise<Scenario> {
  const module = (await import(source.module)) as Record<string, unknown>;
  const make = module[source.exportName];
  if (typeof make !== 'function')
    throw new Error(`Cannot load scenario: current export "${source.exportName}" of ${source.module} is ${typeof make}, expected function`);
  return (make as (...args: unknown[]) => Scenario)(...source.args);
}

const COUNTER_NAMES = Object.keys(new Counters());

/** Bytes that the counters of `size` members take: doubles, one row per member, in the order of `Counters`. */
export function tallyBytes(size: number): number {
  return size * COUNTER_NAMES.length * Float64Array.BYTES_PER_ELEMENT;
}

/** Writes one member's row. */
export function writeTally(tallies: SharedArrayBuffer, index: number, counters: Counters): void {
  new Float64Array(tallies).set(Object.values(counters.toRecord()), index * COUNTER_NAMES.length);
}

/** Sums over all members, by name. */
export function sumTallies(tallies: SharedArrayBuffer): Record<string, number> {
  const rows = new Float64Array(tallies);
  const sums: Record<string, number> = {};
  for (const [column, name] of COUNTER_NAMES.entries()) {
    sums[name] = 0;
    for (let at = column; at < rows.length; at += COUNTER_NAMES.length) sums[name] += rows[at];
  }
  return withSums(sums);
}
