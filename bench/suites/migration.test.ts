import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migration } from './migration.js';
import { X5690, XEON_2022 } from './migration-plan.js';
import { type CellOptions, commandLineOf, describeOptions, type Engine, type GivenOptions } from './suite.js';
import { parseWords } from './words.fixture.js';

const { defaults, check } = await migration.load();

function plan(given: GivenOptions, { engine = 'virtual' as Engine, smoke = false, profile = XEON_2022 } = {}): CellOptions[] {
  return migration.plan(given, { engine, smoke, defaults, profile });
}

function planWords(...words: string[]): CellOptions[] {
  return plan(parseWords(migration, ...words));
}

test('without options the host of 2022 compares splitting and manual protection, that of 2013 write protection', () => {
  const of2022 = plan({});
  assert.deepEqual(new Set(of2022.map(({ era }) => era)), new Set(['2022']));
  assert.equal(new Set(of2022.map(({ split, manualProtect, dirtyRate }) => `${split} ${manualProtect} ${dirtyRate}`)).size, 8);
  const of2013 = plan({}, { profile: X5690 });
  assert.ok(of2013.every(({ era, split, manualProtect }) => era === '2013' && split === 'lazy' && manualProtect === false));
  assert.deepEqual(new Set(of2013.map(({ writeProtect }) => writeProtect)), new Set(['locked', 'lockless']));
  assert.deepEqual(migration.profiles, [XEON_2022, X5690]);
});

test('protection without the lock means the kernel of 2013 for all cells, and that kernel what it had', () => {
  const shapeOf = (...words: string[]): unknown[] =>
    planWords(...words).map(({ era, writeProtect, split, manualProtect }) => [era, writeProtect, split, manualProtect]);
  assert.deepEqual(shapeOf('--write-protect', 'locked,lockless'), [
    ['2013', 'locked', 'lazy', false],
    ['2013', 'lockless', 'lazy', false],
  ]);
  assert.deepEqual(shapeOf('--write-protect', 'locked'), [['2022', 'locked', 'eager', true]]);
  assert.deepEqual(shapeOf('--era', '2013,2022'), [
    ['2013', 'locked', 'lazy', false],
    ['2022', 'locked', 'eager', true],
  ]);
});

test('what contradicts itself is refused in one line', () => {
  const problemOf = (...words: string[]): string | undefined => check(planWords(...words)[0]);
  assert.match(problemOf('--write-protect', 'lockless', '--era', '2022') ?? '', /^Cannot write-protect without mmu_lock: current era=2022/);
  assert.match(problemOf('--era', '2013', '--split', 'eager') ?? '', /^Cannot split huge pages by the policy eager: current era=2013/);
  assert.match(problemOf('--bandwidth', '0') ?? '', /^Cannot migrate over a link of 0 bytes per second/);
});

test('every planned cell passes the simulator, on both engines and hosts, and stands there once', () => {
  for (const engine of ['virtual', 'threads'] as const)
    for (const smoke of [false, true])
      for (const profile of [XEON_2022, X5690]) {
        const cells = plan({}, { engine, smoke, profile });
        for (const cell of cells) assert.equal(check(cell), undefined, describeOptions(migration, cell));
        assert.equal(new Set(cells.map((cell) => describeOptions(migration, cell))).size, cells.length);
      }
});

test("every field of the simulator's options is stated in a cell's key, and its command line asks for that cell again", () => {
  const stated = new Set(migration.options.map(({ field }) => field));
  for (const field of Object.keys(defaults)) assert.ok(stated.has(field), `${field} is not in the key`);
  for (const cell of [...plan({}), ...plan({}, { profile: X5690 }), ...plan({}, { smoke: true })]) {
    assert.deepEqual(planWords(...commandLineOf(migration, cell)), [cell]);
  }
});

test("a key is one line of the options' own names", () => {
  const [cell] = planWords('-v', '16', '-b', '256M', '--bandwidth', '40GBit', '--downtime', '1ms', '--dirty-rate', '50000');
  assert.equal(
    describeOptions(migration, cell),
    'vcpus=16 memory=256M era=2022 write-protect=locked split=eager manual-protect=Y clear-chunk=4M backing=anonymous_hugetlb_2mb ept=Y dirty-rate=50000 random=Y ' +
      'bandwidth=40GBit downtime=1ms max-rounds=30 guest-seed=1',
  );
});

test('weight grows with memory, and with a rate that the link does not keep up with', () => {
  const [small, large, busy] = [[], ['-b', '256M'], ['--dirty-rate', '200000']].map((words) => migration.weight(planWords('-v', '4', ...words)[0]));
  assert.ok(large > 10 * small);
  assert.ok(busy > 2 * small);
});
