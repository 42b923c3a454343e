import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memslotSwap } from './memslot-swap.js';
import { itFinds, itHolds, itNeedsStoreBuffers } from './protocol.kit.js';

/** The claims that each planted bug may break: by which schedule comes first. */
const BREAKS: Record<string, string[]> = {
  'no-grace-period': ['read-section'],
  'one-grace-index': ['read-section'],
  'zap-before-invalid': ['unmapped'],
  'stale-last-used': ['read-section'],
  'srcu-no-fence': ['read-section'],
};

describe('memslot-swap', () => {
  itHolds(memslotSwap, 'holds in every schedule of one vCPU', {}, 1554);
  itHolds(memslotSwap, 'holds with two vCPUs, in all schedules of at most one preemption', { vcpus: 2, scheduler: 'bounded', bound: 1 });
  itHolds(memslotSwap, 'holds under store buffers, in random schedules', { memoryOrder: 'tso', scheduler: 'random', schedules: 2000 });

  it('says of each plant what it breaks', () => {
    assert.deepEqual(Object.keys(BREAKS).sort(), memslotSwap.plants.map(({ name }) => name).sort());
  });

  for (const [plant, claims] of Object.entries(BREAKS)) itFinds(memslotSwap, plant, claims);
  itNeedsStoreBuffers(memslotSwap);
});
