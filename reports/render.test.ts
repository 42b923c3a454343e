import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRecord } from '../bench/results/index.js';
import { renderReportHtml, renderTablesCsv, renderTablesJson, renderTablesMarkdown, renderTablesText } from './index.js';
import { memslotsFixture, questionsFixture } from './memslots.fixture.js';
import { fixtureRecord, HOSTILE, hostileFixture, otherFixture, publishedFixture } from './records.fixture.js';
import { hostileUserfault, userfaultFixture, userfaultQuestionsFixture } from './userfault.fixture.js';

const all = () => [
  ...[...publishedFixture(), ...otherFixture(), ...memslotsFixture()],
  ...[...questionsFixture(), ...userfaultFixture(), ...userfaultQuestionsFixture()],
];
/** The first seed alone. */
const firstSeed = (records: ResultRecord[]) => records.map((record) => ({ ...record, seeds: [1], metrics: firstValues(record.metrics) }));

function firstValues(metrics: ResultRecord['metrics']): ResultRecord['metrics'] {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, metric]) => {
      const [value] = metric.values;
      return [name, { ...metric, values: [value], median: value, low: value, high: value }];
    }),
  );
}

const FORMS: [string, (records: ResultRecord[]) => string | Promise<string>][] = [
  ['text', (records) => renderTablesText(records, { width: 80, color: false })],
  ['Markdown', renderTablesMarkdown],
  ['CSV', renderTablesCsv],
  ['JSON', renderTablesJson],
  ['HTML', renderReportHtml],
];

for (const [name, render] of FORMS) {
  test(`${name}: the same records give the same bytes, in whatever order they come`, async () => {
    const first = await render(all());
    assert.equal(await render(all()), first);
    assert.equal(await render(all().reverse()), first);
  });

  test(`${name}: a missing cell is said to be missing`, async () => {
    const holed = publishedFixture().filter((record) => !(record.options.vcpus === 16 && record.options.split === 'eager'));
    assert.match(await render(holed), name === 'CSV' || name === 'JSON' ? /no record/ : /[Mm]issing/);
  });

  test(`${name}: no records at all is no crash`, async () => {
    assert.ok((await render([])).length > 0);
  });
}

test('nothing that the report itself says is mistaken for a control character', async () => {
  for (const [name, render] of FORMS) assert.ok(!(await render(all())).includes('\ufffd'), name);
});

test('a post without a record is said to be missing, and one alone names the page', async () => {
  const page = await renderReportHtml(memslotsFixture());
  assert.match(page, /<title>Memslots in an array and in trees: published and simulated<\/title>/);
  assert.match(page, /Eager splitting, 2022: no record belongs to a published table, all 72 cells are missing/);
  assert.doesNotMatch(page, /id="dirty-ept"/);
});

test('text shows the memslots tables with the improvement of the post and of the simulation', () => {
  const text = renderTablesText(
    memslotsFixture(({ column }) => (column === 'array' ? 1.1 : 1)),
    { width: 80, color: false },
  );
  assert.match(text, /^Unmap \(ms\) +83\.3 +91\.6 +1\.10 +31\.8 +31\.8 +1\.00 +62 % +65 %$/m);
  assert.match(text, /^Map \(8194\) \(ms\) +\d+\.\d +56\.3 +56\.3 +1\.00 +66x$/m);
  assert.match(text, /Not measured in the post: 6 more/);
  assert.match(text, /^all cells +1\.0\d\d over 66 cells \(limit 1\.08\)$/m);
  assert.match(text.replaceAll('\n', ' '), /Not answered: What does enabling dirty logging cost\? .*"mmulab run memslots" runs all of it/);
});

