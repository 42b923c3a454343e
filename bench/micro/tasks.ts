// What is timed: each operation of each contestant as a batch, so long that the clock's resolution does not matter.
// A lookup's answers are compared with the right ones every time: they cannot be optimised away, and no structure is fast by being wrong.

import type { MemslotMeter } from '../../sim/index.js';
import type { Contestant, Kind, Lookup, Maker } from './contestant.js';
import { expectedSum, QUERIES, type Queries, type Workload } from './workload.js';

/** A sample should take this long: milliseconds. */
const SAMPLE_MS = 0.5;
/** No batch of lookups is longer, so that passes find new queries. */
const LOOKUPS_MAX = QUERIES >> 3;

/** Operations in the order in which they are run and listed; the names say what they go by. */
export const OPERATIONS = [
  'insert by gfn',
  'erase by gfn',
  'exact by gfn',
  'floor by gfn',
  'insert by hva',
  'erase by hva',
  'overlap by hva',
  'update: create',
  'update: delete',
  'update: flags',
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** One operation of one contestant. */
export interface Task {
  readonly structure: string;
  readonly operation: Operation;
  readonly n: number;
  /** Operations that a run does. */
  readonly opsPerSample: number;
  /** Of the contestant and its copies. */
  readonly meters: readonly MemslotMeter[];
  /** Runs the batch of a pass. Throws when an answer is wrong. */
  run(pass: number): void;
  /** Runs something alike untimed, so that no task finds the caches as another one left them. What the batch itself needs may still be far away. */
  warmUp(pass: number): void;
}

/** A contestant, in as many copies as its edits take. */
export interface Entry {
  maker: Maker;
  copies: readonly Contestant[];
}

/** Makes a contestant and its copies. */
export function enter(maker: Maker, workload: Workload): Entry {
  return { maker, copies: Array.from({ length: workload.copies }, () => maker.make(workload)) };
}

/**
 * The tasks of a contestant, warmed up and with batches as long as they should be. Each erase follows its insert, so that n is the same again; both
 * must be run in every pass, in the order given. Throws when the contestant gives a wrong answer before, between or after edits.
 */
export function tasksOf(entry: Entry, workload: Workload): Task[] {
  const [first] = entry.copies;
  verify(entry, workload);
  const lookups = (Object.keys(first.lookups) as Lookup[]).map((name) => lookupTask(entry, workload, name));
  const edits = editTasks(entry, workload);
  const flags = first.changeFlags === undefined ? [] : [flagsTask(entry, workload)];
  return [...edits, ...lookups, ...flags];
}

/** The answers before, after inserts, and after their erasure. */
function verify({ maker, copies }: Entry, { spares, batch, ...workload }: Workload): void {
  const count = workload.n > 100_000 && maker.structure === 'array' ? 64 : 2048;
  for (const copy of copies.slice(0, 2)) {
    const answers = (): number[] =>
      (Object.keys(copy.lookups) as Lookup[]).map((name) => copy.lookups[name]!(workload[name].at, 0, count) - expectedSum(workload[name], 0, count));
    const check = (when: string): void => {
      if (answers().some((difference) => difference !== 0)) throw new Error(`Wrong answer of ${maker.structure} ${maker.kind} at n ${workload.n}, ${when}`);
    };
    check('as filled');
    const few = Math.min(batch, 4);
    copy.insert(spares, 0, few);
    copy.erase(spares, 0, few);
    check('after inserts and erases');
  }
}

function lookupTask({ maker, copies }: Entry, workload: Workload, name: Lookup): Task {
  const queries: Queries = workload[name];
  const look = copies[0].lookups[name]!;
  const runMany = (pass: number, count: number): void => {
    const from = (pass * LOOKUPS_MAX) % (QUERIES - count + 1);
    const sum = look(queries.at, from, count) | 0;
    const expected = expectedSum(queries, from, count);
    if (sum !== expected) throw new Error(`Wrong answer of ${maker.structure} to ${name}: current ${sum}, expected ${expected}`);
  };
  const count = calibrate((ops) => runMany(0, ops), LOOKUPS_MAX);
  return {
    structure: maker.structure,
    meters: metersOf(copies),
    operation: named(name, maker.kind),
    n: workload.n,
    opsPerSample: count,
    run: (pass) => runMany(pass, count),
    warmUp: (pass) => runMany(pass + 1, count),
  };
}

function editTasks({ maker, copies }: Entry, { n, spares, batch }: Workload): Task[] {
  const windows = Math.floor(spares.length / batch);
  const runMany = (edit: 'insert' | 'erase', pass: number, count: number): void => {
    const from = (pass % windows) * batch;
    for (const copy of copies) copy[edit](spares, from, count);
  };
  const both = (pass: number, ops: number): void => {
    runMany('insert', pass, ops);
    runMany('erase', pass, ops);
  };
  const count = calibrate((ops) => both(0, ops), batch);
  const words = maker.kind === 'whole' ? (['create', 'delete'] as const) : (['insert', 'erase'] as const);
  return (['insert', 'erase'] as const).map((edit, i) => ({
    structure: maker.structure,
    meters: metersOf(copies),
    operation: named(words[i], maker.kind),
    n,
    opsPerSample: count * copies.length,
    run: (pass) => runMany(edit, pass, count),
    warmUp: (pass) => (edit === 'insert' ? both(pass + 1, count) : undefined),
  }));
}

function flagsTask({ maker, copies }: Entry, { n, present }: Workload): Task {
  const most = Math.min(n, 1024);
  const runMany = (pass: number, ops: number): void => {
    const from = (pass * most) % (n - ops + 1);
    for (const copy of copies) copy.changeFlags!(present, from, ops);
  };
  const count = calibrate((ops) => runMany(0, ops), most);
  return {
    structure: maker.structure,
    meters: metersOf(copies),
    operation: named('flags', maker.kind),
    n,
    opsPerSample: count * copies.length,
    run: (pass) => runMany(pass, count),
    warmUp: (pass) => runMany(pass + 1, count),
  };
}

function metersOf(copies: readonly Contestant[]): MemslotMeter[] {
  return copies.flatMap(({ meter }) => meter ?? []);
}

/** Doubles a batch until it takes as long as a sample should, or is the longest there is; by then the code is compiled. */
function calibrate(run: (ops: number) => void, most: number): number {
  for (let warmUp = 0, startMs = performance.now(); warmUp < 20 && performance.now() - startMs < 20; warmUp++)
    run(Math.min(most, 64 >> (warmUp === 0 ? 6 : 0)));
  let ops = 1;
  while (ops < most) {
    const startMs = performance.now();
    run(ops);
    if (performance.now() - startMs >= SAMPLE_MS / 2) break;
    ops = Math.min(most, ops * 2);
  }
  return ops;
}

function named(word: string, kind: Kind): Operation {
  return (kind === 'whole' ? `update: ${word}` : `${word} by ${kind}`) as Operation;
}
