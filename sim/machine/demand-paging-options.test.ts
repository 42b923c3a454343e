import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DemandPagingOptions } from './cell.js';
import { checkDemandPagingOptions, DEFAULT_DEMAND_PAGING } from './demand-paging-options.js';

const MIB = 2 ** 20;
const SMALL = { ...DEFAULT_DEMAND_PAGING, vcpus: 64, vcpuBytes: 64 * MIB };
const MINOR: Partial<DemandPagingOptions> = { backing: 'shmem', uffd: 'minor', preallocate: true };

function check(changes: Partial<DemandPagingOptions>): string | undefined {
  return checkDemandPagingOptions({ ...SMALL, ...changes });
}

const GOOD: Partial<DemandPagingOptions>[] = [
  {},
  MINOR,
  { ...MINOR, preallocate: false },
  { ...MINOR, singleUffd: true, readers: 512, vcpus: 512 },
  { ...MINOR, singleUffd: true, overlap: true },
  { ...MINOR, kvmUserfault: true, asyncPf: 'user', delayUs: 30 },
  { uffd: 'missing', readers: 64, readerWait: 'poll' },
  { uffd: 'missing', backing: 'anonymous_thp' },
  { uffd: 'missing', backing: 'shmem' },
  { kvmUserfault: true },
  { backing: 'guest_memfd', kvmUserfault: true, overlap: true },
  { backing: 'guest_memfd' },
  { backing: 'shared_hugetlb_2mb', kvmUserfault: true, recovery: 'eager' },
  { backing: 'anonymous_thp', kvmUserfault: true, recovery: 'on-demand' },
  { vcpus: 1024 },
];

for (const changes of GOOD) test(`${JSON.stringify(changes)} is a cell`, () => assert.equal(check(changes), undefined));

test('what nothing else is said of is a cell', () => assert.equal(checkDemandPagingOptions(DEFAULT_DEMAND_PAGING), undefined));

const BAD: [Partial<DemandPagingOptions>, RegExp][] = [
  [{ uffd: 'minor' }, /^Cannot catch minor faults of anonymous memory: it has no page cache, expected shmem or shared_hugetlb_2mb, or missing faults$/],
  [{ uffd: 'minor', backing: 'anonymous_thp' }, /^Cannot catch minor faults of anonymous_thp memory/],
  [{ uffd: 'missing', backing: 'guest_memfd' }, /^Cannot register guest_memfd with a userfaultfd: current mode missing, expected KVM Userfault alone/],
  [{ uffd: 'minor', backing: 'guest_memfd' }, /^Cannot register guest_memfd with a userfaultfd: current mode minor/],
  [{ readers: 4 }, /^Cannot start 4 readers: current no userfaultfd, expected mode missing or minor/],
  [{ readerWait: 'poll' }, /^Cannot let readers wait by poll: current no userfaultfd/],
  [{ ...MINOR, readers: 0 }, /^Cannot start 0 readers for each userfaultfd: expected 1 to 4096$/],
  [{ ...MINOR, readers: 65 }, /^Cannot start 4160 readers, 65 for each of 64 userfaultfds: expected at most 4096 in all$/],
  [{ kvmUserfault: true, asyncPf: 'kernel' }, /^Cannot use KVM Userfault with the kernel's asynchronous page faults: current kernel, expected off, or user/],
  [{ asyncPf: 'kernel' }, /^Cannot use the kernel's asynchronous page faults: they are not simulated, expected off, or user with KVM Userfault$/],
  [{ asyncPf: 'user' }, /^Cannot let user space drive asynchronous page faults: current no KVM Userfault/],
  [
    { ...MINOR, overlap: true },
    /^Cannot give each vCPU its own userfaultfd: current 64 vCPUs that all touch the same memory \(overlap\), expected a single one$/,
  ],
  [{ vcpus: 0 }, /^Cannot run 0 vCPUs: expected 1 to 1024$/],
  [{ vcpus: 1025 }, /^Cannot run 1025 vCPUs/],
  [{ vcpuBytes: 4097 }, /^Cannot give each vCPU 4097 bytes of anonymous memory: expected a multiple of 4096$/],
  [{ vcpuBytes: 0 }, /^Cannot give each vCPU 0 bytes/],
  [{ vcpuBytes: MIB, backing: 'shared_hugetlb_2mb' }, /of shared_hugetlb_2mb memory: expected a multiple of 2097152$/],
  [{ vcpuBytes: 2048 * MIB }, /^Cannot simulate 128 GiB of guest memory: current limit 64 GiB, expected fewer vCPUs or less memory each$/],
  [{ delayUs: -1 }, /^Cannot delay each resolution by -1 us: expected 0 to/],
  [{ delayUs: 30 }, /^Cannot delay each resolution by 30 us: current faults that the kernel resolves, expected a userfaultfd or KVM Userfault$/],
  [{ ...MINOR, singleUffd: true, delayUs: 100_000 }, /^Cannot simulate about 104858 s of virtual time: current limit 4000 s, expected a shorter delay/],
  [{ preallocate: true }, /^Cannot preallocate the page cache of anonymous memory: it has none/],
  [{ ...MINOR, uffd: 'missing' }, /^Cannot catch missing faults of a preallocated page cache: no page is missing/],
  [{ recovery: 'eager', backing: 'anonymous_thp' }, /^Cannot recover huge mappings eager: current no KVM Userfault/],
  [
    { recovery: 'eager', kvmUserfault: true },
    /^Cannot recover huge mappings eager: current anonymous memory, which has none, expected anonymous_thp or shared_hugetlb_2mb$/,
  ],
  [{ uffd: 'wp' as 'missing' }, /^Cannot register a userfaultfd for wp faults: expected none, missing, minor$/],
  [{ backing: 'floppy' as 'shmem' }, /^Cannot back the guest with floppy: expected anonymous, /],
  [{ readerWait: 'select' as 'poll' }, /^Cannot let readers wait by select/],
  [{ asyncPf: 'both' as 'user' }, /^Cannot take page faults asynchronously by both/],
  [{ recovery: 'late' as 'eager' }, /^Cannot recover huge mappings late: expected none, eager, on-demand$/],
  [{ guestSeed: -1 }, /^Cannot seed the guests with -1/],
];

for (const [changes, reason] of BAD) {
  test(`${JSON.stringify(changes)} is refused with one line`, () => {
    const problem = check(changes) ?? '';
    assert.match(problem, reason);
    assert.ok(!problem.includes('\n'));
  });
}

test('several resolvers share what has to be waited for', () => {
  const delayed = { ...MINOR, singleUffd: true, delayUs: 10_000 };
  assert.match(check(delayed) ?? '', /^Cannot simulate about/);
  assert.equal(check({ ...delayed, readers: 64 }), undefined);
  assert.equal(check({ ...delayed, kvmUserfault: true }), undefined);
});
