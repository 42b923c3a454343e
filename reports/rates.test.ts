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

const CELLS = parseCells(`arch,mode,vcpus,rate\n${LINES.map((line) => Object.values(line).join(',')).join('\n')}\n`, RATES);
const FIT = parseFit('{"fitted": [{"arch": "x86"}], "note": ""}', RATES);

/** Every line x a factor, on the profile that `profileOf` says. */
function rateRecords(factor: number, profileOf: (arch: string) => string) {
  return LINES.map(({ arch, mode, vcpus, rate }) => {
    const median = rate * factor;
    const metric = { unit: 'per_s' as const, kind: 'exact' as const, better: 'larger' as const, values: [median], median, low: median, high: median };
    const profile = { name: profileOf(arch), hash: '0123456789ab', overrides: [] };
    const record = fixtureRecord({ suite: 'demand-paging', cell: `${profile.name} ${arch} ${mode} ${vcpus}`, profile, metrics: { pages: metric } });
    return { ...record, options: { arch, mode, vcpus } };
  });
}

function compareRates(factor: number) {
  return comparePost(
    rateRecords(factor, () => 'fixture'),
    RATES,
    { cells: CELLS, fit: FIT },
  );
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

test('a post of two hosts takes each from the profile that stands for it, and from no other', () => {
  const post: PublishedPost = { ...RATES, profileOf: ({ arch }) => `host-${arch}` };
  const own = rateRecords(1.1, (arch) => `host-${arch}`);
  const others = [...rateRecords(3, () => 'laptop'), ...rateRecords(5, (arch) => (arch === 'x86' ? 'host-arm64' : 'host-x86'))];
  const full = fidelityOf(comparePost([...others, ...own], post, { cells: CELLS, fit: FIT }));
  assert.equal(full.all.measured, 20);
  const isClose = (error: number | undefined, expected: number) => Math.abs((error ?? 0) - expected) < 1e-9;
  assert.ok(
    full.tables.every(({ error }) => isClose(error, 1.1)),
    'the options of a record say the same on each profile, so only the profile tells them apart',
  );
  const half = comparePost([...rateRecords(3, () => 'laptop'), ...own.filter(({ options }) => options.arch === 'x86')], post, { cells: CELLS, fit: FIT });
  assert.deepEqual(
    fidelityOf(half).tables.map(({ measured }) => measured),
    [10, 0],
  );
});

test('of several records that answer a cell the preferred one is taken', () => {
  const post: PublishedPost = { ...RATES, dimensions: [...RATES.dimensions, 'readers'], preference: ({ readers }) => Number(readers) };
  const variants = [1, 3, 2].flatMap((readers) =>
    rateRecords(readers, () => 'fixture').map((record) => ({ ...record, cell: `${readers} ${record.cell}`, options: { ...record.options, readers } })),
  );
  const { tables } = comparePost(variants, post, { cells: CELLS, fit: FIT });
  assert.equal(tables[0].rows[0].cells[0].simulated?.record.options.readers, 3);
});
