import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { firstMemslot, testKvm } from './kvm.kit.js';
import { gfnToRmap } from './memslots.js';
import { slotRange } from './mmu.js';
import { needsDesc, pteListAdd, pteListCount, pteListGet, pteListRemove } from './rmap.js';

describe('the rmap list', () => {
  it('holds what a list holds, whatever is added and removed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(39)), { maxLength: 200 }), (steps) => {
        const { kvm, cpu } = testKvm();
        const head = gfnToRmap(kvm.words, firstMemslot(kvm), slotRange(kvm, firstMemslot(kvm)).start, 1);
        const oracle = new Set<number>();
        for (const [add, n] of steps) {
          const sptep = 1000 + n;
          if (add && !oracle.has(sptep)) {
            const needed = oracle.size > 0 && needsDesc(kvm, cpu, head);
            const before = cpu.counters.rmapDescsAllocated;
            pteListAdd(kvm, cpu, head, sptep);
            assert.equal(cpu.counters.rmapDescsAllocated - before, needed ? 1 : 0);
            oracle.add(sptep);
          } else if (!add && oracle.delete(sptep)) pteListRemove(kvm, cpu, head, sptep);
          assert.equal(pteListCount(kvm, cpu, head), oracle.size);
        }
        const listed = Array.from({ length: oracle.size }, (_, i) => pteListGet(kvm, cpu, head, i));
        assert.deepEqual(new Set(listed), oracle);
        assert.equal(pteListGet(kvm, cpu, head, oracle.size), 0);
      }),
      { numRuns: 60 },
    );
  });

  it('fails loudly when asked to remove what is not there', () => {
    const { kvm, cpu } = testKvm();
    const head = gfnToRmap(kvm.words, firstMemslot(kvm), slotRange(kvm, firstMemslot(kvm)).start, 1);
    assert.throws(() => pteListRemove(kvm, cpu, head, 1234), /not on its rmap/);
    pteListAdd(kvm, cpu, head, 1000);
    pteListAdd(kvm, cpu, head, 1001);
    assert.throws(() => pteListRemove(kvm, cpu, head, 1234), /not on its rmap/);
  });

  it('uses no descriptor for a single spte', () => {
    const { kvm, cpu } = testKvm();
    pteListAdd(kvm, cpu, gfnToRmap(kvm.words, firstMemslot(kvm), slotRange(kvm, firstMemslot(kvm)).start, 1), 1000);
    assert.equal(cpu.counters.rmapDescsAllocated, 0);
  });
});
