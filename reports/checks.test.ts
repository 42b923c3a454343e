import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { historyLines } from './check-history.js';
import { checkFixture, checksFixture, failureFixture, hostileChecks } from './checks.fixture.js';
import { checksReport } from './checks.js';
import {
  type OneCheck,
  renderChecksJson,
  renderCheckText,
  renderReportHtml,
  renderTablesCsv,
  renderTablesJson,
  renderTablesMarkdown,
  renderTablesText,
} from './index.js';
import { publishedFixture } from './records.fixture.js';

const PAGE = { width: 80, color: false };
const broken = (): OneCheck => ({ record: checksFixture()[2] });
const linesOf = (text: string): string[] => text.trimEnd().split('\n');

test('renderCheckText of a failure begins with the claim and ends with the command that replays it', () => {
  const lines = linesOf(renderCheckText(broken(), PAGE));
  assert.equal(lines[0], 'Broken: no-lost-write: gfn 3 was written after its dirty bit had been read, and is in no dirty log');
  assert.equal(lines.at(-1), 'mmulab check write-protect --vcpus 2 --plant no-retry --replay a3b2a1');
  assert.match(lines.at(-2) ?? '', /^Trace 0123456789abcdef/);
  assert.ok(lines.includes('3 steps are left out: what others do does not depend on them.'), lines.join('\n'));
});

test('the history leaves out steps that do not matter, and has one column for each actor', () => {
  const lines = linesOf(renderCheckText(broken(), PAGE));
  const head = lines.findIndex((line) => line.startsWith('step'));
  assert.match(lines[head], /^step {2}vCPU 0 {2,}ioctl$/);
  const column = lines[head].indexOf('ioctl');
  const rows = lines.slice(head + 1, lines.indexOf('', head));
  const numbered = rows.filter((line) => /^ +\d+ /.test(line));
  assert.deepEqual(
    numbered.map((line) => Number.parseInt(line, 10)),
    [1, 2, 4, 5, 7, 8],
  );
  assert.match(numbered[0], /^ {3}1 {2}reads spte/);
  assert.equal(numbered[1].indexOf('write-protects'), column);
});

for (const [count, width] of [
  [2, 80],
  [3, 80],
  [4, 80],
  [4, 60],
  [2, 40],
  [6, 200],
]) {
  test(`historyLines of ${count} actors keep to ${width} columns and say every word`, () => {
    const actors = Array.from({ length: count }, (_, index) => `actor ${index} of a long name that is cut`);
    const steps = [...failureFixture(actors).history, { step: 1000, actor: count - 1, what: `kvm_${'x'.repeat(100)}`, matters: true }];
    const lines = historyLines(steps, { actors, width });
    for (const line of lines) assert.ok(line.length <= width, `${line.length}: ${line}`);
    const text = lines.join('').replaceAll(/\s/g, '');
    assert.equal((text.match(/x/g) ?? []).length, 100);
    for (const { step } of steps)
      assert.ok(
        lines.some((line) => line.trimStart().startsWith(`${step} `)),
        `step ${step}`,
      );
  });
}

test('historyLines name the actor of each step where columns would be too narrow', () => {
  const actors = ['vCPU 0', 'vCPU 1', 'vCPU 2', 'host'];
  const lines = historyLines(failureFixture(actors).history, { actors, width: 60 });
  assert.match(lines[0], /^ {3}1 {2}vCPU 0: reads spte of gfn 3/);
});

test('only an exhaustive search that came to its end says that a claim holds', () => {
  const { right, planted } = checksReport(checksFixture());
  assert.deepEqual(
    right.map(({ word, verdict, isAsExpected }) => [word, verdict, isAsExpected]),
    [
      ['holds', 'holds', true],
      ['unfinished', 'unfinished after 9.877 M schedules', true],
      ['none broke', 'no failure in 10,000 schedules', true],
      ['BROKEN', 'BROKEN: exclusion', false],
    ],
  );
  assert.deepEqual(
    planted.map(({ word, verdict, isAsExpected }) => [word, verdict, isAsExpected]),
    [
      ['found', 'found: no-lost-write', true],
      ['found', 'found: no-lost-write', true],
      ['NOT FOUND', 'NOT FOUND, holds', false],
    ],
  );
  const bounded = checkFixture({ options: { ...checkFixture().options, scheduler: 'bounded', bound: 1 } });
  assert.equal(checksReport([bounded]).right[0].verdict, 'holds with up to 1 preemption');
});

test('a replay command states what a replay needs', () => {
  const { options } = checkFixture();
  const failure = failureFixture(['a', 'b']);
  const commandOf = (changes: Parameters<typeof checkFixture>[0]): string | undefined =>
    checksReport([checkFixture({ verdict: 'broken', failure, ...changes })]).right.concat(
      checksReport([checkFixture({ verdict: 'broken', failure, ...changes })]).planted,
    )[0].failure?.command;
  assert.equal(commandOf({ options: { ...options, memoryOrder: 'tso' } }), 'mmulab check write-protect --vcpus 2 --memory-order tso --replay a3b2a1');
  assert.equal(
    commandOf({ plant: { name: 'p', what: '', needsTso: true } }),
    'mmulab check write-protect --vcpus 2 --plant p --memory-order sc --replay a3b2a1',
  );
  assert.equal(commandOf({ plugin: './my protocol.js' }), "mmulab check write-protect --plugin './my protocol.js' --vcpus 2 --replay a3b2a1");
  assert.equal(commandOf({ options: { ...options, maxSteps: 9 } }), 'mmulab check write-protect --vcpus 2 --max-steps 9 --replay a3b2a1');
});

