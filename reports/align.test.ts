import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignColumns, alignFitting, cutText, wrapText } from './align.js';

const cells = (...texts: string[]) => texts.map((text) => ({ text }));

test('alignColumns pads outside of the colour codes', () => {
  const red = (text: string) => `<${text}>`;
  assert.deepEqual(
    alignColumns(
      [
        [
          { text: 'a', paint: red },
          { text: '1', paint: red },
        ],
        cells('bbb', '22'),
      ],
      ['left', 'right'],
    ),
    ['<a>     <1>', 'bbb  22'],
  );
});

test('alignFitting leaves out columns in the given order until the lines fit', () => {
  const rows = [cells('name', 'long long long', 'x'), cells('n', 'y', 'z')];
  assert.deepEqual(alignFitting(rows, ['left', 'left', 'left'], { width: 10, dropOrder: [1] }), ['name  x', 'n     z']);
  assert.equal(alignFitting(rows, ['left', 'left', 'left'], { width: 3, dropOrder: [] })[0], 'name  long long long  x');
});

test('wrapText keeps to the width, also within a word', () => {
  assert.deepEqual(wrapText('one two three', 8), ['one two', 'three']);
  assert.deepEqual(wrapText('abcdefghijklmnop', 8), ['abcdefgh', 'ijklmnop']);
  assert.equal(cutText('abcdef', 4), 'abc…');
});
