import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DiskError, UsageError } from '../errors.js';
import { FAKE_PROVENANCE, fakeCell, fakeOutcome } from '../run/cells.fixture.js';
import { toRecord } from '../run/record.js';
import { type CheckRecord, checkWritable, type ResultRecord, readRecords, readResults, SCHEMA_VERSION, writeResults } from './index.js';

function recordOf(vcpus: number): ResultRecord {
  const runs = [{ seed: 1, outcome: fakeOutcome(), startedAt: new Date(0), seconds: 1 }];
  return toRecord(fakeCell(vcpus), runs, FAKE_PROVENANCE);
}

function checkOf(vcpus: number, changes: Partial<CheckRecord> = {}): CheckRecord {
  return {
    schemaVersion: SCHEMA_VERSION,
    kind: 'check',
    cell: `check write-protect vcpus=${vcpus}`,
    protocol: 'write-protect',
    summary: 'a fault beside write protection',
    claims: [{ name: 'no-lost-write', claim: 'every write is logged' }],
    plant: { name: 'no-retry', what: 'believes an old spte', needsTso: true },
    options: { vcpus, memoryOrder: 'tso', scheduler: 'exhaustive', bound: 2, seed: 1, schedules: 0, maxSteps: 100 },
    verdict: 'broken',
    actors: ['vCPU 0', 'ioctl'],
    ...{ schedules: 7, pruned: 2, steps: 90, longest: 12, coarse: 0 },
    failure: {
      claim: 'no-lost-write',
      message: 'gfn 3 is lost',
      schedule: 'a3b2',
      history: [{ step: 1, actor: 1, what: 'loads', matters: true }],
      traceHash: '0123456789abcdef',
    },
    ...FAKE_PROVENANCE,
    wall: { startedAt: '2026-01-01T00:00:00.000Z', seconds: 1 },
    ...changes,
  };
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

test('checks stand in a file with cells or alone; readResults leaves them out', (t) => {
  const folder = temporaryFolder(t);
  const [both, alone] = [join(folder, 'both.ndjson'), join(folder, 'alone.ndjson')];
  writeResults(both, [recordOf(2), checkOf(2), checkOf(3)]);
  writeResults(alone, [checkOf(2)]);
  assert.deepEqual(readRecords(both), [checkOf(2), checkOf(3), recordOf(2)]);
  assert.deepEqual(readResults(both), [recordOf(2)]);
  assert.deepEqual(readRecords(alone), [checkOf(2)]);
  assert.deepEqual(readResults(alone), []);
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
  ['a check of a kind that is not known', `${JSON.stringify({ ...checkOf(2), kind: 'proof' })}\n`, /line 1 is no record of this version: kind: /],
  ['a check with an unknown field', `${JSON.stringify({ ...checkOf(2), extra: 1 })}\n`, /line 1 is no record of this version: .*extra/],
  [
    'a check that broke and says nothing of it',
    `${JSON.stringify(checkOf(2, { failure: undefined }))}\n`,
    /: failure: expected one with the verdict "broken"$/,
  ],
  ['a check that holds and failed', `${JSON.stringify(checkOf(2, { verdict: 'holds' }))}\n`, /: failure: expected none with the verdict "holds"$/],
  ['a history with a stranger', `${JSON.stringify(checkOf(2, { actors: ['vCPU 0'] }))}\n`, /failure\.history: current actor 1, expected one of 1$/],
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
