import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherGroups, verdict } from './other-cells.js';
import { fixtureRecord, fixtureTime, otherFixture } from './records.fixture.js';

type Fixture = ReturnType<typeof fixtureRecord>;

function sampled(split: string, ms: number[], effectiveParallelism = 1): Fixture {
  return fixtureRecord({
    engine: 'threads',
    options: { split },
    metrics: {
      dirty_memory_iter1: fixtureTime(
        ms.map((value) => value * 1e6),
        'sampled',
      ),
    },
    validity: { effectiveParallelism, oversubscribed: false, cores: 2, perWorker: [] },
  });
}

test('verdict of sampled arms is a ratio only when the exact test can tell them apart', () => {
  const lazy = sampled('lazy', [30, 31, 32, 33]);
  assert.equal(verdict(sampled('eager', [10, 11, 12, 13]), lazy, 'dirty_memory_iter1'), '0.38x');
  assert.equal(verdict(sampled('eager', [30.5, 29, 34, 32.5]), lazy, 'dirty_memory_iter1').slice(0, 3), '~ (');
});

test('verdict says how many repetitions are needed', () => {
  assert.equal(verdict(sampled('eager', [10, 11, 12]), sampled('lazy', [30, 31, 32]), 'dirty_memory_iter1'), '~ (n=3, needs 4)');
});

test('verdict refuses arms whose workers did not run in parallel', () => {
  assert.equal(verdict(sampled('eager', [10, 11, 12, 13], 0.5), sampled('lazy', [30, 31, 32, 33]), 'dirty_memory_iter1'), 'invalid');
});

test('verdict of virtual arms pairs seeds, and claims nothing when they disagree', () => {
  const virtual = (split: string, values: number[]) => fixtureRecord({ options: { split }, metrics: { m: fixtureTime(values) } });
  assert.equal(verdict(virtual('eager', [1, 2, 3, 4, 5]), virtual('lazy', [2, 4, 6, 8, 10]), 'm'), '0.50x');
  assert.match(verdict(virtual('eager', [9, 11, 9, 11, 9]), virtual('lazy', [10, 10, 10, 10, 10]), 'm'), /^~/);
});

test('more values than the exact test takes do not break a report', () => {
  const many = (from: number) => Array.from({ length: 80 }, (_, index) => from + index / 100);
  assert.equal(verdict(sampled('eager', many(10)), sampled('lazy', many(30)), 'dirty_memory_iter1'), '0.34x');
});

test('otherGroups puts differing options in columns and arms in rows', () => {
  const records = otherFixture();
  const groups = otherGroups(records, records);
  assert.deepEqual(
    groups.map((group) => [group.engine, group.columns, group.blocks.length]),
    [
      ['threads', [], 1],
      ['virtual', ['concurrent'], 2],
    ],
  );
  assert.deepEqual(groups[0].blocks[0].notes, ['lazy: effective parallelism 0.97', 'eager: effective parallelism 0.99']);
});

test('an oversubscribed cell is labelled', () => {
  const record = sampled('lazy', [1]);
  record.options.vcpus = 8;
  record.validity = { effectiveParallelism: 0.99, oversubscribed: true, cores: 2, perWorker: [] };
  const notes = otherGroups([record], [record])[0].blocks[0].notes;
  assert.equal(notes[1], 'lazy: oversubscribed, 8 vCPUs on 2 cores: no claim about scaling');
});
