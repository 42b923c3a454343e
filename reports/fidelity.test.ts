import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fidelityOf, geometricMeanError, misfit } from './fidelity.js';
import { comparePosts } from './match.js';
import { memslotsFixture } from './memslots.fixture.js';
import { publishedFixture } from './records.fixture.js';

test('geometricMeanError of a worked example: 2, 1/2 and 1 give 2^(2/3)', () => {
  // |ln 2| + |ln 1/2| + |ln 1| = 2 ln 2; a third of that is ln 2^(2/3).
  assert.ok(Math.abs((geometricMeanError([2, 0.5, 1]) ?? 0) - 1.587401052) < 1e-9);
});

test('geometricMeanError of perfect ratios is 1, and of none is undefined', () => {
  assert.equal(geometricMeanError([1, 1]), 1);
  assert.equal(geometricMeanError([]), undefined);
});

test('misfit does not care about the direction', () => {
  assert.equal(misfit(2), 2);
  assert.equal(misfit(0.5), 2);
});

test('fidelityOf tells the cells with a limit of their own apart, and finds the worst cell', () => {
  const factor = (metric: string) => (metric === 'dirty_memory_iter1' ? 1.2 : 1 / 1.1);
  const [post] = comparePosts(
    publishedFixture(({ metric, fields }) => (fields.vcpus === '8' && fields.eager_page_split === 'Y' && fields.write_percent === '20' ? 0.5 : factor(metric))),
  );
  const fidelity = fidelityOf(post);
  assert.equal(fidelity.all.cells, 72);
  assert.equal(fidelity.all.measured, 72);
  const [dirty] = fidelity.subsets;
  assert.deepEqual([dirty.name, dirty.limit, dirty.cells], ['dirty memory', 1.13, 36]);
  assert.ok(Math.abs((dirty.error ?? 0) - Math.exp((35 * Math.log(1.2) + Math.log(2)) / 36)) < 1e-6);
  assert.ok(Math.abs((fidelity.tables[1].error ?? 0) - 1.1) < 1e-5);
  assert.deepEqual(fidelity.all.worst?.published.fields.vcpus, '8');
  assert.deepEqual(fidelity.all.worst?.published.table, 'dirty-shadow-reads');
});

test('fidelityOf counts missing cells instead of dropping them', () => {
  const fidelity = fidelityOf(comparePosts(publishedFixture(() => 1.5).filter((record) => record.options.vcpus !== 64))[0]);
  assert.deepEqual([fidelity.all.cells, fidelity.all.measured], [72, 60]);
  assert.ok(Math.abs((fidelity.all.error ?? 0) - 1.5) < 1e-6);
  const empty = fidelityOf(comparePosts([])[0]);
  assert.deepEqual([empty.all.measured, empty.all.error], [0, undefined]);
});

test('fidelityOf keeps fitted and predicted cells apart, and leaves out what the post did not measure', () => {
  const fidelity = fidelityOf(comparePosts(memslotsFixture(({ fields }) => ([30, 100, 32764].includes(Number(fields.slots)) ? 1.2 : 1.02)))[1]);
  assert.deepEqual([fidelity.all.cells, fidelity.all.measured], [66, 66]);
  assert.deepEqual([fidelity.fitted.cells, fidelity.predicted.cells], [37, 29]);
  assert.ok(Math.abs((fidelity.fitted.error ?? 0) - 1.02) < 1e-4);
  assert.ok(Math.abs((fidelity.predicted.error ?? 0) - 1.2) < 1e-4);
});
