import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dirtyLog } from './dirty-log.js';
import { type CellOptions, commandLineOf, describeOptions, type Engine, type GivenOptions, type SuiteOption } from './suite.js';

const { defaults, check } = await dirtyLog.load();

function plan(given: GivenOptions, { engine = 'virtual' as Engine, smoke = false } = {}): CellOptions[] {
  return dirtyLog.plan(given, { engine, smoke, defaults, profile: dirtyLog.profile });
}

function optionOf(long: string): SuiteOption {
  const option = dirtyLog.options.find((candidate) => candidate.long === long);
  assert.ok(option, `no option --${long}`);
  return option;
}

test('the published matrix is 48 runs that answer all 72 published cells', () => {
  const cells = plan({});
  assert.equal(cells.length, 48);
  const csv = readFileSync(new URL('../../../reports/published/eager-split-2022.csv', import.meta.url), 'utf8');
  const rows = csv.trim().split('\n').slice(1);
  assert.equal(rows.length, 72);
  for (const row of rows) {
    const [metric, ept, writes, allSet, vcpus, eager] = row.split(',');
    const answers = cells.filter(
      (cell) =>
        cell.ept === (ept === 'Y') &&
        cell.writeEvery === (writes === '20' ? 5 : 0) &&
        cell.initiallyAllSet === (allSet === 'Y') &&
        cell.vcpus === Number(vcpus) &&
        cell.split === (eager === 'Y' ? 'eager' : 'lazy') &&
        Number(cell.iterations) >= (metric.endsWith('iter2') ? 2 : 1),
    );
    assert.equal(answers.length, 1, row);
  }
});

test('the published matrix is the post: shadow MMU, 1 GiB of 1 GiB pages on both sides, one slot', () => {
  for (const cell of plan({})) {
    const { mmu, vcpuBytes, backing, guestPageBytes, memslots, overlap } = cell;
    assert.deepEqual([mmu, vcpuBytes, backing, guestPageBytes, memslots, overlap], ['shadow', 2 ** 30, 'anonymous_hugetlb_1gb', 2 ** 30, 1, false]);
  }
});

test('the smoke matrix has the same configurations and arms, small', () => {
  const shape = ({ ept, initiallyAllSet, writeEvery, iterations, split }: CellOptions): string =>
    JSON.stringify([ept, initiallyAllSet, writeEvery, iterations, split]);
  const smoke = plan({}, { smoke: true });
  assert.deepEqual(new Set(smoke.map(shape)), new Set(plan({}).map(shape)));
  assert.ok(smoke.every((cell) => Number(cell.vcpuBytes) <= 2 ** 24 && Number(cell.vcpus) <= 4));
});

test('every planned cell passes the simulator, on both engines', () => {
  for (const cell of [...plan({}), ...plan({}, { smoke: true }), ...plan({}, { engine: 'threads' })])
    assert.equal(check(cell), undefined, describeOptions(dirtyLog, cell));
});

test('any option makes a cross product over the defaults instead', () => {
  const cells = plan({ vcpus: [2, 4], split: ['lazy', 'eager', 'on-fault'] });
  assert.equal(cells.length, 6);
  assert.deepEqual(cells[5], { ...defaults, vcpus: 4, split: 'on-fault' });
});

test('on threads the default is a size that two cores can tell something about', () => {
  const cells = plan({}, { engine: 'threads' });
  assert.deepEqual(
    cells.map(({ vcpus, mmu, split, ept }) => [vcpus, mmu, split, ept]),
    [
      [2, 'shadow', 'lazy', true],
      [2, 'shadow', 'eager', true],
      [2, 'tdp', 'lazy', true],
      [2, 'tdp', 'eager', true],
      [2, 'shadow', 'on-fault', true],
      [2, 'shadow', 'on-fault', false],
    ],
  );
});

test("every field of the simulator's options is stated in a cell's key, and its command line asks for that cell again", () => {
  const stated = new Set(dirtyLog.options.map(({ field }) => field));
  for (const field of Object.keys(defaults)) assert.ok(stated.has(field), `${field} is not in the key`);
  for (const cell of [
    ...plan({}),
    { ...defaults, randomAccess: true, processes: 3, ept: false, concurrent: true, dirtyGranularityBytes: 2 ** 21, preempt: 'none' },
  ]) {
    assert.deepEqual(plan(parse(commandLineOf(dirtyLog, cell))), [cell]);
  }
});

function parse(words: readonly string[]): GivenOptions {
  const given: GivenOptions = {};
  for (let i = 0; i < words.length; i++) {
    const option = optionOf(words[i].slice(2));
    given[option.field as string] = option.parse?.(option.value === undefined ? '' : words[++i]) ?? [];
  }
  return given;
}

test("a key is one line of the options' own names", () => {
  const [cell] = plan({ vcpus: [64], writeEvery: [5] });
  assert.match(describeOptions(dirtyLog, cell), /^vcpus=64 memory=1G mmu=shadow ept=Y split=\S+ initially-all-set=Y write-percent=100 write-every=5 /);
});

test('the letters of the selftest are each bound once', () => {
  const letters = dirtyLog.options.flatMap(({ letter }) => letter ?? []);
  assert.equal(new Set(letters).size, letters.length);
  assert.deepEqual([...letters].sort().join(''), 'abcefgimnoprsvwx');
});

test('weight grows with the work', () => {
  const [small, large] = plan({ vcpus: [2, 64] });
  assert.ok(dirtyLog.weight(large) > 30 * dirtyLog.weight(small));
});
