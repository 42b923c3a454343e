// Demand paging on real threads: vCPUs that sleep for a page, readers that are woken for it, and nobody left behind.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { DemandPagingOptions } from './cell.js';
import { loadProfile } from './profile.js';
import { closePools, runDemandPagingThreads } from './run-suite-threads.js';
import { runDemandPagingVirtual } from './run-virtual.js';

const PAGES = 128;
const BASE: DemandPagingOptions = {
  vcpus: 2,
  vcpuBytes: PAGES * 4096,
  backing: 'shmem',
  uffd: 'minor',
  singleUffd: true,
  readers: 1,
  kvmUserfault: false,
  overlap: false,
  readerWait: 'epoll',
  asyncPf: 'off',
  vmaLocks: false,
  guestSeed: 1,
  delayUs: 0,
  preallocate: true,
  recovery: 'none',
};

const CELLS: Partial<DemandPagingOptions>[] = [
  { uffd: 'none', readers: 0 },
  {},
  { readers: 2, readerWait: 'poll' },
  { readers: 2, singleUffd: false, vmaLocks: true },
  { uffd: 'missing', backing: 'anonymous', preallocate: false, delayUs: 5 },
  { kvmUserfault: true },
  { kvmUserfault: true, uffd: 'none', readers: 0 },
  { vcpus: 4, overlap: true, readers: 3, readerWait: 'epoll-exclusive' },
  { vcpus: 4, overlap: true, readers: 3, readerWait: 'poll' },
];

const profile = loadProfile('x86-2s48c-2024');

describe('runDemandPagingThreads', () => {
  after(closePools);

  for (const changes of CELLS) {
    it(`brings every page once, as in virtual time: ${JSON.stringify(changes)}`, async () => {
      const options = { ...BASE, ...changes };
      const virtual = runDemandPagingVirtual(options, { profile, seed: 1 });
      for (let repetition = 0; repetition < 3; repetition++) {
        const threads = await runDemandPagingThreads(options, { profile, seed: 1, timeScale: 0 });
        assert.equal(threads.stateHash, virtual.stateHash);
        assert.equal(threads.counters.hostPagesInstalled, options.vcpus * PAGES);
        assert.deepEqual(
          threads.values?.map(({ metric }) => metric),
          virtual.values?.map(({ metric }) => metric),
        );
        assert.equal(threads.validity?.perWorker.length, options.vcpus);
      }
    });
  }
});
