import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderQuantitiesMarkdown, renderQuantitiesText } from './quantities.js';

const TABLE = {
  corner: 'memslots in',
  columns: ['array', 'tree'],
  rows: [
    { label: 'time', unit: 'ns', values: [1500, undefined] },
    { label: 'line', unit: 'line', values: [1234, 5] },
    { label: 'ioctls | all', unit: 'count', values: [1234, 5] },
  ],
};

test('renderQuantitiesText aligns each row in its own unit', () => {
  const lines = ['memslots in      array  tree', 'time          1.500 µs     -', 'line              1234     5', 'ioctls | all     1,234     5', ''];
  assert.deepEqual(renderQuantitiesText(TABLE).split('\n'), lines);
});

test('renderQuantitiesMarkdown is a table whose cells are escaped', () => {
  assert.equal(
    renderQuantitiesMarkdown(TABLE),
    '| memslots in | array | tree |\n|---|---:|---:|\n| time | 1.500 µs | - |\n| line | 1234 | 5 |\n| ioctls \\| all | 1,234 | 5 |\n',
  );
});
