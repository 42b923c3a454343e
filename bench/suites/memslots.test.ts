import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../errors.js';
import { memslots } from './memslots.js';
import { type CellOptions, commandLineOf, describeOptions, type Engine, type GivenOptions, type SuiteOption } from './suite.js';

const { defaults, check } = await memslots.load();

function plan(given: GivenOptions, { engine = 'virtual' as Engine, smoke = false, note = (_line: string): void => undefined } = {}): CellOptions[] {
  return memslots.plan(given, { engine, smoke, defaults, profile: memslots.profile, note });
}

/** What these words of a command line give. */
function parse(...words: readonly string[]): GivenOptions {
  const given: GivenOptions = {};
  for (let i = 0; i < words.length; i++) {
    const option = memslots.options.find(({ long, letter }) => words[i] === `--${long}` || words[i] === `-${letter}`) as SuiteOption;
    assert.ok(option, `no option ${words[i]}`);
    const text = option.value === undefined ? '' : words[++i];
    if (option.field !== undefined) given[option.field] = option.parse?.(text) ?? [];
  }
  return given;
}

const PUBLISHED_NAMES = {
  Map: 'map',
  Unmap: 'unmap',
  'Unmap 2M': 'unmap-chunked',
  'Move active': 'move-active',
  'Move inactive': 'move-inactive',
  'Slot setup': 'setup',
};

test('each of the 66 published cells is one cell, with one vCPU, the quirk, a shared last-used slot and the kernel of its structure', () => {
  const cells = plan({});
  const answersOf = (name: string, slots: number, structure: string): CellOptions[] =>
    cells.filter((cell) => cell.test === name && cell.slots === slots && cell.memslots === structure);
  let published = 0;
  for (const name of Object.values(PUBLISHED_NAMES)) {
    const most = name === 'map' ? 8194 : 32_764;
    for (const [structure, slots] of [
      ...[509, 100, 50, 30, 10].flatMap(
        (slots) =>
          [
            ['array', slots],
            ['tree', slots],
          ] as const,
      ),
      ['tree', most] as const,
    ]) {
      const answers = answersOf(name, slots, structure);
      assert.equal(answers.length, 1, `${name} ${slots} ${structure}`);
      assert.deepEqual(
        [answers[0].vcpus, answers[0].zapAll, answers[0].lastUsed, answers[0].maxSlots],
        [1, true, 'shared', structure === 'array' ? 509 : 32_764],
      );
      published++;
    }
    // What the post could not measure.
    assert.deepEqual(
      answersOf(name, most, 'array').map(({ maxSlots }) => maxSlots),
      [32_764],
    );
  }
  assert.equal(published, 66);
});

test('the published run asks every question, and no cell twice', () => {
  const cells = plan({});
  const countOf = (name: string): number => cells.filter((cell) => cell.test === name).length;
  assert.deepEqual(['rw', 'flags', 'batch', 'zap', 'share', 'readers'].map(countOf), [2, 16, 27, 6, 8, 4]);
  assert.equal(cells.length, 66 + 6 + (36 + 3 + 6) + 2 + 16 + 27 + 6 + 8 + 4);
  assert.equal(new Set(cells.map((cell) => describeOptions(memslots, cell))).size, cells.length);
});

test('every planned cell passes the simulator, on both engines', () => {
  for (const cell of [...plan({}), ...plan({}, { smoke: true }), ...plan({}, { engine: 'threads' }), ...plan({}, { engine: 'threads', smoke: true })])
    assert.equal(check(cell), undefined, describeOptions(memslots, cell));
});

test('the smoke matrix has every test, structure and call, with few slots', () => {
  const smoke = plan({}, { smoke: true });
  const valuesOf = (cells: CellOptions[], field: string): unknown[] => [...new Set(cells.map((cell) => cell[field]))].sort();
  for (const field of ['test', 'memslots', 'call', 'lastUsed', 'zapAll']) assert.deepEqual(valuesOf(smoke, field), valuesOf(plan({}), field), field);
  assert.ok(smoke.every(({ slots, loops, vcpus }) => Number(slots) <= 10 && loops === 1 && Number(vcpus) <= 2));
});

test("the selftest's command line runs its tests by index", () => {
  const cells = plan(parse('-s', '509', '-f', '1', '-e', '2', '-l', '5'));
  assert.deepEqual(
    cells.map((cell) => [cell.test, cell.slots, cell.seconds, cell.zapAll]),
    [
      ['unmap', 509, 5, true],
      ['unmap-chunked', 509, 5, true],
    ],
  );
  assert.ok(cells.every((cell) => !('firstTest' in cell) && !('lastTest' in cell)));
  assert.deepEqual(
    plan(parse('-f', '5')).map((cell) => cell.test),
    ['rw'],
  );
  assert.deepEqual(
    plan(parse('-e', '0', '-q')).map((cell) => [cell.test, cell.zapAll]),
    [['map', false]],
  );
  assert.throws(() => plan(parse('-f', '2', '-e', '1')), UsageError);
  assert.throws(() => plan(parse('-f', '2', '--test', 'map')), UsageError);
});

