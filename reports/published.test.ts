import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadFit, loadPublished, parseFit, parsePublished } from './published.js';
import { belongsToTable, TABLES } from './tables.js';

test('loadPublished has the 72 cells of the post, twelve in each table', () => {
  const cells = loadPublished();
  assert.equal(cells.length, 72);
  for (const table of TABLES) assert.equal(cells.filter((cell) => belongsToTable(table, cell)).length, 12, table.id);
});

test('loadPublished reads the cell that the post is known for', () => {
  const [lazy, eager] = loadPublished().filter((cell) => cell.vcpus === 64 && cell.ept && cell.metric === 'dirty_memory_iter1');
  assert.deepEqual([lazy.arm, lazy.seconds, eager.arm, eager.seconds], ['lazy', 16.501287504, 'eager', 0.083914116]);
});

test('parsePublished names the line that is broken', () => {
  const header = 'metric,ept,write_percent,initially_all_set,vcpus,eager_page_split,seconds';
  assert.throws(() => parsePublished('a,b\n'), /Cannot read published table: current header "a,b"/);
  assert.throws(() => parsePublished(`${header}\nm,Y,100,,2,N,0.3\nm,Y,100,,2,N,zero\n`), /line 3 is "m,Y,100,,2,N,zero"/);
});

test('loadFit says whether cells were fitted', () => {
  const fit = loadFit();
  assert.equal(typeof fit.isFitted(loadPublished()[0]), 'boolean');
  assert.ok(fit.note.length > 0);
});

test('parseFit takes selectors over the columns of the table', () => {
  const fit = parseFit('{"fitted": [{"vcpus": 2}, {"metric": "enable_dirty_logging", "eager_page_split": "Y"}], "note": "half"}');
  const fitted = loadPublished().filter((cell) => fit.isFitted(cell));
  assert.equal(fitted.length, 12 + 5);
  assert.throws(() => parseFit('{"fitted": 3, "note": ""}'), /expected "all" or a list of selectors/);
  assert.throws(() => parseFit('{"fitted": "all"}'), /expected a string/);
});
