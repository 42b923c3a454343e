import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRecord } from '../bench/results/index.js';
import { renderReportHtml, renderTablesCsv, renderTablesJson, renderTablesMarkdown, renderTablesText } from './index.js';
import { memslotsFixture, questionsFixture } from './memslots.fixture.js';
import { HOSTILE, hostileFixture, otherFixture, publishedFixture } from './records.fixture.js';

const all = () => [...publishedFixture(), ...otherFixture(), ...memslotsFixture(), ...questionsFixture()];
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
  assert.match(text, / 64 {4}16\.5013 {4}18\.1514 {3}1\.10/);
  assert.match(text, /all cells {5}1\.100 over 72 cells \(limit 1\.10/);
  assert.match(text, /Fitted: all 12 cells\. Predicted: none\./);
});

test('CSV has one row per published cell and one per metric of other records', async () => {
  const lines = (await renderTablesCsv(publishedFixture())).trim().split('\n');
  assert.equal(lines.length, 1 + 72 + 72 + 36, 'a header, 72 places of each post, a derived number for each row of the second');
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
  assert.equal(parsed.schemaVersion, 2);
  assert.deepEqual(
    parsed.posts.map(({ post, fidelity }) => [post.id, fidelity.all.cells]),
    [
      ['eager-split-2022', 72],
      ['memslots-2021', 66],
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