test('tests with too high a slot count are left out with a note, as the selftest does; alone or in words they are refused with the maximum', () => {
  const notes: string[] = [];
  const cells = plan(parse('-s', '32764'), { note: (line) => notes.push(line) });
  assert.deepEqual(
    cells.map((cell) => cell.test),
    ['unmap', 'unmap-chunked', 'move-active', 'move-inactive', 'rw'],
  );
  assert.deepEqual(notes, ['Memslot count too high for test map, which is left out: decrease the cap (max is 8194)']);
  for (const words of [
    ['-s', '8195', '-e', '0'],
    ['-s', '8195', '--test', 'map,unmap'],
  ]) {
    const [cell] = plan(parse(...words));
    assert.match(check(cell) ?? '', /expected at most 8194 for this test/);
  }
  assert.match(check(plan(parse('-s', '40000'))[0]) ?? '', /EINVAL/);
});

test('-1 is the most slots that the simulator has nothing against', () => {
  for (const cell of plan(parse('-s', '-1', '--test', 'map,unmap,unmap-chunked,move-active,move-inactive,rw,setup,flags,batch,zap,share'))) {
    assert.equal(check(cell), undefined, describeOptions(memslots, cell));
    assert.ok(check({ ...cell, slots: Number(cell.slots) + 1 }), `${cell.test} could have more than ${cell.slots}`);
  }
  assert.deepEqual(
    plan(parse('-s', '-1', '--test', 'unmap', '--max-slots', '509')).map(({ slots }) => slots),
    [509],
  );
});

test('the kernel that a structure needs is built for it unless said otherwise', () => {
  const kernels = plan(parse('--test', 'unmap', '-s', '509,510', '--memslots', 'array,array-hva-tree,tree'));
  assert.deepEqual(
    kernels.map(({ maxSlots }) => maxSlots),
    [509, 509, 32_764, 32_764, 32_764, 32_764],
  );
  assert.deepEqual(
    plan(parse('-e', '0', '--memslots', 'array', '--max-slots', '1000')).map(({ maxSlots }) => maxSlots),
    [1000],
  );
});

test('options choose the tests that they are about, and others do not take them', () => {
  const testsOf = (...words: string[]): unknown[] => [...new Set(plan(parse(...words)).map((cell) => cell.test))];
  assert.deepEqual(testsOf('--call', 'set-regions'), ['batch']);
  assert.deepEqual(testsOf('--changes', '3'), ['batch']);
  assert.deepEqual(testsOf('--vcpus', '8'), ['zap', 'share']);
  const [map, ...zaps] = plan(parse('--test', 'map,zap', '--vcpus', '2,4'));
  assert.deepEqual([map.vcpus, ...zaps.map(({ vcpus }) => vcpus)], [1, 2, 4]);
  assert.match(check(plan(parse('--test', 'map', '--vcpus', '2'))[0]) ?? '', /with several vCPUs/);
  assert.match(check(plan(parse('--test', 'map', '--call', 'set-regions'))[0]) ?? '', /Cannot choose the call of test map/);
});

test('share has a memslot for each vCPU where no slots are given', () => {
  assert.deepEqual(
    plan(parse('--test', 'share', '--vcpus', '8,16')).map(({ slots }) => slots),
    [9, 17],
  );
});

test("every field of the simulator's options is stated in a cell's key, and its command line asks for that cell again", () => {
  const stated = new Set(memslots.options.filter(({ planOnly }) => planOnly !== true).map(({ field }) => field));
  for (const field of Object.keys(defaults)) assert.ok(stated.has(field), `${field} is not in the key`);
  for (const cell of plan({})) assert.deepEqual(plan(parse(...commandLineOf(memslots, cell))), [cell]);
});

test("a key is one line of the options' own names", () => {
  const [cell] = plan(parse('-e', '0'));
  assert.equal(
    describeOptions(memslots, cell),
    'test=map slots=509 memslots=tree max-slots=32764 vcpus=1 mmu=shadow loops=0 length=5 slot-setup=Y zap-all=Y last-used=shared changes=10 call=one-by-one',
  );
});

test('the letters of the selftest are each bound once', () => {
  const letters = memslots.options.flatMap(({ letter }) => letter ?? []);
  assert.equal([...letters].sort().join(''), 'deflqrsv');
});

test('weight grows with what an array scans, and hardly with what a tree holds', () => {
  const weights = plan(parse('--test', 'unmap', '--memslots', 'array,tree', '-s', '10,32764')).map((cell) => memslots.weight(cell));
  const [arrayFew, arrayMany, treeFew, treeMany] = weights;
  assert.ok(arrayMany > 20 * arrayFew && treeMany < 2 * treeFew);
  assert.ok(plan({}).every((cell) => memslots.weight(cell) > 0));
});
