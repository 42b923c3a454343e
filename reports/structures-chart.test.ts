import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStructuresSvg, type StructurePoint, structuresChart } from './structures-chart.js';

const STRUCTURES = ['array', 'tree', 'btree', 'sorted JS array', 'sorted-btree', 'array-hva-tree', '@flatten-js/interval-tree'];
const POINTS: StructurePoint[] = ['insert by gfn', 'overlap by hva'].flatMap((operation) =>
  STRUCTURES.flatMap((structure, i) => [10, 1000].map((n) => ({ operation, structure, n, ns: n * (i + 1) }))),
);

test('renderStructuresSvg draws a line per structure, names them, and is the same each time', async () => {
  const svg = await renderStructuresSvg(POINTS);
  for (const structure of STRUCTURES) assert.ok(svg.includes(structure), structure);
  for (const color of ['#c85200', '#0068a5', '#00795a']) assert.ok(svg.includes(color), color);
  assert.doesNotMatch(svg, /var\(|NaN|undefined/);
  assert.equal(await renderStructuresSvg(POINTS), svg);
});

test('structuresChart leaves out what a logarithm cannot take', () => {
  const bad = [Number.NaN, 0, -1, Number.POSITIVE_INFINITY].map((ns) => ({ operation: 'insert by gfn', structure: 'tree', n: 10, ns }));
  assert.deepEqual(structuresChart([...bad, POINTS[0]]), structuresChart([POINTS[0]]));
  assert.notDeepEqual(structuresChart(POINTS), structuresChart([POINTS[0]]));
});
