import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRecord } from '../bench/results/index.js';
import { allCells, type ComparisonTable, comparePost, comparePosts, isPublishedShape, recordsInTables } from './match.js';
import { memslotRecord, memslotsFixture } from './memslots.fixture.js';
import { loadCells, loadFit, POSTS } from './posts/index.js';
import { parseFit } from './posts/load.js';
import { fixtureRecord, fixtureTime, otherFixture, publishedFixture } from './records.fixture.js';

const GIB = 1024 ** 3;
const [EAGER, MEMSLOTS] = POSTS;

function publishedTables(records: Parameters<typeof comparePosts>[0]): ComparisonTable[] {
  return comparePosts(records)[0].tables;
}

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
  assert.equal(publishedTables([withIt])[0].rows[0].cells[0].missing, 'no record');
  assert.equal(publishedTables([without])[0].rows[0].cells[0].simulated?.record, without);
});

test('isPublishedShape refuses whatever the post did not run', () => {
  assert.ok(isPublishedShape(fixtureRecord(), EAGER));
  assert.ok(isPublishedShape(fixtureRecord({ options: { backing: 'shared_hugetlb_1gb' } }), EAGER));
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
  for (const options of others) assert.ok(!isPublishedShape(fixtureRecord({ options }), EAGER), JSON.stringify(options));
  assert.ok(!isPublishedShape(fixtureRecord({ engine: 'threads' }), EAGER));
  assert.ok(!isPublishedShape(fixtureRecord({ suite: 'other' }), EAGER));
  assert.ok(!isPublishedShape(fixtureRecord({ profile: { name: 'a', hash: 'b', overrides: ['rmap_scan=-20%'] } }), EAGER));
});

test('20 % of writes is one access in five, not a random draw', () => {
  const metrics = { dirty_memory_iter1: fixtureTime([403108098]) };
  const every = fixtureRecord({ options: { ept: false, writeEvery: 5 }, metrics });
  const drawn = fixtureRecord({ options: { ept: false, writeEvery: 0, writePercent: 20 }, metrics });
  assert.ok(publishedTables([every])[5].rows[0].cells[0].simulated !== undefined);
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
  assert.equal(table.rows[5].cells[0].missing, 'no record');
  assert.equal(table.rows[5].cells[0].ratio, undefined);
  assert.equal(table.rows[0].cells[1].missing, 'not a time above zero: 0 ns');
  assert.equal(table.rows.length, 6);
});

test('records of other cells supply no published cell', () => {
  assert.equal(recordsInTables(publishedTables(otherFixture())).size, 0);
});

test('comparePost marks fitted and predicted cells', () => {
  const { tables } = comparePost([], EAGER, { cells: loadCells(EAGER), fit: parseFit('{"fitted": [{"vcpus": 2}], "note": ""}', EAGER) });
  assert.equal(allCells(tables).filter((cell) => cell.fitted).length, 12);
});

test('memslots: all 66 cells are filled, and the array beyond 509 is simulated without a ratio', () => {
  const { tables } = comparePosts(memslotsFixture(() => 2))[1];
  const cells = allCells(tables);
  assert.equal(cells.filter((cell) => cell.ratio !== undefined && Math.abs(cell.ratio - 2) < 1e-4).length, 66);
  const beyond = cells.filter((cell) => cell.published.value === undefined);
  assert.deepEqual(
    beyond.map((cell) => [cell.published.fields.slots, cell.published.column, cell.simulated !== undefined, cell.ratio, cell.fitted]),
    ['8194', '32764', '32764', '32764', '32764', '32764'].map((slots) => [slots, 'array', true, undefined, false]),
  );
});

test('memslots: the improvement is worked out from the published and from the simulated cells', () => {
  const { tables } = comparePosts(memslotsFixture(({ column }) => (column === 'array' ? 2 : 1)))[1];
  const unmap = tables[0].rows[1];
  assert.equal(unmap.derived?.published?.toFixed(3), (1 - 0.0318 / 0.0833).toFixed(3));
  assert.equal(unmap.derived?.simulated?.toFixed(3), (1 - 0.0318 / 0.1666).toFixed(3));
  const beyond = tables[5].rows[1].derived;
  assert.equal(beyond?.published, undefined);
  assert.ok((beyond?.simulated ?? 0) > 0);
});

test('memslots: a kernel built for another number of memslots, or more vCPUs, answers no cell', () => {
  const options = { test: 'unmap', slots: 509, memslots: 'array', maxSlots: 509 };
  assert.ok(isPublishedShape(memslotRecord(options), MEMSLOTS));
  const changes: ResultRecord['options'][] = [{ maxSlots: 32764 }, { vcpus: 2 }, { zapAll: false }, { lastUsed: 'vcpu' }, { memslots: 'btree' }];
  for (const change of changes) {
    assert.ok(!isPublishedShape(memslotRecord({ ...options, ...change }), MEMSLOTS), JSON.stringify(change));
  }
  assert.ok(isPublishedShape(memslotRecord({ ...options, slots: 32764, maxSlots: 32764 }), MEMSLOTS));
});

test('records of one post supply no cell of another', () => {
  const [eager, memslots] = comparePosts([...publishedFixture(), ...memslotsFixture()]);
  assert.ok([...recordsInTables(eager.tables)].every((record) => record.suite === 'dirty-log'));
  assert.ok([...recordsInTables(memslots.tables)].every((record) => record.suite === 'memslots'));
});

test('a metric in another unit is no number of the post', () => {
  const record = memslotRecord({ test: 'unmap', slots: 509, memslots: 'tree', maxSlots: 32764 }, { iteration: { ...fixtureTime([5]), unit: 'count' } });
  const { tables } = comparePost([record], MEMSLOTS, { cells: loadCells(MEMSLOTS), fit: loadFit(MEMSLOTS) });
  assert.equal(tables[0].rows[1].cells[1].missing, 'not a time above zero: 5 count');
});
