import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRecord } from '../../bench/results/index.js';
import { fixtureRecord, fixtureTime } from '../records.fixture.js';
import type { Answer } from './question.js';
import { WRITE_PROTECT } from './write-protect.js';

type Options = ResultRecord['options'];
type Metric = ResultRecord['metrics'][string];

function metric(value: number, unit: Metric['unit']): Metric {
  return { ...fixtureTime([value], 'exact'), unit };
}

function cell(changes: Options, writes: number): ResultRecord {
  const options = { vcpus: 12, notifierRate: 8000, writeProtect: 'lockless', mmuLock: 'real', backing: 'anonymous', ...changes };
  const metrics = {
    writes_per_second_beside_ioctl: metric(writes, 'per_s'),
    vcpu_writes_per_second: metric(1000 + writes, 'per_s'),
    stall_max: metric(5000, 'ns'),
    mmu_lock_wait_share: metric(0.25, 'ratio'),
  };
  const made = fixtureRecord({ suite: 'write-protect', cell: `write-protect engine=virtual ${JSON.stringify(options)}`, metrics, locks: [], counters: {} });
  return { ...made, options, profile: { name: 'x5690-2013', hash: '0123456789ab', overrides: [] } };
}

const CELLS = [cell({ writeProtect: 'locked' }, 400), cell({}, 900), cell({ mmuLock: 'free' }, 1000)];

function answerOf(records: ResultRecord[]): Answer {
  const found = WRITE_PROTECT.answer(records);
  assert.ok(found !== undefined);
  return found;
}

test('each way to protect stands beside a lock that costs nothing', () => {
  const { rows, columns, sentence } = answerOf(CELLS);
  const column = (name: string) => rows.map((row) => row[columns.findIndex((one) => one.name === name)]);
  assert.deepEqual(column('write protection'), ['under mmu_lock', 'lockless', 'lockless, and mmu_lock costs nothing']);
  assert.deepEqual(column('of a free lock'), [0.4, 0.9, 1]);
  assert.deepEqual(column('window, of a free lock'), [0.7, 0.95, 1]);
  assert.deepEqual(column('get dirty log'), [undefined, undefined, undefined]);
  assert.ok(rows.every((row) => row.length === columns.length));
  assert.equal(
    sentence,
    'Under mmu_lock and without it, 12 vCPUs write this much of what they would if mmu_lock cost nothing: with 4 KiB mappings 40 % and 90 % during the ioctls, 70 % and 95 % over the whole window.',
  );
});

test('2 MiB mappings are told beside 4 KiB ones', () => {
  const huge = CELLS.map((record) => ({ ...record, options: { ...record.options, backing: 'anonymous_hugetlb_2mb', notifierRate: 100 } }));
  const { rows, sentence } = answerOf([...CELLS, ...huge]);
  assert.equal(rows.length, 6);
  assert.match(sentence, /with 4 KiB mappings 40 % .*; with 2 MiB mappings 40 % and 90 % during the ioctls, 70 % and 95 % over the whole window\.$/);
});

test('cells of another setup, of other suites and with overrides are not compared', () => {
  const other = cell({ writeProtect: 'locked', vcpus: 64 }, 1);
  const overridden = { ...cell({ writeProtect: 'root' }, 1), profile: { name: 'x5690-2013', hash: '0123456789ab', overrides: ['ipi=1'] } };
  const anotherRate = cell({ writeProtect: 'root', notifierRate: 1 }, 1);
  const records = answerOf([...CELLS, other, anotherRate, overridden, { ...CELLS[0], suite: 'dirty-log' }]).records;
  assert.deepEqual(records, CELLS);
});

test('one way alone answers nothing', () => {
  assert.equal(WRITE_PROTECT.answer(CELLS.slice(0, 1)), undefined);
  assert.equal(WRITE_PROTECT.answer([]), undefined);
});
