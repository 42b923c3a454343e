import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEMSLOT_TESTS, type MemslotsOptions } from './cell.js';
import { checkMemslotsOptions, DEFAULT_MEMSLOTS } from './memslots-options.js';

function check(changes: Partial<MemslotsOptions>): string | undefined {
  return checkMemslotsOptions({ ...DEFAULT_MEMSLOTS, ...changes });
}

const GOOD: Partial<MemslotsOptions>[] = [
  {},
  { test: 'map', slots: 8194 },
  ...MEMSLOT_TESTS.filter((name) => name !== 'map' && name !== 'share').map((name) => ({ test: name, slots: 32_764 })),
  { memslots: 'array', maxSlots: 509 },
  { test: 'share', vcpus: 64, slots: 65 },
  { test: 'zap', vcpus: 64 },
  { test: 'batch', call: 'change-regions', changes: 508 },
  { slots: 2 },
  { seconds: 0.25 },
];

for (const changes of GOOD) test(`${JSON.stringify(changes)} is a cell`, () => assert.equal(check(changes), undefined));

const BAD: [Partial<MemslotsOptions>, RegExp][] = [
  [{ test: 'map', slots: 8195 }, /^Cannot run test map: current 8195 slots, expected at most 8194 for this test$/],
  [{ slots: 32_765 }, /current 32765 slots, expected at most 32764 \(KVM_CAP_NR_MEMSLOTS; .* EINVAL/],
  [{ maxSlots: 40_000 }, /current 40000 slots, expected at most 32764/],
  [{ slots: 510, memslots: 'array', maxSlots: 509 }, /current 510 slots in a kernel built for 509 \(array\), expected at most 509 or a larger --max-slots/],
  [{ slots: 1 }, /current 1 slots, expected at least 2/],
  [{ slots: 2.5 }, /current 2.5 slots/],
  [{ test: 'move-active', slots: 2 }, /^Cannot run test move-active: current 2 slots, expected at least 3/],
  [{ test: 'share', vcpus: 64, slots: 10 }, /^Cannot run test share: current 9 memslots/],
  [{ test: 'unmap', vcpus: 2 }, /^Cannot run test unmap with several vCPUs: current 2, expected 1/],
  [{ test: 'zap', vcpus: 0 }, /current 0 vCPUs, expected 1 to 1024/],
  [{ loops: -1 }, /current -1 loops/],
  [{ seconds: 0 }, /current 0 s for all iterations, expected more than 0 .*test setup/],
  [{ seconds: Number.NaN }, /current NaN s/],
  [{ test: 'batch', slots: 10 }, /^Cannot change the flags of 10 memslots at once: current 9 memslots .* expected 1 to 9 changes/],
  [{ test: 'map', changes: 3 }, /^Cannot choose the changes of test map: current 3, expected 10/],
  [{ test: 'map', call: 'set-regions' }, /^Cannot choose the call of test map: current set-regions, expected one-by-one/],
  [{ test: 'walk' as MemslotsOptions['test'] }, /^Cannot run test walk: expected map, unmap, /],
  [{ memslots: 'list' as MemslotsOptions['memslots'] }, /^Cannot keep memslots in list: expected array, tree, /],
  [{ call: 'ioctl' as MemslotsOptions['call'] }, /^Cannot change memslots by ioctl/],
];

for (const [changes, reason] of BAD) {
  test(`${JSON.stringify(changes)} is refused with one line`, () => {
    const problem = check(changes) ?? '';
    assert.match(problem, reason);
    assert.ok(!problem.includes('\n'));
  });
}

test('changes and calls are no matter of tests that do not change several memslots at once', () => {
  assert.equal(check({ test: 'map', slots: 5 }), undefined);
});
