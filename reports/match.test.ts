import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCells, compareWith, isPublishedShape, publishedTables, recordsInTables } from './match.js';
import { loadPublished, parseFit } from './published.js';
import { fixtureRecord, fixtureTime, otherFixture, publishedFixture } from './records.fixture.js';

const GIB = 1024 ** 3;

test('publishedTables fills all 72 cells from the records of the published setup, in the order of the post', () => {
  const tables = publishedTables(publishedFixture(() => 2));
  assert.deepEqual(
    tables.map((table) => [table.number, table.definition.condition]),
    [
      [1, 'ept=Y'],
      [2, 'ept=Y, without initially-all-set'],
      [3, 'ept=Y, initially-all-set'],
      [4, 'ept=Y, initially-all-set'],
      [5, 'ept=N'],
      [6, 'ept=N, 20 % writes'],
    ],
  );
  for (const cell of allCells(tables)) assert.ok(Math.abs((cell.ratio ?? 0) - 2) < 1e-5, JSON.stringify(cell.published));
});

test('rows where the post does not speak of initially-all-set use runs without it', () => {
  const metrics = { dirty_memory_iter1: fixtureTime([310786549]) };
  const withIt = fixtureRecord({ options: { initiallyAllSet: true }, metrics });
  const without = fixtureRecord({ options: { initiallyAllSet: false }, metrics });
  assert.equal(publishedTables([withIt])[0].rows[0].lazy.missing, 'no record');
  assert.equal(publishedTables([without])[0].rows[0].lazy.simulated?.record, without);
});

test('isPublishedShape refuses whatever the post did not run', () => {
  assert.ok(isPublishedShape(fixtureRecord()));
  assert.ok(isPublishedShape(fixtureRecord({ options: { backing: 'shared_hugetlb_1gb' } })));
  const others: Record<string, string | number | boolean>[] = [
    { mmu: 'tdp' },
    { vcpuBytes: GIB / 2 },
    { memslots: 2 },
    { backing: 'anonymous_hugetlb_2mb' },
    { guestPageBytes: 4096 },
    { processes: 2 },
    { concurrent: true },
    { dirtyGranularityBytes: 2 * 1024 ** 2 },
    { split: 'on-fault' },
    { wpFaultLock: 'read' },
    { randomAccess: true },
    { overlap: true },
    { mmuPages: 300 },
    { runWhileDisabling: true },
  ];
  for (const options of others) assert.ok(!isPublishedShape(fixtureRecord({ options })), JSON.stringify(options));
  assert.ok(!isPublishedShape(fixtureRecord({ engine: 'threads' })));
  assert.ok(!isPublishedShape(fixtureRecord({ suite: 'other' })));
  assert.ok(!isPublishedShape(fixtureRecord({ profile: { name: 'a', hash: 'b', overrides: ['rmap_scan=-20%'] } })));
});

test('20 % of writes is one access in five, not a random draw', () => {
  const metrics = { dirty_memory_iter1: fixtureTime([403108098]) };
  const every = fixtureRecord({ options: { ept: false, writeEvery: 5 }, metrics });
  const drawn = fixtureRecord({ options: { ept: false, writeEvery: 0, writePercent: 20 }, metrics });
  assert.ok(publishedTables([every])[5].rows[0].lazy.simulated !== undefined);
  assert.equal(recordsInTables(publishedTables([drawn])).size, 0);
});

test('records of two profiles are never mixed: the one that fills more cells is used', () => {
  const full = publishedFixture(() => 1.1);
  const profile = { name: 'another', hash: 'ba9876543210', overrides: [] };
  const partial = publishedFixture(() => 3)
    .slice(0, 20)
    .map((record) => ({ ...record, profile, cell: `a${record.cell}` }));
  for (const cell of allCells(publishedTables([...partial, ...full]))) assert.ok(Math.abs((cell.ratio ?? 0) - 1.1) < 1e-4);
});

test('a cell without a record, or with a time that is not above zero, is missing and says why', () => {
  const records = publishedFixture(() => 1).filter((record) => !(record.options.vcpus === 64 && record.options.split === 'lazy'));
  const broken = records.find(
    (record) => record.options.vcpus === 2 && record.options.split === 'eager' && record.options.ept === true && record.options.initiallyAllSet === false,
  );
  assert.ok(broken !== undefined);
  broken.metrics.dirty_memory_iter1 = fixtureTime([0]);
  const [table] = publishedTables(records);
  assert.equal(table.rows[5].lazy.missing, 'no record');
  assert.equal(table.rows[5].lazy.ratio, undefined);
  assert.equal(table.rows[0].eager.missing, 'not a time above zero: 0 ns');
  assert.equal(table.rows.length, 6);
});

test('records of other cells supply no published cell', () => {
  assert.equal(recordsInTables(publishedTables(otherFixture())).size, 0);
});

test('compareWith marks fitted and predicted cells', () => {
  const tables = compareWith([], { cells: loadPublished(), fit: parseFit('{"fitted": [{"vcpus": 2}], "note": ""}') });
  assert.equal(allCells(tables).filter((cell) => cell.fitted).length, 12);
});
