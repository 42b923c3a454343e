import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../errors.js';
import { type GivenOptions, SUITES } from '../suites/index.js';
import { type PlannedCell, type PlanOptions, planSuite } from './plan.js';

const OPTIONS: PlanOptions = { engine: 'virtual', smoke: true, sets: [], seeds: [1], timeScale: 1 };

async function plan(name: string, given: GivenOptions, options: Partial<PlanOptions> = {}): Promise<PlannedCell[]> {
  const suite = SUITES.find((candidate) => candidate.name === name);
  assert.ok(suite, name);
  return planSuite(suite, given, { ...OPTIONS, ...options });
}

function hostsOf(cells: readonly PlannedCell[]): string[] {
  return [...new Set(cells.map(({ machine }) => machine.record.name))];
}

const BOTH = ['x86-2s48c-2024', 'ampereone-2024'];

test('the published tables of a post with two hosts are planned for both, and equal cells of them have two keys', async () => {
  const cells = await plan('demand-paging', {});
  assert.deepEqual(hostsOf(cells), BOTH);
  assert.equal(new Set(cells.map(({ key }) => key)).size, cells.length);
  const shmem = cells.filter(({ options }) => options.backing === 'shmem');
  const [x86, arm64] = BOTH.map((host) => shmem.filter(({ machine }) => machine.record.name === host));
  assert.deepEqual(
    x86.map(({ options }) => options),
    arm64.map(({ options }) => options),
  );
  assert.match(x86[0].key, / profile=x86-2s48c-2024 /);
  assert.match(arm64[0].key, / profile=ampereone-2024 /);
});

test('options, a profile or real threads make it one host', async () => {
  assert.deepEqual(hostsOf(await plan('demand-paging', { vcpus: [2] })), [BOTH[0]]);
  assert.deepEqual(hostsOf(await plan('demand-paging', {}, { engine: 'threads' })), [BOTH[0]]);
  const onArm64 = await plan('demand-paging', {}, { profile: BOTH[1] });
  assert.deepEqual(hostsOf(onArm64), [BOTH[1]]);
  assert.ok(onArm64.every(({ options }) => options.backing === 'shmem'));
});

test('a cell that the simulator refuses is a usage error', async () => {
  await assert.rejects(plan('demand-paging', { uffd: ['minor'] }), (error: unknown) => error instanceof UsageError && /minor faults/.test(error.message));
});
