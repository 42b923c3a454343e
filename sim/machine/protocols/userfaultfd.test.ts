import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { itFinds, itHolds, itNeedsStoreBuffers, PCT } from './protocol.kit.js';
import { userfaultfd } from './userfaultfd.js';

/** The claims that each planted bug may break: by which schedule comes first. */
const BREAKS: Record<string, string[]> = {
  'no-recheck': ['deadlock'],
  'late-prepare': ['deadlock'],
  'wake-before-install': ['deadlock', 'one-fault'],
  'no-refile-seq': ['deadlock'],
  'poll-lost-ready': ['deadlock'],
  'prepare-before-queue': ['deadlock'],
};

/** Those that all schedules of two vCPUs, or with store buffers, come to late. */
const LATE = ['poll-lost-ready', 'prepare-before-queue'];

describe('userfaultfd', () => {
  itHolds(userfaultfd, 'holds in every schedule of one vCPU', {}, 2433);
  itHolds(userfaultfd, 'holds with two vCPUs, in all schedules of at most one preemption', { vcpus: 2, scheduler: 'bounded', bound: 1 });
  itHolds(userfaultfd, 'holds under store buffers, in random schedules', { memoryOrder: 'tso', scheduler: 'random', schedules: 2000 });

  it('says of each plant what it breaks', () => {
    assert.deepEqual(Object.keys(BREAKS).sort(), userfaultfd.plants.map(({ name }) => name).sort());
  });

  for (const [plant, claims] of Object.entries(BREAKS)) itFinds(userfaultfd, plant, claims, LATE.includes(plant) ? PCT : {});
  itNeedsStoreBuffers(userfaultfd);
});
