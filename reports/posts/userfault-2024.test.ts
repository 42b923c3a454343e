import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRecord } from '../../bench/results/index.js';
import { fidelityOf } from '../fidelity.js';
import { allCells, type ComparisonCell, comparePosts, isPublishedShape, recordsInTables } from '../match.js';
import { fixtureRate, pagingRecord, userfaultFixture } from '../userfault.fixture.js';
import { USERFAULT_2024 } from './userfault-2024.js';

const RATE = 'per_vcpu_demand_paging_rate';

function compare(records: readonly ResultRecord[]) {
  return comparePosts(records)[2];
}

/** The cells that some records answer, as "arch memory userfaultfds mode vcpus". */
function answered(records: readonly ResultRecord[]): string[] {
  const cells = allCells(compare(records).tables).filter(({ simulated }) => simulated !== undefined);
  return cells.map(({ published: { fields } }) => [fields.arch, fields.memory, fields.userfaultfds, fields.mode, fields.vcpus].join(' '));
}

function run(options: ResultRecord['options'], arch = 'x86'): ResultRecord {
  return pagingRecord(options, { arch, metrics: { [RATE]: fixtureRate(1000) } });
}

test('all 69 cells are answered, each host by its profile, with a limit of its own', () => {
  const comparison = compare(userfaultFixture(({ fields }) => (fields.arch === 'x86' ? 1.05 : 1.2)));
  const { all, subsets } = fidelityOf(comparison);
  assert.deepEqual([all.cells, all.measured], [69, 69]);
  assert.deepEqual(
    subsets.map(({ name, limit, cells }) => [name, limit, cells]),
    [
      ['x86', 1.1, 42],
      ['arm64', 1.12, 27],
    ],
  );
  assert.equal(comparison.post.limits.worst, 1.4);
  const profiles = (arch: string) =>
    new Set(allCells(comparison.tables).flatMap(({ published, simulated }) => (published.fields.arch === arch ? simulated?.record.profile.name : [])));
  assert.deepEqual([...profiles('x86'), ...profiles('arm64')], ['x86-2s48c-2024', 'ampereone-2024']);
});

test('each way to catch and resolve a fault answers its own column', () => {
  assert.deepEqual(answered([run({ vcpus: 8, readers: 1 })]), ['x86 shmem single MINOR (single reader) 8']);
  assert.deepEqual(answered([run({ vcpus: 8, readers: 8 })]), ['x86 shmem single MINOR 8']);
  assert.deepEqual(answered([run({ vcpus: 8, readers: 3 })]), []);
  assert.deepEqual(answered([run({ vcpus: 8, singleUffd: false, readers: 1 }, 'arm64')]), ['arm64 shmem multiple MINOR 8']);
  assert.deepEqual(answered([run({ vcpus: 8, singleUffd: false, readers: 8 })]), []);
  assert.deepEqual(answered([run({ vcpus: 64, backing: 'anonymous', uffd: 'missing', readers: 64, kvmUserfault: true })]), [
    'x86 anonymous single MISSING + KVM UF 64',
  ]);
  assert.deepEqual(answered([run({ vcpus: 64, backing: 'anonymous', uffd: 'minor' })]), []);
});

test('without userfaultfd one run stands in the tables of one and of several', () => {
  const both = ['x86 shmem single no userfault 2', 'x86 shmem multiple no userfault 2'];
  for (const singleUffd of [true, false]) assert.deepEqual(answered([run({ uffd: 'none', singleUffd })]), both);
  const records = [run({ uffd: 'none', kvmUserfault: true })];
  assert.deepEqual(answered(records), ['x86 shmem single KVM UF 2', 'x86 shmem multiple KVM UF 2']);
  assert.equal(recordsInTables(compare(records).tables).size, 1);
});

test('with KVM Userfault any number of readers will do, and one for each vCPU is preferred', () => {
  const readersOf = (cell: ComparisonCell | undefined) => cell?.simulated?.record.options.readers;
  const [one, four, each] = [1, 4, 8].map((readers) => run({ vcpus: 8, readers, kvmUserfault: true }));
  const cellOf = (records: readonly ResultRecord[]) => allCells(compare(records).tables).find(({ simulated }) => simulated !== undefined);
  assert.equal(readersOf(cellOf([one])), 1);
  assert.equal(readersOf(cellOf([one, four, each])), 8);
  assert.equal(readersOf(cellOf([each, four, one])), 8);
});

test('the page cache has to be preallocated, which with MINOR it always is', () => {
  const shape = (options: ResultRecord['options']) => isPublishedShape(run(options), USERFAULT_2024);
  assert.ok(shape({ uffd: 'none' }));
  assert.ok(!shape({ uffd: 'none', preallocate: false }));
  assert.ok(shape({ uffd: 'minor', preallocate: false }));
  assert.ok(shape({ backing: 'anonymous', uffd: 'missing', preallocate: false }));
});

test('whatever the post did not run answers none of its cells', () => {
  const others: ResultRecord['options'][] = [
    { vcpuBytes: 4096 },
    { overlap: true },
    { delayUs: 1 },
    { recovery: 'eager' },
    { asyncPf: 'user' },
    { readerWait: 'poll' },
    { vmaLocks: false },
    { backing: 'guest_memfd' },
    { backing: 'anonymous_thp' },
  ];
  for (const options of others) assert.deepEqual(answered([run(options)]), [], JSON.stringify(options));
  assert.deepEqual(answered([{ ...run({}), engine: 'threads' }]), []);
  assert.deepEqual(answered([{ ...run({}), profile: { name: 'skylake-2s48c', hash: 'x', overrides: [] } }]), []);
  assert.deepEqual(answered([pagingRecord({}, { metrics: { [RATE]: fixtureRate(1) }, overrides: ['wake=-10%'] })]), []);
});
