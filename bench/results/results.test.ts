import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DiskError, UsageError } from '../errors.js';
import { FAKE_PROVENANCE, fakeCell, fakeOutcome } from '../run/cells.fixture.js';
import { toRecord } from '../run/record.js';
import { checkWritable, type ResultRecord, readResults, SCHEMA_VERSION, writeResults } from './index.js';

function recordOf(vcpus: number): ResultRecord {
  const runs = [{ seed: 1, outcome: fakeOutcome(), startedAt: new Date(0), seconds: 1 }];
  return toRecord(fakeCell(vcpus), runs, FAKE_PROVENANCE);
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-results-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('what is written reads back, sorted by cell, in a folder that was made', (t) => {
  const path = join(temporaryFolder(t), 'a/b/results.ndjson');
  const records = [recordOf(8), recordOf(2), recordOf(4)];
  writeResults(path, records);
  const read = readResults(path);
  assert.deepEqual(
    read.map(({ options }) => options.vcpus),
    [2, 4, 8],
  );
  assert.deepEqual(
    read,
    [...records].sort((a, b) => (a.cell < b.cell ? -1 : 1)),
  );
  assert.deepEqual(readdirSync(join(path, '..')), ['results.ndjson']);
});

test('the bytes depend on the records alone, not on their order or that of their keys', (t) => {
  const folder = temporaryFolder(t);
  const record = recordOf(2);
  const turned = Object.fromEntries(Object.entries(record).reverse()) as unknown as ResultRecord;
  writeResults(join(folder, 'a'), [record, recordOf(4)]);
  writeResults(join(folder, 'b'), [recordOf(4), turned]);
  assert.equal(readFileSync(join(folder, 'a'), 'utf8'), readFileSync(join(folder, 'b'), 'utf8'));
});

const good = JSON.stringify(recordOf(2));
const changed = (change: Record<string, unknown>): string => JSON.stringify({ ...recordOf(4), ...change });

const REFUSED: [string, string, RegExp][] = [
  ['an empty file', '', /: the file is empty, expected one JSON record a line$/],
  ['blank lines alone', '\n\n', /the file is empty/],
  ['a line that is no JSON', `${good}\n{"a":\n`, /: line 2 is not JSON, expected one record a line$/],
  ['an empty line between records', `${good}\n\n${changed({})}\n`, /line 2 is not JSON/],
  ['a foreign record', '{"name":"x"}\n', /line 1 is no mmulab record, expected a schemaVersion$/],
  ['an array', '[1]\n', /line 1 is no mmulab record/],
  ['null', 'null\n', /line 1 is no mmulab record/],
  ['another version', changed({ schemaVersion: 2 }).concat('\n'), new RegExp(`line 1 has schemaVersion 2, expected ${SCHEMA_VERSION}`)],
  ['a wrong type', `${good}\n${changed({ seeds: ['x'] })}\n`, /line 2 is no record of this version: seeds\.0: /],
  ['an unknown field', `${changed({ extra: 1 })}\n`, /line 1 is no record of this version: .*extra/],
  ['a missing field', `${changed({ commit: undefined })}\n`, /line 1 is no record of this version: commit: /],
  ['values that are not one per seed', `${changed({ seeds: [1, 2] })}\n`, /metrics\.\w+\.values: current 1 values, expected one for each of 2 seeds/],
  ['one cell twice', `${good}\n${good}\n`, /line 2 has the same cell as line 1, expected each cell once/],
  ['a file cut off within a record', `${good}\n${good.slice(0, 50)}`, /line 2 is cut off, expected a line end after every record/],
  ['a file cut off before its line end', `${good}\n${changed({})}`, /line 2 is cut off/],
];

for (const [what, text, reason] of REFUSED) {
  test(`readResults refuses ${what}`, (t) => {
    const path = join(temporaryFolder(t), 'r.ndjson');
    writeFileSync(path, text);
    assert.throws(
      () => readResults(path),
      (error) =>
        error instanceof UsageError &&
        error.message.startsWith(`Cannot read results ${JSON.stringify(path)}: `) &&
        reason.test(error.message) &&
        !error.message.includes('\n'),
    );
  });
}

test('readResults names a file that is not there', () => {
  assert.throws(() => readResults('/nowhere/r.ndjson'), /Cannot read results "\/nowhere\/r.ndjson": current ENOENT/);
});

test('a write that fails leaves the file as it was and nothing beside it', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'r.ndjson');
  writeResults(path, [recordOf(2)]);
  const before = readFileSync(path, 'utf8');
  const circular = recordOf(4) as unknown as Record<string, unknown>;
  circular.counters = { toJSON: () => assert.fail('no space left') };
  assert.throws(() => writeResults(path, [circular as unknown as ResultRecord]));
  assert.equal(readFileSync(path, 'utf8'), before);
  assert.deepEqual(readdirSync(folder), ['r.ndjson']);
});

test('writeResults cannot replace a folder, and leaves nothing beside it', (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'taken/inside'), { recursive: true });
  assert.throws(() => writeResults(join(folder, 'taken'), [recordOf(2)]), DiskError);
  assert.deepEqual(readdirSync(folder), ['taken']);
});

for (const [what, path, reason] of [
  ['a folder below a file', 'file/sub/r.ndjson', /Cannot write results ".*": current (EEXIST|ENOTDIR) /],
  ['a folder', 'folder', /current a folder, expected the name of a file/],
  ['a name that ends like a folder', 'new/', /current a folder, expected the name of a file/],
] as const) {
  test(`checkWritable refuses ${what}`, (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'folder'));
    assert.throws(
      () => checkWritable(`${folder}/${path}`, 'results'),
      (error) => error instanceof DiskError && reason.test(error.message),
    );
    assert.deepEqual(readdirSync(folder).sort(), ['file', 'folder']);
  });
}

test('checkWritable refuses a place where no folder can be made, and comes back', () => {
  assert.throws(() => checkWritable('/proc/nowhere/sub/r.ndjson', 'results'), DiskError);
});

test('checkWritable leaves no file', (t) => {
  const folder = temporaryFolder(t);
  checkWritable(join(folder, 'r.ndjson'), 'results');
  assert.deepEqual(readdirSync(folder), []);
});
