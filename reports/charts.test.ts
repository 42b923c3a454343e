import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeGrowth, growthChart } from './chart-growth.js';
import { publishedChart } from './chart-published.js';
import { ratioStrip } from './chart-ratios.js';
import { stallChart } from './chart-stalls.js';
import { stallRows } from './locks-and-stalls.js';
import { type ComparisonTable, comparePosts } from './match.js';
import { memslotsFixture } from './memslots.fixture.js';
import { MEMSLOT_QUESTIONS, USERFAULT_QUESTIONS } from './questions/index.js';
import { otherFixture, publishedFixture } from './records.fixture.js';
import { renderSvg } from './svg.js';
import { userfaultFixture, userfaultQuestionsFixture } from './userfault.fixture.js';

const LIMITS = { worst: 1.5 };
const publishedTables = (records: Parameters<typeof comparePosts>[0]): ComparisonTable[] => comparePosts(records)[0].tables;
const LABELS = { id: 'chart-x', title: 'A <title>', description: 'What it "shows"' };

async function draw(spec: ReturnType<typeof publishedChart>): Promise<string> {
  assert.ok(spec !== undefined);
  return (await renderSvg(spec, LABELS)).markup;
}

test('charts are drawn without NaN, and twice the same', async () => {
  const tables = publishedTables(publishedFixture());
  const stalls = stallRows(otherFixture(), ['split']);
  for (const make of [() => publishedChart(tables[0]), () => ratioStrip(tables, LIMITS), () => stallChart(stalls)]) {
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
  assert.equal(ratioStrip(publishedTables([]), LIMITS), undefined);
  assert.equal(stallChart([]), undefined);
});

test('ratioStrip draws ratios that are off beyond all bounds', async () => {
  assert.doesNotMatch(await draw(ratioStrip(publishedTables(publishedFixture((_, index) => (index === 0 ? 1e4 : 1))), LIMITS)), /NaN/);
});

test('a table whose rows are names is drawn as rows of marks, also where a column has no published number', async () => {
  const { tables } = comparePosts(memslotsFixture())[1];
  for (const table of tables) {
    const svg = await draw(publishedChart(table));
    assert.doesNotMatch(svg, /NaN|undefined/);
    for (const { label } of table.definition.rows) assert.ok(svg.includes(label), label);
  }
});

test('growthChart draws a line for each structure', async () => {
  const chart = MEMSLOT_QUESTIONS[0].answer(memslotsFixture())?.chart;
  assert.ok(chart !== undefined);
  const svg = await draw(growthChart(chart));
  assert.doesNotMatch(svg, /NaN|undefined/);
  const lines = [...svg.matchAll(/stroke="var\(--(c\d)\)"/g)].map(([, color]) => color);
  assert.deepEqual([...new Set(lines)].sort(), ['c1', 'c2']);
});

test('growthChart draws the network across, dashes for the second percentile, and says so in words', async () => {
  const chart = USERFAULT_QUESTIONS.find(({ id }) => id === 'question-contention')?.answer(userfaultQuestionsFixture())?.chart;
  assert.ok(chart !== undefined);
  const svg = await draw(growthChart(chart));
  assert.doesNotMatch(svg, /NaN|undefined/);
  assert.match(svg, />the network alone, 30\.00 µs</);
  assert.match(svg, /stroke-dasharray="4,3"/);
  assert.match(describeGrowth(chart), /^Time by vCPUs on logarithmic axes: MINOR, one reader, median, .* Drawn across: the network alone, 30\.00 µs\./);
});

test('a table of many columns tells them apart by shape as well as by colour', async () => {
  const [table] = comparePosts(userfaultFixture())[2].tables;
  const spec = publishedChart(table);
  const shapes = (JSON.stringify(spec).match(/"range":\["circle"[^\]]*\]/g) ?? [])[0];
  assert.equal(shapes, '"range":["circle","diamond","square","triangle-up","cross"]');
  assert.doesNotMatch(await draw(spec), /NaN|undefined/);
  const [few] = publishedTables(publishedFixture());
  assert.doesNotMatch(JSON.stringify(publishedChart(few)), /triangle-up/);
});
