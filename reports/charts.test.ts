import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publishedChart, ratioStrip, stallChart } from './charts.js';
import { stallRows } from './locks-and-stalls.js';
import { type ComparisonTable, publishedTables } from './match.js';
import { otherFixture, publishedFixture } from './records.fixture.js';
import { renderSvg } from './svg.js';

const LABELS = { id: 'chart-x', title: 'A <title>', description: 'What it "shows"' };

async function draw(spec: ReturnType<typeof publishedChart>): Promise<string> {
  assert.ok(spec !== undefined);
  return (await renderSvg(spec, LABELS)).markup;
}

test('charts are drawn without NaN, and twice the same', async () => {
  const tables = publishedTables(publishedFixture());
  const stalls = stallRows(otherFixture(), ['split']);
  for (const make of [() => publishedChart(tables[0]), () => ratioStrip(tables), () => stallChart(stalls)]) {
    const first = await draw(make());
    assert.equal(first, await draw(make()));
    assert.doesNotMatch(first, /NaN|Infinity|undefined/);
  }
});

test('renderSvg names the image and prefixes ids', async () => {
  const svg = await draw(publishedChart(publishedTables(publishedFixture())[0]));
  assert.match(svg, /^<svg [^>]*role="img" aria-labelledby="chart-x-title chart-x-desc"/);
  assert.match(svg, /<title id="chart-x-title">A &lt;title&gt;<\/title><desc id="chart-x-desc">What it &quot;shows&quot;<\/desc>/);
  for (const [, id] of svg.matchAll(/ id="([^"]+)"/g)) assert.ok(id.startsWith('chart-x-'), id);
  for (const [, id] of svg.matchAll(/url\(#([^)]+)\)/g)) assert.ok(svg.includes(` id="${id}"`), id);
});

test('publishedChart draws a missing arm, a single point and a zero', async () => {
  const onlyLazy = publishedFixture().filter((record) => record.options.split === 'lazy');
  assert.doesNotMatch(await draw(publishedChart(publishedTables(onlyLazy)[0])), /NaN/);
  const [table] = publishedTables(publishedFixture());
  const single: ComparisonTable = { ...table, rows: table.rows.slice(0, 1) };
  assert.doesNotMatch(await draw(publishedChart(single)), /NaN/);
  assert.doesNotMatch(await draw(publishedChart(publishedTables(publishedFixture(() => 0))[0])), /NaN/);
});

test('no line is drawn across a missing cell', async () => {
  const holed = publishedTables(publishedFixture().filter((record) => record.options.vcpus !== 8));
  const lines = (svg: string) => [...svg.matchAll(/stroke-width="5"/g)].length;
  assert.equal(lines(await draw(publishedChart(publishedTables(publishedFixture())[0]))), 2);
  assert.equal(lines(await draw(publishedChart(holed[0]))), 4);
});

test('there is no chart of nothing', () => {
  assert.equal(ratioStrip(publishedTables([])), undefined);
  assert.equal(stallChart([]), undefined);
});

test('ratioStrip draws ratios that are off beyond all bounds', async () => {
  assert.doesNotMatch(await draw(ratioStrip(publishedTables(publishedFixture((_, index) => (index === 0 ? 1e4 : 1))))), /NaN/);
});