test('a shell reads hostile parts of a replay command as plain words', () => {
  const [{ protocol, plugin, plant }] = [hostileChecks()[0]];
  const command = checksReport(hostileChecks()).planted[0].failure?.command ?? '';
  const words = execFileSync('sh', ['-c', `for word in ${command}; do printf '%s\\0' "$word"; done`], { encoding: 'utf8' }).split('\0');
  assert.deepEqual(words.slice(0, 5), ['mmulab', 'check', protocol, '--plugin', plugin]);
  assert.equal(words[words.indexOf('--plant') + 1], plant?.name);
});

test('renderCheckText of a version that holds says what holds, and what it took', () => {
  const text = renderCheckText({ record: checkFixture() }, PAGE);
  assert.match(text, /^write-protect: holds\n/);
  assert.match(text, /no-lost-write: a page that was written/);
  assert.match(text, /123,456 schedules, 7,890 pruned, 4\.568 M steps, the longest schedule has 58;\s3\.50 s, 2\.116 M schedules per minute/);
  for (const line of linesOf(text)) assert.ok(line.length <= 80, line);
});

test('renderCheckText says that an unfinished search is no proof', () => {
  assert.match(renderCheckText({ record: checksFixture()[1] }, PAGE), /^write-protect: unfinished after 9\.877 M schedules\n[\s\S]*no proof/);
});

test('renderCheckText of a replay that breaks nothing shows its history and its trace', () => {
  const record = checkFixture({ options: { ...checkFixture().options, scheduler: 'replay' }, schedules: 1 });
  const { history } = failureFixture(['vCPU 0', 'ioctl']);
  const text = renderCheckText({ record, replayed: { history, traceHash: 'fedcba9876543210' } }, PAGE);
  assert.match(text, /^write-protect: no failure in this schedule\n/);
  assert.match(text, /^ {3}1 {2}reads spte/m);
  assert.match(text, /\nTrace fedcba9876543210\n$/);
});

test('the table has a row for each check, and notes for what a row has no room for', () => {
  const text = renderTablesText(checksFixture(), PAGE);
  assert.match(text, /^Checked interleavings\n/);
  assert.match(text, /^ {2}right +2 {2}sc +holds +123,456/m);
  assert.match(text, /^ {2}right, 2 vCPUs, tso: unfinished after 9\.877 M schedules$/m);
  assert.match(text, /^ {2}no-kick +2 {2}sc +NOT FOUND/m);
  assert.match(text, /^ {4}mmulab check write-protect --vcpus 2 --plant no-retry --replay a3b2a1$/m);
  assert.doesNotMatch(text, /Published tables|no cell/i);
  const wide = renderTablesText(checksFixture(), { ...PAGE, width: 120 });
  assert.match(wide, /schedules +pruned +steps +time +per min/);
});

test('checks stand beside cells in every format', async () => {
  const records = [...publishedFixture(), ...checksFixture()];
  const text = renderTablesText(records, PAGE);
  assert.match(text, /Checked interleavings/);
  assert.ok(text.includes(linesOf(renderTablesText(publishedFixture(), PAGE))[0]));
  assert.match(renderTablesMarkdown(records), /^### Checked interleavings$/m);
  assert.match(renderTablesMarkdown(records), /^\| write-protect \| right \| tso \| exhaustive \| unfinished after 9\.877 M schedules \|/m);
  const csv = await renderTablesCsv(records);
  assert.match(csv, /^check,.*,write-protect,sc,.*,no-retry,schedules,count,exact,.*,found: no-lost-write$/m);
  const json = JSON.parse(renderTablesJson(records)) as { checks: { right: unknown[]; planted: unknown[] } };
  assert.deepEqual([json.checks.right.length, json.checks.planted.length], [4, 3]);
  assert.equal('checks' in (JSON.parse(renderTablesJson(publishedFixture())) as object), false);
});

test('renderChecksJson has the records as they are, and the command of a failure', () => {
  const { checks } = JSON.parse(renderChecksJson([broken(), { record: checkFixture() }])) as { checks: { failure?: { command: string } }[] };
  assert.equal(checks[0].failure?.command, 'mmulab check write-protect --vcpus 2 --plant no-retry --replay a3b2a1');
  assert.deepEqual(checks[1], checkFixture());
});

test('the page has a section for checks, without a script, whatever the strings are', async () => {
  const page = await renderReportHtml([...checksFixture(), ...hostileChecks()]);
  assert.match(page, /<title>Checked interleavings<\/title>/);
  assert.match(page, /<pre tabindex="0">npx mmulab check write-protect --vcpus 2 --plant no-retry --replay a3b2a1<\/pre>/);
  assert.doesNotMatch(page, /<script|<img|\u202e|\u001b/);
  assert.equal(await renderReportHtml([...hostileChecks(), ...checksFixture().reverse()]), page);
  assert.doesNotMatch(await renderReportHtml(publishedFixture()), /Checked interleavings/);
});

test('no control character of a file reaches the terminal', () => {
  for (const text of [renderTablesText(hostileChecks(), PAGE), renderCheckText({ record: hostileChecks()[0] }, PAGE)]) {
    assert.doesNotMatch(text, /[\u001b\u202e]/);
  }
});
