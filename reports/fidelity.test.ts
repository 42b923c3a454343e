import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fidelityOf, geometricMeanError, misfit } from './fidelity.js';
import { publishedTables } from './match.js';
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

test('fidelityOf tells dirty-memory cells apart, and finds the worst cell', () => {
  const factor = (metric: string) => (metric === 'dirty_memory_iter1' ? 1.2 : 1 / 1.1);
  const tables = publishedTables(
    publishedFixture((cell) => (cell.vcpus === 8 && cell.arm === 'eager' && !cell.ept && cell.writePercent === 20 ? 0.5 : factor(cell.metric))),
  );
  const fidelity = fidelityOf(tables);
  assert.equal(fidelity.all.cells, 72);
  assert.equal(fidelity.all.measured, 72);
  assert.equal(fidelity.dirtyMemory.cells, 36);
  assert.ok(Math.abs((fidelity.dirtyMemory.error ?? 0) - Math.exp((35 * Math.log(1.2) + Math.log(2)) / 36)) < 1e-6);
  assert.ok(Math.abs((fidelity.tables[1].error ?? 0) - 1.1) < 1e-5);
  assert.equal(fidelity.all.worst?.published.vcpus, 8);
  assert.equal(fidelity.all.worst?.published.writePercent, 20);
});

test('fidelityOf counts missing cells instead of dropping them', () => {
  const fidelity = fidelityOf(publishedTables(publishedFixture(() => 1.5).filter((record) => record.options.vcpus !== 64)));
  assert.deepEqual([fidelity.all.cells, fidelity.all.measured], [72, 60]);
  assert.ok(Math.abs((fidelity.all.error ?? 0) - 1.5) < 1e-6);
  assert.deepEqual([fidelityOf(publishedTables([])).all.measured, fidelityOf(publishedTables([])).all.error], [0, undefined]);
});
