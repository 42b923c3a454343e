// The same kernel source under both engines: where the outcome does not depend on order, it must be the same.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { MIB, testOptions } from '../kvm/kvm.kit.js';
import type { DirtyLogOptions } from './cell.js';
import { loadProfile } from './profile.js';
import { closePools, runDirtyLogThreads } from './run-suite-threads.js';
import { runDirtyLogVirtual } from './run-virtual.js';

const profile = loadProfile('intel-2s48c-2022');

/** Work whose counts do not depend on who comes first: each vCPU has its own huge pages. */
const INDEPENDENT = [
  'readFaults',
  'writeFaults',
  'sptesMapped',
  'hugePagesSplit',
  'splitSptes',
  'dirtyBitsSet',
  'rmapAdds',
  'sptesCollapsed',
  'mmuPagesAllocated',
  'guestReads',
  'guestWrites',
  'pmlAppends',
] as const;

const CELLS: Partial<DirtyLogOptions>[] = [
  { split: 'lazy', initiallyAllSet: false },
  { split: 'eager', initiallyAllSet: true },
  { split: 'eager', ept: false, guestPageBytes: 2 * MIB, writeEvery: 5 },
  { split: 'on-fault', ept: false, guestPageBytes: 2 * MIB },
  { split: 'eager', ept: false, guestPageBytes: 2 * MIB, wpFaultLock: 'read' },
  { split: 'lazy', mmu: 'tdp', initiallyAllSet: false },
  { split: 'eager', mmu: 'tdp', writeEvery: 3 },
  { split: 'eager', randomAccess: true, writePercent: 40 },
];

describe('virtual and threads engine', () => {
  after(closePools);

  for (const changes of CELLS) {
    it(`agree on the final state: ${JSON.stringify(changes)}`, async () => {
      const options = testOptions(changes);
      const virtual = runDirtyLogVirtual(options, { profile, seed: 1 });
      const threads = await runDirtyLogThreads(options, { profile, seed: 1, timeScale: 0 });
      assert.equal(threads.stateHash, virtual.stateHash);
      // Faults of the TDP MMU run side by side: one that lost a race is taken again, and the table that it had made is given back.
      const counted = (counters: Record<string, number>, name: string): number => {
        if (name === 'writeFaults') return counters.writeFaults - counters.tdpCmpxchgFailures;
        if (name === 'mmuPagesAllocated') return counters.mmuPagesAllocated - (options.mmu === 'tdp' ? counters.mmuPagesFreed : 0);
        return counters[name];
      };
      for (const name of INDEPENDENT) assert.equal(counted(threads.counters, name), counted(virtual.counters, name), name);
    });
  }

  it('keep the invariants where order matters: shared pages, vCPUs beside the ioctls', async () => {
    for (const changes of [
      { overlap: true, vcpus: 4, split: 'lazy' as const, initiallyAllSet: false },
      { concurrent: true, split: 'eager' as const, ept: false, guestPageBytes: 2 * MIB, writeEvery: 5 },
      { concurrent: true, split: 'eager' as const, mmu: 'tdp' as const, writeEvery: 5, runWhileDisabling: true },
      { overlap: true, vcpus: 4, split: 'lazy' as const, mmu: 'tdp' as const, initiallyAllSet: false },
    ]) {
      const outcome = await runDirtyLogThreads(testOptions(changes), { profile, seed: 1, timeScale: 0 });
      assert.ok(outcome.times.length > 0);
      assert.ok(outcome.validity && outcome.validity.perWorker.length === (changes.vcpus ?? 2));
    }
  });
});
