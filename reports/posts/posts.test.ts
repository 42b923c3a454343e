import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCells, loadFit, POSTS } from './index.js';
import { parseCells, parseFit } from './load.js';

const [EAGER, MEMSLOTS, USERFAULT] = POSTS;

test('every post fills its tables, and its ids are unique', () => {
  for (const post of POSTS) {
    const places = post.tables.reduce((sum, { rows, columns }) => sum + rows.length * columns.length, 0);
    assert.equal(loadCells(post).length, places, post.id);
    assert.equal(typeof loadFit(post).note, 'string');
  }
  const ids = POSTS.flatMap((post) => [post.id, ...post.tables.map(({ id }) => id), ...post.questions.map(({ id }) => id)]);
  assert.equal(new Set(ids).size, ids.length);
});

test('loadCells has the published cells: 72 of eager splitting, 66 of memslots and 6 places without a number, 69 of userfaults', () => {
  assert.equal(loadCells(EAGER).filter(({ value }) => value !== undefined).length, 72);
  const memslots = loadCells(MEMSLOTS);
  assert.equal(memslots.filter(({ value }) => value !== undefined).length, 66);
  assert.equal(memslots.filter(({ value }) => value === undefined).length, 6);
  assert.equal(loadCells(USERFAULT).filter(({ value }) => value !== undefined).length, 69);
});

test('loadCells reads the cells that the posts are known for', () => {
  const [lazy, eager] = loadCells(EAGER).filter(({ table, row }) => table === 'dirty-ept' && row === '64');
  assert.deepEqual([lazy.column, lazy.value, eager.column, eager.value], ['N', 16.501287504, 'Y', 0.083914116]);
  const [array, tree] = loadCells(MEMSLOTS).filter(({ table, row }) => table === 'memslots-509' && row === 'Unmap');
  assert.deepEqual([array.value, array.metric, tree.value], [0.0833, 'iteration', 0.0318]);
  const shared = loadCells(USERFAULT).filter(({ table, row }) => table === 'userfault-x86-shmem-single' && row === '64');
  assert.deepEqual(
    shared.map(({ column, value }) => [column, value]),
    [
      ['no userfault', 54420],
      ['MINOR (single reader)', 3244],
      ['MINOR', 1673],
      ['MINOR + KVM UF', 33577],
      ['KVM UF', 42914],
    ],
  );
});

test('parseCells names the line that is broken, in no table, twice there or missing', () => {
  const header = 'slots,test,memslots,seconds';
  assert.throws(() => parseCells('a,b\n', MEMSLOTS), /Cannot read memslots-2021\.csv: current header "a,b"/);
  assert.throws(() => parseCells(`${header}\n509,Map,array,0.1\n509,Map,tree,zero\n`, MEMSLOTS), /line 3 is "509,Map,tree,zero"/);
  assert.throws(() => parseCells(`${header}\n509,Map,array,\n`, MEMSLOTS), /line 2 is "509,Map,array,"/);
  assert.throws(() => parseCells(`${header}\n509,Map,list,0.1\n`, MEMSLOTS), /line 2 is in no table/);
  assert.throws(() => parseCells(`${header}\n509,Map,array,0.1\n509,Map,array,0.2\n`, MEMSLOTS), /current 2 cells for array at Map of table "memslots-509"/);
});

test('parseFit takes selectors over the columns of the table, with one value or a list', () => {
  const fit = parseFit('{"fitted": [{"vcpus": 2}, {"metric": "enable_dirty_logging", "eager_page_split": "Y"}], "note": "half"}', EAGER);
  assert.equal(loadCells(EAGER).filter((cell) => fit.isFitted(cell)).length, 12 + 5);
  const few = parseFit('{"fitted": [{"slots": [10, "30"], "memslots": "tree"}], "note": ""}', MEMSLOTS);
  assert.equal(loadCells(MEMSLOTS).filter((cell) => few.isFitted(cell)).length, 12);
});

test('parseFit never calls a place without a published number fitted', () => {
  const fit = parseFit('{"fitted": "all", "note": ""}', MEMSLOTS);
  assert.equal(loadCells(MEMSLOTS).filter((cell) => fit.isFitted(cell)).length, 66);
});

test('parseFit refuses what it does not understand', () => {
  assert.throws(() => parseFit('{"fitted": 3, "note": ""}', EAGER), /expected "all" or a list of selectors/);
  assert.throws(() => parseFit('{"fitted": [{"vcpus": {"below": 3}}], "note": ""}', EAGER), /expected "all" or a list of selectors/);
  assert.throws(() => parseFit('{"fitted": [{"cpus": 3}], "note": ""}', EAGER), /current selector names "cpus", expected one of metric, ept/);
  assert.throws(() => parseFit('{"fitted": "all"}', EAGER), /expected a string/);
});