test('text keeps to 80 columns and has no escape sequence unless asked', () => {
  const text = renderTablesText(all(), { width: 80, color: false });
  assert.deepEqual(
    text.split('\n').filter((line) => [...line].length > 80),
    [],
  );
  assert.ok(!text.includes('\u001b'));
  const colored = renderTablesText(all(), { width: 80, color: true });
  assert.ok(colored.includes('\u001b['));
  assert.equal(colored.replace(/\u001b\[\d+m/g, ''), text);
});

test('text prints published, simulated and ratio, and the fidelity summary', () => {
  const text = renderTablesText(
    publishedFixture(() => 1.1),
    { width: 80, color: false },
  );
  assert.match(text, / 64 {2}16\.5013 {2}18\.1514 {3}1\.10 {2}17\.7884\.\.18\.5144/);
  assert.match(text, /all cells {5}1\.100 over 72 cells \(limit 1\.10/);
  assert.match(text, /Fitted: all 12 cells\. Predicted: none\./);
});

test('CSV has one row per published cell and one per metric of other records', async () => {
  const lines = (await renderTablesCsv(publishedFixture())).trim().split('\n');
  assert.equal(lines.length, 1 + 72 + 72 + 36 + 69, 'a header, the places of each post, a derived number for each row of the second');
  assert.match(lines[0], /^section,post,table,title,row,column,suite,engine,profile,cell,vcpus,arm,metric,unit,kind,published,median/);
});

test('JSON has the tables, the fidelity and names records by their cell', () => {
  const parsed = JSON.parse(renderTablesJson(all())) as {
    schemaVersion: number;
    posts: {
      post: { id: string };
      tables: { post: unknown; rows: { cells: { simulated: { record: unknown } }[] }[] }[];
      fidelity: { all: { cells: number } };
      questions: { answer?: { records: unknown[] } }[];
    }[];
  };
  assert.equal(parsed.schemaVersion, 3);
  assert.deepEqual(
    parsed.posts.map(({ post, fidelity }) => [post.id, fidelity.all.cells]),
    [
      ['eager-split-2022', 72],
      ['memslots-2021', 66],
      ['userfault-2024', 69],
    ],
  );
  assert.equal(parsed.posts[0].tables[0].post, 'eager-split-2022');
  assert.equal(typeof parsed.posts[0].tables[0].rows[0].cells[0].simulated.record, 'string');
  assert.ok(parsed.posts[1].questions.every(({ answer }) => answer?.records.every((one) => typeof one === 'string')));
});

test('hostile strings in every field of a record do not become markup', async () => {
  const page = await renderReportHtml(hostileFixture());
  assert.ok(page.includes('&lt;script&gt;'), 'the hostile text is shown as text');
  const tags = [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
  assert.deepEqual(
    tags.filter((tag) => /^<(script|img|iframe|a href="javascript)|\son\w+=/i.test(tag)),
    [],
  );
  assert.ok(!page.includes(HOSTILE));
});

test('every form shows the range over seeds beside the median', async () => {
  const records = userfaultFixture(({ row, column }) => (row === '64' && column === 'no userfault' ? 1 : 1.1));
  assert.match(renderTablesText(records, { width: 80, color: false }), /^ +64 +47720 +47720 +1\.00 +46288\.\.49629/m);
  assert.match(renderTablesMarkdown(records), /\| 47720 \| 47720 \| 1\.00 \| 46288\.\.49629 \|/);
  assert.match(await renderReportHtml(records), /<td class="start">47720<\/td><td>47720<span class="sub">46288\.\.49629<\/span><\/td>/);
  assert.match(await renderTablesCsv(records), /,47720,47720,46288,49629,5,1,Y,/);
});

test('with one seed every form says that a number is one draw, and shows no range', async () => {
  const records = firstSeed([...userfaultFixture(), ...publishedFixture()]);
  const text = renderTablesText(records, { width: 100, color: false }).replaceAll(/\s+/g, ' ');
  assert.match(text, /Depends on the order in which vCPUs first arrive: one seed, so each number is one draw \(--seeds 5 gives a median and a range\)\./);
  for (const form of [text, renderTablesMarkdown(records), await renderReportHtml(records)]) {
    assert.match(form, /one seed, so each number is one draw/);
    assert.doesNotMatch(form, /\d\.\.\d+[^ ]* (µs|ms)|class="sub"|\d{4}\.\.\d{4}/);
  }
});

test('a table of exact and order-sensitive numbers says how many are which', () => {
  const [first, ...rest] = userfaultFixture().filter(({ options, profile }) => profile.name.startsWith('x86') && options.backing === 'anonymous');
  const metrics = Object.fromEntries(Object.entries(first.metrics).map(([name, metric]) => [name, { ...metric, kind: 'exact' as const }]));
  const text = renderTablesText([{ ...first, metrics }, ...rest], { width: 100, color: false }).replaceAll(/\s+/g, ' ');
  assert.match(
    text,
    /14 of 15 numbers depend on the order in which vCPUs first arrive: median over 5 seeds, with the range over seeds\. The others are exact\./,
  );
});

test('records of post-copy alone are shown under the post that asked for them', async () => {
  const records = userfaultQuestionsFixture().filter(({ suite }) => suite === 'post-copy');
  const page = await renderReportHtml(records);
  assert.match(page, /id="question-contention"/);
  assert.match(page, /KVM Userfault, 2024: no record belongs to a published table, all 69 cells are missing/);
  assert.doesNotMatch(page, /id="other"/);
  const text = renderTablesText(records, { width: 80, color: false }).replaceAll(/\s+/g, ' ');
  assert.match(
    text,
    /No cell of table 1, 2, 3, 4, 5\. Not answered: .*"mmulab run demand-paging" runs the tables, and the page has the command for each question/,
  );
});

test('what answers no question of the post stands among the other cells, beside its twin without KVM Userfault', () => {
  const [record] = userfaultFixture().filter(({ options }) => options.uffd === 'minor' && options.kvmUserfault === false);
  const twins = [false, true].map((kvmUserfault) =>
    fixtureRecord({ ...record, cell: `${record.cell} ${kvmUserfault}`, options: { ...record.options, kvmUserfault, delayUs: 7 } }),
  );
  const options = ['vcpuBytes', 'vcpus', 'uffd', 'delayUs', 'kvmUserfault'];
  const bare = twins.map((twin) => ({ ...twin, options: Object.fromEntries(options.map((name) => [name, twin.options[name]])) }));
  const text = renderTablesText(bare, { width: 100, color: false });
  assert.match(text, /kvm-userfault +median +range +n +vs N/);
  assert.match(text, /per_vcpu_demand_paging_rate +Y .* 1\.00x/);
});

test('hostile strings of userfault records stay text in every form', async () => {
  const page = await renderReportHtml(hostileUserfault());
  assert.ok(!page.includes(HOSTILE));
  assert.doesNotMatch(page, /<(script|img)\b/i);
  const text = renderTablesText(hostileUserfault(), { width: 80, color: false });
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  assert.doesNotMatch(renderTablesMarkdown(hostileUserfault()), /<script|<img/i);
  assert.doesNotMatch(await renderTablesCsv(hostileUserfault()), /(^|,)"?[=@]/m);
});

test('hostile strings reach neither the terminal nor Markdown nor a spreadsheet', async () => {
  for (const color of [false, true]) {
    const text = renderTablesText(hostileFixture(), { width: 80, color });
    assert.doesNotMatch(text.replace(/\u001b\[(1|2|22|31|33|39)m/g, ''), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  }
  assert.doesNotMatch(renderTablesMarkdown(hostileFixture()), /<script|<img/);
  assert.doesNotMatch(await renderTablesCsv(hostileFixture()), /(^|,)"?[=@]/m);
});

test('the page allows no script and no network, and names nothing outside of itself', async () => {
  const page = await renderReportHtml(all());
  assert.ok(page.includes('<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'; img-src data:">'));
  assert.doesNotMatch(page, /<script|src="|@import|url\((?!#)/);
  const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, target]) => target);
  assert.deepEqual(
    links.filter((target) => !target.startsWith('#') && target !== 'data:,'),
    [],
  );
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length, 'ids are unique');
  for (const target of links.filter((one) => one.startsWith('#'))) assert.ok(ids.includes(target.slice(1)), target);
});
