// A post of another shape than those that are there: rates, where more is better, five configurations, and two groups of tables.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publishedChart } from './chart-published.js';
import { ratioStrip } from './chart-ratios.js';
import { fidelityOf } from './fidelity.js';
import { gridOf } from './grid.js';
import { tableSection } from './html-tables.js';
import { comparePost } from './match.js';
import { misfitLegend } from './phrases.js';
import { POSTS, type PublishedPost, QUANTITIES, type TableDefinition } from './posts/index.js';
import { parseCells, parseFit } from './posts/load.js';
import { fixtureRecord } from './records.fixture.js';
import { renderSvg } from './svg.js';

const MODES = ['none', 'single reader', 'readers', 'both', 'kernel'];

function rateTable(arch: string): TableDefinition {
  return {
    ...{ id: `rates-${arch}`, title: 'Demand paging', shortName: arch, condition: arch, group: `On ${arch}`, where: { arch } },
    ...{ rowHeading: 'vCPUs', rowUnit: 'vCPUs', scale: 'published', question: 'How fast?', reading: 'So fast.', leavesOut: 'Left out: the network.' },
    rows: [2, 64].map((vcpus) => ({ key: String(vcpus), label: String(vcpus), x: vcpus })),
    columns: MODES.map((mode, index) => ({ key: mode, heading: mode, name: mode, color: (index + 1) as 1 | 2 | 3 | 4 | 5 })),
  };
}

const RATES: PublishedPost = {
  ...POSTS[0],
  ...{ id: 'rates', suite: 'demand-paging', quantity: QUANTITIES.rate, limits: { all: 1.2, worst: 2, subsets: [] }, unmeasured: undefined },
  csv: { columns: ['arch', 'mode', 'vcpus', 'rate'], row: 'vcpus', column: 'mode', value: 'rate' },
  tables: [rateTable('x86'), rateTable('arm64')],
  metricOf: () => 'pages',
  dimensions: ['arch', 'mode', 'vcpus'],
  isShape: () => true,
  answers: (o, { arch, mode, vcpus }) => o.arch === arch && o.mode === mode && o.vcpus === Number(vcpus),
};

const LINES = ['x86', 'arm64'].flatMap((arch) =>
  [2, 64].flatMap((vcpus) => MODES.map((mode, index) => ({ arch, mode, vcpus, rate: 300_000 / vcpus / (index + 1) }))),
);

function compareRates(factor: number) {
  const records = LINES.map(({ arch, mode, vcpus, rate }) => {
    const median = rate * factor;
    const metric = { unit: 'per_s' as const, kind: 'exact' as const, better: 'larger' as const, values: [median], median, low: median, high: median };
    const record = fixtureRecord({ suite: 'demand-paging', cell: `${arch} ${mode} ${vcpus}`, metrics: { pages: metric } });
    return { ...record, options: { arch, mode, vcpus } };
  });
  const csv = `arch,mode,vcpus,rate\n${LINES.map((line) => Object.values(line).join(',')).join('\n')}\n`;
  return comparePost(records, RATES, { cells: parseCells(csv, RATES), fit: parseFit('{"fitted": [{"arch": "x86"}], "note": ""}', RATES) });
}

test('a post of rates is compared, cell by cell, in its own unit', () => {
  const post = compareRates(1.1);
  const fidelity = fidelityOf(post);
  assert.deepEqual([fidelity.all.cells, fidelity.all.measured, fidelity.fitted.cells], [20, 20, 10]);
  assert.ok(Math.abs((fidelity.all.error ?? 0) - 1.1) < 1e-9);
  const grid = gridOf(post.tables[0]);
  assert.deepEqual([grid.unit, grid.columns.length, grid.rows[0].label], ['/s', 5, '2']);
  assert.deepEqual([grid.rows[0].cells[0].published, grid.rows[0].cells[0].simulated, grid.rows[0].cells[0].mark], ['150000', '165000', '▲']);
  assert.match(misfitLegend(RATES), /▲ faster, ▼ slower than published.*three beyond a factor of 2\.$/);
});

test('tables of several groups and five columns are drawn', async () => {
  const { tables } = compareRates(0.7);
  const labels = { id: 'chart-rates', title: 'Rates', description: 'All' };
  for (const spec of [publishedChart(tables[0]), ratioStrip(tables, RATES.limits)]) {
    assert.ok(spec !== undefined);
    assert.doesNotMatch((await renderSvg(spec, labels)).markup, /NaN|undefined/);
  }
  const [summary] = fidelityOf({ post: RATES, tables }).tables.slice(1);
  const second = await tableSection(tables[1], { summary, previous: tables[0] });
  assert.match(second.markup, /<h3 class="tables">On arm64<\/h3>/);
  assert.match(second.markup, /More is better/);
});
