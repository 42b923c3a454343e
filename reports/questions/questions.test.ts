import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRecord } from '../../bench/results/index.js';
import { memslotRecord, memslotsFixture, questionsFixture } from '../memslots.fixture.js';
import { fixtureTime } from '../records.fixture.js';
import { type Answer, MEMSLOT_QUESTIONS } from './index.js';
import { rmapHeads, rmapWaste } from './rmap-waste.js';

type Options = ResultRecord['options'];

const NEEDS_NO_CELL = ['question-rmap'];

function ask(id: string, records: readonly ResultRecord[]): Answer | undefined {
  const question = MEMSLOT_QUESTIONS.find((one) => one.id === id);
  assert.ok(question !== undefined, id);
  return question.answer(records);
}

function answerOf(id: string, records: readonly ResultRecord[]): Answer {
  const answer = ask(id, records);
  assert.ok(answer !== undefined, id);
  return answer;
}

function cell(options: Options, metrics: Record<string, number>): ResultRecord {
  return memslotRecord(options, Object.fromEntries(Object.entries(metrics).map(([name, ns]) => [name, fixtureTime([ns], 'exact')])));
}

test('every question is answered when its cells are there, and says how to run it otherwise', () => {
  const records = [...memslotsFixture(), ...questionsFixture()];
  for (const { id, answer, command } of MEMSLOT_QUESTIONS) {
    const found = answer(records);
    assert.ok(found !== undefined && found.rows.length > 0, id);
    assert.match(found.sentence, /\.$/, id);
    assert.doesNotMatch(found.sentence, /NaN|undefined|Infinity/, id);
    for (const row of found.rows) assert.equal(row.length, found.columns.length, id);
    assert.equal(answer([]) === undefined, !NEEDS_NO_CELL.includes(id), id);
    assert.equal(command === undefined, NEEDS_NO_CELL.includes(id), id);
  }
});

test('flags: times by structure and count, and what all memslots take together', () => {
  const answer = answerOf('question-flags', [
    cell({ test: 'flags', slots: 1000, memslots: 'array' }, { flag_change: 20_000 }),
    cell({ test: 'flags', slots: 1000, memslots: 'tree' }, { flag_change: 2000 }),
    cell({ test: 'flags', slots: 10, memslots: 'tree' }, { flag_change: 1900 }),
    cell({ test: 'move-inactive', slots: 1000, memslots: 'tree' }, { iteration: 8000 }),
  ]);
  assert.deepEqual(answer.rows, [
    [10, undefined, 1900, undefined],
    [1000, 20_000, 2000, 10],
  ]);
  assert.match(
    answer.sentence,
    /With 1,000 memslots.* takes 20\.00 µs with array, 2\.000 µs with tree; for all of them.* is 20\.00 ms with array, 2\.000 ms with tree\./,
  );
  assert.match(answer.sentence, /Against one move of a memslot \(move-inactive\) that is 0\.50 with tree\./);
});

test('flags: zeroes, other units and other engines are no numbers', () => {
  const bad = cell({ test: 'flags', slots: 10, memslots: 'tree' }, { flag_change: 0 });
  const counted = memslotRecord({ test: 'flags', slots: 30, memslots: 'tree' }, { flag_change: { ...fixtureTime([5]), unit: 'count' } });
  const threads: ResultRecord = { ...cell({ test: 'flags', slots: 50, memslots: 'tree' }, { flag_change: 9 }), engine: 'threads' };
  assert.equal(ask('question-flags', [bad, counted, threads]), undefined);
});

test('cells of two profiles are never mixed', () => {
  const other = { name: 'another', hash: '000000000000', overrides: ['copy=-20%'] };
  const answer = answerOf('question-flags', [
    cell({ test: 'flags', slots: 10, memslots: 'array' }, { flag_change: 100 }),
    { ...cell({ test: 'flags', slots: 10, memslots: 'tree' }, { flag_change: 50 }), profile: other },
  ]);
  assert.deepEqual(answer.rows, [[10, 100, undefined]]);
});

test('hva-only: a test counts as reached only when it is within 5 % at every count', () => {
  const times = (test: string, slots: number, hvaOnly: number) => [
    cell({ test, slots, memslots: 'tree' }, { iteration: 1000 }),
    cell({ test, slots, memslots: 'array-hva-tree' }, { iteration: hvaOnly }),
  ];
  const records = [...times('unmap', 10, 1000), ...times('unmap', 509, 1050), ...times('map', 10, 900), ...times('map', 509, 1300)];
  const { sentence } = answerOf('question-hva-only', records);
  assert.match(sentence, /for unmap; not for map \(1\.30 at 509\)/);
  const none = answerOf('question-hva-only', times('map', 509, 1300));
  assert.match(none.sentence, /for no test; not for map/);
  assert.equal(ask('question-hva-only', [cell({ test: 'map', slots: 10, memslots: 'tree' }, { iteration: 5 })]), undefined);
});

