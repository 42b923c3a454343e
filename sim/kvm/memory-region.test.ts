import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PAGE_BYTES } from '../units.js';
import type { Errno, MemoryRegion } from './memory-region.js';
import { MAX_MEMSLOTS, PLANS, planned, RegionKvm, region, STRUCTURES } from './memory-region.kit.js';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEMSLOT_INVALID } from './memslot.js';
import { changeUserMemoryRegions, setUserMemoryRegion, setUserMemoryRegions } from './set-memory-region.js';
import { MAX_PAYLOAD } from './spte.js';

/** What KVM_SET_USER_MEMORY_REGION refuses, by what is wrong with it. */
const REFUSED: Record<string, { region: MemoryRegion; errno: Errno }> = {
  'an unaligned guest address': { region: { ...planned(1), guestPhysAddr: 256 * PAGE_BYTES + 512 }, errno: 'EINVAL' },
  'an unaligned size': { region: { ...planned(1), memorySize: 64 * PAGE_BYTES - 1 }, errno: 'EINVAL' },
  'an unaligned user address': { region: { ...planned(1), userspaceAddr: 100 * PAGE_BYTES + 8 }, errno: 'EINVAL' },
  'an unaligned user address of a delete': { region: { ...region(1, { npages: 0 }), userspaceAddr: 8 }, errno: 'EINVAL' },
  'a negative address': { region: { ...planned(1), guestPhysAddr: -PAGE_BYTES }, errno: 'EINVAL' },
  'an address beyond whole numbers': { region: { ...planned(1), guestPhysAddr: 2 ** 60 }, errno: 'EINVAL' },
  'an id at the limit': { region: region(MAX_MEMSLOTS, { gfn: 1000, npages: 1, hva: 1 }), errno: 'EINVAL' },
  'a negative id': { region: region(-1, { gfn: 1000, npages: 1, hva: 1 }), errno: 'EINVAL' },
  'half an id': { region: region(1.5, { gfn: 1000, npages: 1, hva: 1 }), errno: 'EINVAL' },
  'another size': { region: planned(1, { npages: 63 }), errno: 'EINVAL' },
  'another size and place': { region: planned(1, { gfn: 1000, npages: 65 }), errno: 'EINVAL' },
  'another user address': { region: planned(1, { hva: 101 }), errno: 'EINVAL' },
  'an unknown flag': { region: planned(1, { flags: 2 }), errno: 'EINVAL' },
  "KVM's own flag": { region: planned(1, { flags: KVM_MEMSLOT_INVALID }), errno: 'EINVAL' },
  'a delete of nothing': { region: region(7, { npages: 0 }), errno: 'EINVAL' },
  'more pages than are simulated': { region: region(7, { gfn: 1000, npages: MAX_PAYLOAD, hva: 1 }), errno: 'EINVAL' },
  'more pages than a memslot may have': { region: region(7, { gfn: 0, npages: 2 ** 31, hva: 0 }), errno: 'EINVAL' },
  'a create on the last page of another': { region: region(7, { gfn: 319, npages: 1, hva: 600 }), errno: 'EEXIST' },
  'a create on the first page of another': { region: region(7, { gfn: 500, npages: 13, hva: 600 }), errno: 'EEXIST' },
  'a create around another': { region: region(7, { gfn: 255, npages: 66, hva: 600 }), errno: 'EEXIST' },
  'a create inside another': { region: region(7, { gfn: 520, npages: 2, hva: 600 }), errno: 'EEXIST' },
  'a move onto another': { region: planned(1, { gfn: 383 }), errno: 'EEXIST' },
  'a move onto its neighbour and itself': { region: planned(1, { gfn: 257 }), errno: 'EEXIST' },
};

/** What the calls for several memslots refuse besides. */
const REFUSED_TOGETHER: Record<string, { regions: MemoryRegion[]; errno: Errno }> = {
  'a memslot named twice': { regions: [planned(1, { flags: 1 }), planned(1)], errno: 'EINVAL' },
  'a memslot deleted and created': { regions: [region(1, { npages: 0 }), planned(1)], errno: 'EINVAL' },
  'two creates on each other': {
    regions: [region(7, { gfn: 1000, npages: 10, hva: 600 }), region(8, { gfn: 1009, npages: 1, hva: 700 })],
    errno: 'EEXIST',
  },
  'a long create over two short ones': {
    regions: [region(7, { gfn: 1000, npages: 1, hva: 600 }), region(8, { gfn: 990, npages: 50, hva: 700 }), region(9, { gfn: 1030, npages: 1, hva: 800 })],
    errno: 'EEXIST',
  },
  'a create on a memslot whose flags change': { regions: [planned(1, { flags: 1 }), region(7, { gfn: 300, npages: 1, hva: 600 })], errno: 'EEXIST' },
  'a create on a memslot that is named but stays': { regions: [planned(1), region(7, { gfn: 300, npages: 1, hva: 600 })], errno: 'EEXIST' },
  'a move onto where another moves': { regions: [planned(1, { gfn: 1000 }), planned(2, { gfn: 1063 })], errno: 'EEXIST' },
  'one good change before a bad one': { regions: [planned(1, { flags: 1 }), region(7, { gfn: 512, npages: 1, hva: 600 })], errno: 'EEXIST' },
  'one good change before a senseless one': { regions: [region(3, { npages: 0 }), planned(1, { npages: 63 })], errno: 'EINVAL' },
};

