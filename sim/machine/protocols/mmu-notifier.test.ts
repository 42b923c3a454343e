import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mmuNotifier } from './mmu-notifier.js';
import { itFinds, itHolds, itNeedsStoreBuffers } from './protocol.kit.js';

/** The claims that each planted bug may break: by which schedule comes first. */
const BREAKS: Record<string, string[]> = {
  'no-retry': ['spte', 'access'],
  'no-in-progress-check': ['spte', 'access'],
  'seq-at-start': ['spte', 'access'],
  'seq-read-late': ['spte', 'access'],
  'end-before-unmap': ['spte', 'access'],
  'no-flush': ['access'],
  'kick-before-request': ['access'],
  'entry-no-fence': ['access'],
};

describe('mmu-notifier', () => {
  itHolds(mmuNotifier, 'holds in every schedule of one vCPU', {}, 45);
  itHolds(mmuNotifier, 'holds in every schedule of one vCPU under store buffers', { memoryOrder: 'tso' });
  itHolds(mmuNotifier, 'holds with two vCPUs, in all schedules of at most one preemption', { vcpus: 2, scheduler: 'bounded', bound: 1 });

  it('says of each plant what it breaks', () => {
    assert.deepEqual(Object.keys(BREAKS).sort(), mmuNotifier.plants.map(({ name }) => name).sort());
  });

  for (const [plant, claims] of Object.entries(BREAKS)) itFinds(mmuNotifier, plant, claims);
  itNeedsStoreBuffers(mmuNotifier);
});