test('footprint: bytes for each memslot are what they add to an empty VM', () => {
  const bytes = (value: number) => ({ ...fixtureTime([value], 'exact'), unit: 'bytes' as const });
  const record = memslotRecord({ test: 'setup', slots: 10, memslots: 'tree' }, { bytes_empty: bytes(4000), bytes_total: bytes(7000) });
  const answer = answerOf('question-footprint', [record]);
  assert.deepEqual(answer.rows, [[10, 'tree', 32764, 4000, 7000, 300, undefined, undefined]]);
  assert.equal(answer.sentence, 'With 10 memslots a VM holds 7,000 B with tree.');
});

test('batch: the fastest call of each structure, missing calls left out', () => {
  const batch = (call: string, ns: number) => cell({ test: 'batch', slots: 1001, memslots: 'tree', changes: 10, call }, { batch: ns });
  const answer = answerOf('question-batch', [batch('one-by-one', 900), batch('change-regions', 300)]);
  assert.deepEqual(answer.rows, [[1001, 10, 'tree', 900, undefined, 300, 'change-regions']]);
  assert.equal(answer.sentence, 'Changing the flags of 10 of 1,001 memslots takes with tree 900 ns one-by-one, 300 ns change-regions.');
});

test('rmapWaste of 1 TiB: 2 GiB, 4 MiB and 8 KiB of heads', () => {
  assert.equal(rmapHeads(2 ** 40, 4096), 2 ** 28);
  const { rows, sentence } = rmapWaste(2 ** 40);
  assert.deepEqual(
    rows.map(([level, heads, always, lazy]) => [level, heads, always, lazy]),
    [
      ['4 KiB', 2 ** 28, 2 ** 31, 0],
      ['2 MiB', 2 ** 19, 2 ** 22, 0],
      ['1 GiB', 2 ** 10, 2 ** 13, 0],
      ['all', 2 ** 28 + 2 ** 19 + 2 ** 10, 2 ** 31 + 2 ** 22 + 2 ** 13, 0],
    ],
  );
  assert.match(sentence, /2\.004 GiB, 0\.20 % of the memslot/);
});

test('zap: a pass beside moves against the same pass alone, both ways to zap', () => {
  const zap = (zapAll: boolean, pass: number) => cell({ test: 'zap', vcpus: 8, zapAll }, { guest_pass: pass, guest_pass_alone: 1000, move: 50 });
  const both = answerOf('question-zap', [zap(true, 3000), zap(false, 1010)]);
  assert.deepEqual(both.rows, [['tree', 509, 8, 1000, 3000, 1010, 3, 1.01, 50, 50]]);
  assert.match(both.sentence, /At 8 vCPUs, with tree and 509 memslots, a pass takes 3\.00 times as long as alone when every move zaps everything/);
  assert.doesNotMatch(answerOf('question-zap', [zap(true, 3000)]).sentence, /moved memslot alone/);
});

test('share: needs both ways to remember', () => {
  const share = (lastUsed: string, ns: number) => cell({ test: 'share', slots: 65, memslots: 'tree', mmu: 'shadow', vcpus: 64, lastUsed }, { guest_pass: ns });
  assert.equal(ask('question-share', [share('shared', 10)]), undefined);
  assert.deepEqual(answerOf('question-share', [share('shared', 10), share('vcpu', 4)]).rows, [['shadow', 'tree', 65, 64, 10, 4, 2.5]]);
});

test('readers: a lookup alone and beside the updater, by structure', () => {
  const readers = (memslots: string, beside: number) => cell({ test: 'readers', memslots, vcpus: 2 }, { lookup_alone: 50, lookup: beside, update: 9000 });
  const found = answerOf('question-readers', [readers('array', 60), readers('tree', 75)]);
  assert.deepEqual(found.rows, [
    ['virtual', 'array', 509, 2, 50, 60, 1.2, 9000],
    ['virtual', 'tree', 509, 2, 50, 75, 1.5, 9000],
  ]);
  assert.match(found.sentence, /beside the updater takes 60 ns with array, 75 ns with tree; an update takes 9.000 µs with array/);
});

test('growth: the power of the count between the first and the last point', () => {
  const unmap = (slots: number, ns: number) => cell({ test: 'unmap', slots, memslots: 'array' }, { iteration: ns });
  const answer = answerOf('growth-unmap', [unmap(10, 100), unmap(1000, 1000)]);
  assert.equal(answer.sentence, 'From 10 to 1,000 memslots the time grows 10.00 times with array (the power 0.50 of the count).');
  assert.deepEqual(answer.chart?.lines[0].points, [
    { x: 10, value: 100 },
    { x: 1000, value: 1000 },
  ]);
  assert.equal(ask('growth-unmap', [unmap(10, 100), unmap(1000, 0)]), undefined, 'one point is no line');
});
