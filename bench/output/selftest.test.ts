import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../errors.js';
import type { MetricRecord, ResultRecord } from '../results/index.js';
import { FAKE_PROVENANCE } from '../run/cells.fixture.js';
import { checkSelftestSuites, renderSelftest } from './selftest.js';

function metric(values: number[]): MetricRecord {
  return { unit: 'ns', kind: 'exact', better: 'smaller', values, median: values[0], low: Math.min(...values), high: Math.max(...values) };
}

interface Told {
  test: string;
  slots?: number;
  suite?: string;
  times: Record<string, number[]>;
  loops?: number;
}

function record({ test: name, slots = 509, suite = 'memslots', times, loops }: Told): ResultRecord {
  const values = Object.values(times)[0] ?? [0];
  return {
    schemaVersion: 1,
    suite,
    cell: `${suite} engine=virtual profile=fake-host test=${name} slots=${slots} memslots=tree`,
    engine: 'virtual',
    options: { test: name, slots, memslots: 'tree', seconds: 5, loops: 2 },
    profile: { name: 'fake-host', hash: '0123456789ab', overrides: [] },
    seeds: values.map((_, index) => index + 1),
    metrics: Object.fromEntries(Object.entries(times).map(([key, ofMetric]) => [key, metric(ofMetric)])),
    counters: loops === undefined ? {} : { loops },
    locks: [],
    stalls: [],
    traceHashes: [],
    warnings: [],
    ...FAKE_PROVENANCE,
    wall: { startedAt: '2026-01-01T00:00:00.000Z', seconds: 1 },
  };
}

function render(records: ResultRecord[]): { text: string; notes: string[] } {
  const notes: string[] = [];
  return { text: renderSelftest(records, (line) => notes.push(line)), notes };
}

const MOVE = record({ test: 'move-active', times: { slot_setup: [8_250_000, 8_240_000], iteration: [81_600, 81_500.7] }, loops: 100 });
const UNMAP = record({ test: 'unmap', times: { iteration: [31_800_000], iterations: [157], slot_setup: [1_000_000] } });

test("one configuration reads as the selftest's output, in its order of tests", () => {
  assert.deepEqual(render([MOVE, UNMAP]), {
    text: `Testing unmap performance with 1 runs, 5 seconds each
Test took 0.001000000s for slot setup + 4.992600000s all iterations
Done 157 iterations, avg 0.031800000s each
Best runtime result was 0.031800000s per iteration (with 157 iterations)

Testing move active area performance with 2 runs, 5 seconds each
Test took 0.008250000s for slot setup + 0.008160000s all iterations
Done 100 iterations, avg 0.000081600s each
Test took 0.008240000s for slot setup + 0.008150000s all iterations
Done 100 iterations, avg 0.000081500s each
Best runtime result was 0.000081500s per iteration (with 100 iterations)
Best slot setup time for the whole test area was 0.008240000s
`,
    notes: [],
  });
});

test('the best slot setup is that of tests over the whole area alone', () => {
  assert.ok(!render([UNMAP]).text.includes('Best slot setup'));
  const setup = record({ test: 'setup', times: { slot_setup: [1_585_000_000] } });
  assert.equal(render([setup]).text, 'Best slot setup time for the whole test area was 1.585000000s\n');
});

test('several configurations are told apart by a line of their own', () => {
  const { text } = render([UNMAP, record({ test: 'unmap', slots: 10, times: { iteration: [1] } })]);
  const name = '# memslots engine=virtual profile=fake-host';
  assert.deepEqual(text.match(/^# .*$/gm), [`${name} slots=509 memslots=tree`, `${name} slots=10 memslots=tree`]);
});

test('what was not measured is not made up', () => {
  const bare = render([record({ test: 'map', times: { iteration: [20_000_000] } })]).text;
  assert.match(bare, /^Test took unknown for slot setup \+ unknown all iterations\nDone unknown iterations, avg 0\.020000000s each$/m);
  const sampled = render([{ ...record({ test: 'map', times: { iteration: [20_000_000, 10_000_000] }, loops: 7 }), engine: 'threads' }]).text;
  assert.deepEqual(sampled.match(/^Done \w+/gm), ['Done 7', 'Done unknown']);
  assert.match(render([record({ test: 'map', times: {} })]).text, /^No full loops done - too short test time or system too loaded\?$/m);
});

test('other tests and suites are left out with a note, and refused where nothing is left', () => {
  const zap = record({ test: 'zap', times: { guest_pass: [1] } });
  const other = record({ test: 'map', suite: 'dirty-log', times: { iteration: [1] } });
  assert.deepEqual(render([UNMAP, zap, other]).notes, ['2 cells are left out: no tests of memslot_perf_test']);
  assert.throws(() => render([zap]), /^UsageError: Cannot print these results with --format selftest: .* expected a test of it: map, unmap, /);
  assert.throws(() => render([other]), /^UsageError: Cannot print dirty-log with --format selftest: expected memslots, demand-paging$/);
  assert.throws(() => checkSelftestSuites(['dirty-log']), UsageError);
  checkSelftestSuites(['dirty-log', 'memslots']);
});

const RATE: Pick<MetricRecord, 'unit' | 'better'> = { unit: 'per_s', better: 'larger' };

function demandPagingRecord(ns: number[], options: ResultRecord['options']): ResultRecord {
  const pages = Number(options.vcpuBytes) / 4096;
  const perVcpu = ns.map((each) => pages / (each / 1e9));
  const base = record({ test: 'none', suite: 'demand-paging', times: { total_guest_execution_time: ns } });
  const rates = {
    per_vcpu_demand_paging_rate: { ...metric(perVcpu), ...RATE },
    overall_demand_paging_rate: { ...metric(perVcpu.map((rate) => rate * Number(options.vcpus))), ...RATE },
  };
  return { ...base, cell: `demand-paging vcpus=${options.vcpus} backing=${options.backing}`, options, metrics: { ...base.metrics, ...rates } };
}

test('demand-paging reads as demand_paging_test prints it: its own posted example', () => {
  const { text, notes } = render([demandPagingRecord([10_979_277_020], { vcpus: 1, vcpuBytes: 2 ** 30, backing: 'anonymous' })]);
  assert.deepEqual(notes, []);
  assert.equal(
    text,
    `Testing guest mode: PA-bits:ANY, VA-bits:48,  4K pages
guest physical test memory: [0xffffbffff000, 0xfffffffff000)
Finished creating vCPUs and starting uffd threads
Started all vCPUs
All vCPU threads joined
Total guest execution time:\t10.979277020s
Per-vcpu demand paging rate:\t23876.253375 pgs/sec/vcpu
Overall demand paging rate:\t23876.253375 pgs/sec
`,
  );
});

test('demand-paging prints each seed and each cell, huge pages aligned', () => {
  const huge = demandPagingRecord([1e9, 2e9], { vcpus: 2, vcpuBytes: 2 ** 21, backing: 'shared_hugetlb_2mb' });
  const { text } = render([huge, demandPagingRecord([1e9], { vcpus: 1, vcpuBytes: 4096, backing: 'shmem' }), UNMAP]);
  assert.equal(text.match(/^Started all vCPUs$/gm)?.length, 3);
  assert.match(text, /^# demand-paging vcpus=2 backing=shared_hugetlb_2mb\n(?:.*\n)guest physical test memory: \[0xffffffa00000, 0xffffffe00000\)$/m);
  assert.match(text, /^Overall demand paging rate:\t512\.000000 pgs\/sec$/m);
  assert.match(text, /^Testing unmap performance with 1 runs/m);
});
