import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAKE_PROVENANCE, fakeCell, fakeOutcome } from './cells.fixture.js';
import { checkMemory, type PlannedCell } from './plan.js';
import { type FinishedRun, toRecord } from './record.js';
import { resumeFrom } from './resume.js';

/** One run per value of the order-sensitive time. */
function runsOf(passNs: number[], changes: Partial<FinishedRun['outcome']> = {}): FinishedRun[] {
  return passNs.map((ns, index) => ({
    seed: index + 1,
    outcome: fakeOutcome({
      times: [
        { metric: 'setup', ns: 100, orderSensitive: false },
        { metric: 'pass_iter1', ns, orderSensitive: true },
      ],
      ...changes,
    }),
    startedAt: new Date(0),
    seconds: 1.5,
  }));
}

function codesOf(cell: PlannedCell, runs: FinishedRun[]): string[] {
  return toRecord(cell, runs, FAKE_PROVENANCE).warnings.map(({ code }) => code);
}

test('toRecord: several seeds give a median and a range', () => {
  const record = toRecord(fakeCell(2), runsOf([1000, 1100, 1050]), FAKE_PROVENANCE);
  assert.deepEqual(record.seeds, [1, 2, 3]);
  assert.deepEqual(record.metrics.pass_iter1, {
    unit: 'ns',
    kind: 'order-sensitive',
    better: 'smaller',
    values: [1000, 1100, 1050],
    median: 1050,
    low: 1000,
    high: 1100,
  });
  assert.equal(record.metrics.setup.kind, 'exact');
  assert.equal(record.wall.seconds, 4.5);
  assert.deepEqual(record.warnings, []);
});

test('toRecord: one seed of an order-sensitive time is one draw, and says so', () => {
  const record = toRecord(fakeCell(2), runsOf([1000]), FAKE_PROVENANCE);
  assert.equal(record.metrics.pass_iter1.kind, 'order-sensitive');
  assert.deepEqual(
    record.warnings.map(({ code }) => code),
    ['one-draw'],
  );
  assert.match(record.warnings[0].message, /^pass_iter1 of one seed/);
});

test('toRecord: a range of at most 0.1 % is as good as exact', () => {
  assert.equal(toRecord(fakeCell(2), runsOf([100_000, 100_050]), FAKE_PROVENANCE).metrics.pass_iter1.kind, 'exact');
});

test('toRecord: threads are sampled, with the interval of the median and doubts about the host', () => {
  const cell = fakeCell(4, { engine: 'threads', timeScale: 1 });
  const validity = { effectiveParallelism: 0.5, oversubscribed: true, cores: 2, perWorker: [] };
  const record = toRecord(cell, runsOf([9, 1, 2, 3, 4, 5, 6, 7, 8, 10], { validity, traceHash: '' }), FAKE_PROVENANCE);
  const { kind, median, low, high } = record.metrics.pass_iter1;
  assert.deepEqual([kind, median, low, high], ['sampled', 5.5, 2, 9]);
  assert.deepEqual(record.traceHashes, []);
  assert.equal(record.timeScale, 1);
  assert.deepEqual(codesOf(cell, runsOf([1, 2], { validity })), ['few-repetitions', 'low-parallelism', 'oversubscribed']);
});

test('toRecord keeps the median validity and one warning of each code', () => {
  const cell = fakeCell(2, { engine: 'threads', timeScale: 1 });
  const [first, second] = runsOf([1, 2], { warnings: [{ code: 'noisy', message: 'busy' }] });
  first.outcome.validity = { effectiveParallelism: 0.99, oversubscribed: false, cores: 2, perWorker: [] };
  second.outcome.validity = { effectiveParallelism: 0.95, oversubscribed: false, cores: 2, perWorker: [] };
  const record = toRecord(cell, [first, second], FAKE_PROVENANCE);
  assert.equal(record.validity?.effectiveParallelism, 0.95);
  assert.deepEqual(
    record.warnings.map(({ code }) => code),
    ['noisy', 'few-repetitions'],
  );
});

test('toRecord keeps what is no time in the unit that the suite states', () => {
  const { footprint } = toRecord(fakeCell(2), runsOf([1, 2], { values: [{ metric: 'footprint', value: 4096 }] }), FAKE_PROVENANCE).metrics;
  assert.deepEqual(footprint, { unit: 'bytes', kind: 'exact', better: 'smaller', values: [4096, 4096], median: 4096, low: 4096, high: 4096 });
  const [one, other] = [runsOf([1], { values: [{ metric: 'footprint', value: 1 }] }), runsOf([2])];
  assert.throws(() => toRecord(fakeCell(2), [...one, ...other], FAKE_PROVENANCE), /Metric footprint of cell .* is missing/);
});

test('toRecord refuses a metric that the suite does not know', () => {
  const runs = runsOf([1], { times: [{ metric: 'surprise', ns: 1, orderSensitive: false }] });
  assert.throws(() => toRecord(fakeCell(2), runs, FAKE_PROVENANCE), /Metric surprise is none of suite fake/);
});

test('resumeFrom keeps what is answered and runs the rest', () => {
  const done = toRecord(fakeCell(2), runsOf([1000]), FAKE_PROVENANCE);
  const foreign = toRecord(fakeCell(99), runsOf([1000]), FAKE_PROVENANCE);
  const cells = [fakeCell(2), fakeCell(4)];
  const { kept, remaining, notes } = resumeFrom([done, foreign], cells, 'abc');
  assert.deepEqual(kept, [done, foreign]);
  assert.deepEqual(remaining, [cells[1]]);
  assert.deepEqual(notes, []);
});

test('resumeFrom runs again what had other seeds or another profile', () => {
  const done = toRecord(fakeCell(2), runsOf([1000]), FAKE_PROVENANCE);
  const otherSeeds = fakeCell(2, { seeds: [1, 2] });
  assert.deepEqual(resumeFrom([done], [otherSeeds], 'abc').remaining, [otherSeeds]);
  const otherProfile = fakeCell(2);
  otherProfile.machine.record.hash = 'ffffffffffff';
  const { kept, remaining, notes } = resumeFrom([done], [otherProfile], 'abc');
  assert.deepEqual([kept, remaining], [[], [otherProfile]]);
  assert.match(notes[0], /^1 cells? .* run again$/);
});

test('resumeFrom tells that kept cells are of another commit', () => {
  const done = toRecord(fakeCell(2), runsOf([1000]), FAKE_PROVENANCE);
  assert.match(resumeFrom([done], [fakeCell(2)], 'def').notes[0], /current def, in the file abc/);
});

test('checkMemory refuses a cell that the machine cannot hold', () => {
  const cell = fakeCell(64, { options: { vcpus: 64, vcpuBytes: 2 ** 30 }, arenaBytes: 2 ** 31 });
  checkMemory(cell, 2 ** 31);
  assert.throws(
    () => checkMemory(cell, 2 ** 30),
    /^UsageError: Cannot run 64 vCPUs with 1G each: current memory for mmulab 1.0 GiB, expected at least 2.0 GiB;/,
  );
});

test('checkMemory names the cell of a suite that has no memory of each vCPU', () => {
  const cell = fakeCell(64, { arenaBytes: 2 ** 31 });
  assert.throws(() => checkMemory(cell, 2 ** 30), /Cannot run cell "fake engine=virtual profile=fake-host vcpus=64": current memory for mmulab 1.0 GiB/);
});
