import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../errors.js';
import { type CellOptions, commandLineOf, describeOptions, type Engine, type GivenOptions } from './suite.js';
import { parseWords } from './words.fixture.js';
import { writeProtect } from './write-protect.js';

const { defaults, check } = await writeProtect.load();

function plan(given: GivenOptions, { engine = 'virtual' as Engine, smoke = false } = {}): CellOptions[] {
  return writeProtect.plan(given, { engine, smoke, defaults, profile: writeProtect.profile });
}

function planWords(...words: string[]): CellOptions[] {
  return plan(parseWords(writeProtect, ...words));
}

test('without options each way to protect is compared with a free lock, at 4 KiB and at 2 MiB, in one window', () => {
  const cells = plan({});
  assert.deepEqual(
    cells.map(({ backing, writeProtect: way, mmuLock }) => [backing, way, mmuLock]),
    ['anonymous', 'anonymous_hugetlb_2mb'].flatMap((backing) => [
      [backing, 'locked', 'real'],
      [backing, 'lockless', 'real'],
      [backing, 'root', 'real'],
      [backing, 'lockless', 'free'],
    ]),
  );
  assert.equal(new Set(cells.map(({ vcpus, vcpuBytes, passes, periodNs }) => [vcpus, vcpuBytes, passes, periodNs].join())).size, 1);
  assert.ok(cells.every(({ periodNs }) => Number(periodNs) > 0));
});

test('real threads have no free lock', () => {
  assert.ok(plan({}, { engine: 'threads' }).every(({ mmuLock }) => mmuLock === 'real'));
  const asked = () => plan({ mmuLock: ['real', 'free'] }, { engine: 'threads' });
  assert.throws(asked, (error: unknown) => error instanceof UsageError && /^Cannot run with a free mmu_lock on real threads/.test(error.message));
});

test('every planned cell passes the simulator, on both engines, and stands there once', () => {
  for (const engine of ['virtual', 'threads'] as const)
    for (const smoke of [false, true]) {
      const cells = plan({}, { engine, smoke });
      for (const cell of cells) assert.equal(check(cell), undefined, describeOptions(writeProtect, cell));
      assert.equal(new Set(cells.map((cell) => describeOptions(writeProtect, cell))).size, cells.length);
    }
});

test("every field of the simulator's options is stated in a cell's key, and its command line asks for that cell again", () => {
  const stated = new Set(writeProtect.options.map(({ field }) => field));
  for (const field of Object.keys(defaults)) assert.ok(stated.has(field), `${field} is not in the key`);
  for (const cell of [...plan({}), ...plan({}, { smoke: true })]) assert.deepEqual(planWords(...commandLineOf(writeProtect, cell)), [cell]);
});

test("a key is one line of the options' own names", () => {
  const [cell] = planWords('-v', '64', '-b', '1G', '--write-protect', 'root', '-s', 'anonymous_hugetlb', '--period', '2s', '-i', '3', '-a');
  assert.equal(
    describeOptions(writeProtect, cell),
    'vcpus=64 memory=1G write-protect=root mmu-lock=real backing=anonymous_hugetlb_2mb ept=Y notifier-rate=2000 passes=3 period=2s compute=1us random=Y ' +
      'preempt=voluntary guest-seed=1',
  );
});

test('what the simulator refuses is refused in a plan too', () => {
  const problemOf = (...words: string[]): string | undefined => check(planWords(...words)[0]);
  assert.match(problemOf('-b', '1M', '-s', 'anonymous_hugetlb_2mb') ?? '', /^Cannot give each vCPU 1048576 bytes: expected a multiple of 2097152/);
  assert.match(problemOf('-v', '65', '-b', '1G') ?? '', /^Cannot simulate 65 GiB/);
});

test('weight grows with the work', () => {
  const [few, many] = [planWords('-v', '2'), planWords('-v', '64')].flat().map((cell) => writeProtect.weight(cell));
  assert.ok(many > 30 * few);
});
