// Machine profiles: the primitive costs and the topology of a host. Nothing else: no vCPU count, no suite, no cell.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COST_NAMES, type CostName } from '../engine/costs.js';
import type { SmtFactors, Topology } from '../engine/virtual/topology.js';

export interface ProfileCost {
  /** Nanoseconds on an otherwise idle core. */
  ns: number;
  /** Where the figure comes from; "assumed" where nothing is published. */
  source: string;
}

export interface MachineProfile {
  name: string;
  description: string;
  topology: Topology;
  /** Slow-down by a busy SMT sibling, per class of work. */
  smt: SmtFactors;
  costs: Record<CostName, ProfileCost>;
  /** Changes made for this run, as given on the command line. */
  overrides: string[];
}

const PROFILE_FOLDER = new URL('../../../sim/machine/profiles/', import.meta.url);

/** Names of the built-in profiles, sorted. */
export function listProfiles(): string[] {
  return readdirSync(PROFILE_FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** A built-in profile by name, or one from a JSON file. Throws `Error` with one line that says what is wrong. */
export function loadProfile(nameOrPath: string): MachineProfile {
  const builtIn = listProfiles().includes(nameOrPath);
  const path = builtIn ? fileURLToPath(new URL(`${nameOrPath}.json`, PROFILE_FOLDER)) : nameOrPath;
  return checkProfile(readJson(path, nameOrPath), nameOrPath);
}

function readJson(path: string, shown: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new Error(`Cannot read machine profile "${shown}": ${code}, expected a file or one of ${listProfiles().join(', ')}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot read machine profile "${shown}": ${(error as Error).message}`);
  }
}

function checkProfile(value: unknown, shown: string): MachineProfile {
  const refuse = (why: string): never => {
    throw new Error(`Cannot use machine profile "${shown}": ${why}`);
  };
  if (typeof value !== 'object' || value === null) return refuse('current no object, expected a JSON object');
  const profile = value as MachineProfile;
  if (typeof profile.name !== 'string' || profile.name === '') refuse('"name" is missing, expected a string');
  if (typeof profile.description !== 'string') refuse('"description" is missing, expected a string');
  for (const key of ['sockets', 'coresPerSocket', 'threadsPerCore', 'packThreads'] as const) {
    const n = profile.topology?.[key];
    if (!Number.isInteger(n) || n < 1) refuse(`topology.${key} is ${String(n)}, expected a positive integer`);
  }
  for (const key of ['core', 'issue', 'memory'] as const) {
    const factor = profile.smt?.[key];
    if (!(typeof factor === 'number' && factor >= 1 && factor <= 10)) refuse(`smt.${key} is ${String(factor)}, expected a number from 1 to 10`);
  }
  for (const name of COST_NAMES) {
    const ns = profile.costs?.[name]?.ns;
    if (!(typeof ns === 'number' && ns >= 0 && ns <= 1e9)) refuse(`costs.${name}.ns is ${String(ns)}, expected nanoseconds from 0 to 1e9`);
    if (typeof profile.costs[name].source !== 'string') refuse(`costs.${name}.source is missing, expected a citation or "assumed"`);
  }
  const unknown = Object.keys(profile.costs).find((name) => !COST_NAMES.includes(name as CostName));
  if (unknown !== undefined) refuse(`unknown cost "${unknown}"`);
  return { ...profile, overrides: [] };
}

/**
 * A copy with some costs changed: `rmap_scan=4.5` (nanoseconds), `rmap_scan=-20%`, `rmap_scan=+10%`.
 * Throws `Error` with one line for an unknown cost or a change that cannot be read.
 */
export function withOverrides(profile: MachineProfile, sets: string[]): MachineProfile {
  const costs = { ...profile.costs };
  for (const set of sets) {
    const match = /^([a-z0-9_]+)=([+-]?)(\d+(?:\.\d+)?)(%?)$/.exec(set);
    if (match === null) throw new Error(`Cannot set "${set}": expected cost=-20% or cost=12.5 (nanoseconds)`);
    const name = match[1] as CostName;
    if (!COST_NAMES.includes(name)) throw new Error(`Cannot set "${set}": unknown cost "${name}", expected one of ${COST_NAMES.join(', ')}`);
    const ns = changedNs(costs[name].ns, { sign: match[2], amount: Number(match[3]), percent: match[4] === '%' });
    if (ns < 0) throw new Error(`Cannot set "${set}": the cost would be ${ns} ns, expected 0 or more`);
    costs[name] = { ns, source: `set for this run: ${set}` };
  }
  return { ...profile, costs, overrides: [...profile.overrides, ...sets] };
}

function changedNs(ns: number, change: { sign: string; amount: number; percent: boolean }): number {
  const signed = change.sign === '-' ? -change.amount : change.amount;
  if (!change.percent) return change.sign === '' ? signed : ns + signed;
  return change.sign === '' ? (ns * change.amount) / 100 : ns * (1 + signed / 100);
}

/** Costs in nanoseconds by name. */
export function costsInNs(profile: MachineProfile): Record<CostName, number> {
  return Object.fromEntries(COST_NAMES.map((name) => [name, profile.costs[name].ns])) as Record<CostName, number>;
}

/** 12 hex digits over everything that decides numbers: topology, SMT factors, costs. */
export function profileHash(profile: MachineProfile): string {
  const { sockets, coresPerSocket, threadsPerCore, packThreads } = profile.topology;
  const { core, issue, memory } = profile.smt;
  const decisive = {
    topology: [sockets, coresPerSocket, threadsPerCore, packThreads],
    smt: [core, issue, memory],
    costs: COST_NAMES.map((name) => [name, profile.costs[name].ns]),
  };
  return createHash('sha256').update(JSON.stringify(decisive)).digest('hex').slice(0, 12);
}