for (const memslotStructure of STRUCTURES) {
  describe(`checks of a memory region (${memslotStructure})`, () => {
    it('refuse with the errno of KVM, and change no word of the VM', () => {
      for (const [what, { region, errno }] of Object.entries(REFUSED)) {
        const t = new RegionKvm({ memslotStructure });
        const before = t.kvm.words.slice();
        const calls = [() => setUserMemoryRegion(t.kvm, t.ioctl, region), () => changeUserMemoryRegions(t.kvm, t.ioctl, [region])];
        for (const call of calls) {
          const refusal = t.exec(call());
          assert.equal(refusal?.errno, errno, what);
          assert.match(refusal.message, new RegExp(`^${errno}: `));
          assert.deepEqual(t.kvm.words, before, what);
        }
        assert.equal(t.counters.memslotUpdates + t.counters.srcuGracePeriods, 0, what);
      }
    });

    it('of several regions refuse all when one is wrong', () => {
      for (const [what, { regions, errno }] of Object.entries(REFUSED_TOGETHER)) {
        const t = new RegionKvm({ memslotStructure });
        const before = t.kvm.words.slice();
        assert.equal(t.exec(changeUserMemoryRegions(t.kvm, t.ioctl, regions))?.errno, errno, what);
        assert.deepEqual(t.kvm.words, before, what);
      }
    });

    it('let a region through that changes nothing, without an update', () => {
      const t = new RegionKvm({ memslotStructure });
      const before = t.kvm.words.slice();
      assert.equal(t.exec(setUserMemoryRegion(t.kvm, t.ioctl, planned(1))), null);
      assert.equal(t.exec(changeUserMemoryRegions(t.kvm, t.ioctl, [planned(1), planned(3)])), null);
      assert.equal(t.exec(changeUserMemoryRegions(t.kvm, t.ioctl, [])), null);
      const all = PLANS.map(({ id }) => planned(id));
      assert.equal(t.exec(setUserMemoryRegions(t.kvm, t.ioctl, all)), null);
      assert.deepEqual(t.kvm.words, before);
    });

    it('allow what touches but does not overlap, a move over itself, and the last id', () => {
      const t = new RegionKvm({ memslotStructure });
      for (const one of [
        region(7, { gfn: 384, npages: 128, hva: 600 }), // fills the hole exactly
        region(MAX_MEMSLOTS - 1, { gfn: MAX_PAYLOAD - 1, npages: 1, hva: 800 }),
        planned(3, { gfn: 513 }),
        planned(3, { gfn: 512, flags: KVM_MEM_LOG_DIRTY_PAGES }),
      ]) {
        assert.equal(t.exec(setUserMemoryRegion(t.kvm, t.ioctl, one)), null);
        t.check();
      }
      assert.deepEqual(t.ids(), [0, 1, 2, 7, 3, MAX_MEMSLOTS - 1]);
      assert.deepEqual(t.kvm.regionOf(3), planned(3, { flags: KVM_MEM_LOG_DIRTY_PAGES }));
    });

    it('let a memslot take the gfns that others leave in the same change', () => {
      const t = new RegionKvm({ memslotStructure });
      const swapped = [planned(1, { gfn: 320 }), planned(2, { gfn: 256 })];
      assert.equal(t.exec(changeUserMemoryRegions(t.kvm, t.ioctl, swapped)), null);
      assert.deepEqual(t.ids(), [0, 2, 1, 3]);
      t.check();
      for (const regions of [
        [region(7, { gfn: 500, npages: 50, hva: 600 }), region(3, { npages: 0 })], // the create is named first
        [region(2, { npages: 0 }), region(8, { gfn: 250, npages: 70, hva: 700 })],
      ]) {
        assert.equal(t.exec(changeUserMemoryRegions(t.kvm, t.ioctl, regions)), null);
        t.check();
      }
      assert.deepEqual(t.ids(), [0, 8, 1, 7]);
    });

    it('find the difference to a whole new set', () => {
      const t = new RegionKvm({ memslotStructure });
      const kept = [planned(0), planned(2, { flags: KVM_MEM_LOG_DIRTY_PAGES }), planned(3, { gfn: 200 }), region(9, { gfn: 300, npages: 20, hva: 600 })];
      assert.equal(t.exec(setUserMemoryRegions(t.kvm, t.ioctl, kept)), null);
      assert.deepEqual(t.ids(), [0, 3, 9, 2]); // 1 is gone; 3 lies where it was in part
      assert.deepEqual(
        kept.map(({ slot }) => t.kvm.regionOf(slot)),
        kept,
      );
      assert.equal(t.counters.memslotUpdates, 4);
      t.check();
      assert.equal(t.exec(setUserMemoryRegions(t.kvm, t.ioctl, [])), null);
      assert.deepEqual(t.ids(), []);
      t.check();
      assert.equal(t.exec(setUserMemoryRegions(t.kvm, t.ioctl, [planned(1), planned(1)]))?.errno, 'EINVAL');
    });
  });
}
