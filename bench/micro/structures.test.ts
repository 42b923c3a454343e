import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contestant, Maker } from './contestant.js';
import { growthExponent, logarithmExponent } from './fit.js';
import { measureTasks } from './measure.js';
import { OURS } from './ours.js';
import { FLATTEN, loadPeers, SORTED_ARRAY, SORTED_BTREE } from './peers.js';
import { renderBench } from './render.js';
import { SETS } from './sets.js';
import { benchStructures } from './structures.js';
import { comparisons, groups, sentences } from './summary.js';
import { enter, OPERATIONS, tasksOf } from './tasks.js';
import { expectedSum, makeWorkload } from './workload.js';

const { makers: PEERS } = await loadPeers();

test('all contestants give the same, right answers, with spares in and out again', () => {
  const workload = makeWorkload(300);
  for (const maker of [...OURS, ...SETS, ...PEERS]) {
    const contestant = maker.make(workload);
    const check = (): void => {
      for (const [name, look] of Object.entries(contestant.lookups)) {
        const queries = workload[name as 'exact' | 'floor' | 'overlap'];
        assert.equal(look(queries.at, 100, 5000) | 0, expectedSum(queries, 100, 5000), `${maker.structure}: ${name}`);
      }
    };
    check();
    for (let round = 0; round < 3; round++) {
      contestant.insert(workload.spares, round, 30);
      contestant.erase(workload.spares, round, 30);
      contestant.changeFlags?.(workload.present, 0, 50);
    }
    check();
  }
});

test('the packages are there and compete in what they can do', () => {
  assert.deepEqual(
    PEERS.map(({ structure, kind }) => [structure, kind]),
    [
      [SORTED_ARRAY, 'gfn'],
      [SORTED_BTREE, 'gfn'],
      [FLATTEN, 'hva'],
    ],
  );
});

test('a package that is not installed is left out, with a line that says so', async () => {
  const { makers, notes } = await loadPeers(async (name) => {
    throw new Error(`Cannot find package '${name}'`);
  });
  assert.deepEqual(
    makers.map(({ structure }) => structure),
    [SORTED_ARRAY],
  );
  assert.equal(notes.length, 2);
  assert.match(notes[0], /^sorted-btree is left out: Cannot find package 'sorted-btree'; npm install/);
});

test('a contestant that answers wrong is not timed', () => {
  const workload = makeWorkload(50);
  const broken = (change: (right: Contestant) => Partial<Contestant>): Maker => {
    const [right] = OURS;
    return { ...right, make: (given) => ({ ...bound(right.make(given)), ...change(bound(right.make(given))) }) };
  };
  const offByOne = broken(({ lookups }) => ({ lookups: { exact: (at, from, count) => lookups.exact!(at, from, count) + 1 } }));
  const neverErases = broken(() => ({ erase: () => undefined }));
  assert.throws(() => tasksOf(enter(offByOne, workload), workload), /Wrong answer of tree gfn at n 50, as filled/);
  assert.throws(() => tasksOf(enter(neverErases, workload), workload), /Wrong answer of tree gfn at n 50, after|Invariant broken/);
});

/** A contestant as a plain object. */
function bound(contestant: Contestant): Contestant {
  return {
    lookups: contestant.lookups,
    insert: (places, from, count) => contestant.insert(places, from, count),
    erase: (places, from, count) => contestant.erase(places, from, count),
  };
}

test('measureTasks interleaves: every task once in each pass, before the next pass begins', () => {
  const order: string[] = [];
  const task = (structure: string) => ({
    structure,
    operation: 'exact by gfn' as const,
    n: 100,
    opsPerSample: 10,
    meters: [],
    run: (pass: number) => void order.push(`${structure}${pass}`),
    warmUp: () => undefined,
  });
  const [a] = measureTasks([task('a'), task('b')], 3);
  assert.deepEqual(order.slice(0, 6), ['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
  assert.equal(a.samples, 3);
  assert.ok(a.ns.low <= a.ns.median && a.ns.median <= a.ns.high);
});

test('counted cache lines of tree and btree grow no faster than log n', () => {
  const sizes = [100, 1000, 10_000, 100_000];
  for (const maker of OURS.filter(({ structure }) => structure !== 'array')) {
    const lines = new Map<string, { n: number; ns: number }[]>();
    for (const n of sizes) {
      const workload = makeWorkload(n);
      const contestant = maker.make(workload);
      for (const [name, look] of Object.entries(contestant.lookups)) {
        const before = contestant.meter?.lines ?? Number.NaN;
        look(workload[name as 'exact' | 'floor' | 'overlap'].at, 0, 2000);
        lines.set(name, [...(lines.get(name) ?? []), { n, ns: ((contestant.meter?.lines ?? Number.NaN) - before) / 2000 }]);
      }
    }
    for (const [name, points] of lines) {
      const slope = growthExponent(points);
      assert.ok(slope > 0.02 && slope <= logarithmExponent(sizes) + 0.03, `${maker.structure} ${maker.kind} ${name}: ${slope}`);
    }
  }
});

test('a small bench has every operation, its tables every structure, and its sentences the crossing point', async () => {
  const seen: number[] = [];
  const measured = await benchStructures({ sizes: [10, 120], passes: 2, onSize: (n) => seen.push(n) });
  assert.deepEqual(seen, [10, 120]);
  assert.deepEqual(
    groups(measured).map(({ operation }) => operation),
    [...OPERATIONS],
  );
  for (const row of measured) assert.ok(row.ns.median > 0 && row.opsPerSample > 0, JSON.stringify(row));
  assert.equal(comparisons(measured).length, 14);
  assert.ok(sentences(measured).some((line) => /scan by hva is (not )?slower than btree/.test(line)));
  const host = { cpu: 'a CPU', node: 'v20' };
  const text = renderBench(measured, 'text', host);
  for (const word of [...OPERATIONS, FLATTEN, SORTED_BTREE, SORTED_ARRAY, 'array-hva-tree', 'a CPU']) assert.ok(text.includes(word), word);
  assert.equal(renderBench(measured, 'csv', host).trim().split('\n').length, measured.length + 1);
  const parsed = JSON.parse(renderBench(measured, 'json', host)) as { measured: unknown[]; growth: unknown[] };
  assert.equal(parsed.measured.length, measured.length);
  assert.match(renderBench(measured, 'markdown', host), /^# Memslot structures\n/);
  assert.match(renderBench(measured, 'markdown', host), /\n\| btree \| /);
});
