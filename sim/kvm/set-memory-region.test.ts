import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockWords } from '../memory/heap.js';
import { ERAS } from './era.js';
import type { KvmConfig } from './kvm.js';
import { LOCK_SITE_NAMES, LockSite } from './lock-sites.js';
import type { MemoryRegion, Refusal } from './memory-region.js';
import { PLANS, planned, RegionKvm, region, STRUCTURES } from './memory-region.kit.js';
import { KVM_MEM_LOG_DIRTY_PAGES } from './memslot.js';
import { archWords } from './memslots.js';
import { changeUserMemoryRegions, setUserMemoryRegion } from './set-memory-region.js';
import { shadowMmu } from './shadow-mmu.js';
import { tdpMmu } from './tdp-mmu.js';

const MMUS = [shadowMmu, tdpMmu];
const LOG = KVM_MEM_LOG_DIRTY_PAGES;
const AWAY = 1024;

function set(t: RegionKvm, ...regions: MemoryRegion[]): Refusal | null {
  return t.exec(regions.length === 1 ? setUserMemoryRegion(t.kvm, t.ioctl, regions[0]) : changeUserMemoryRegions(t.kvm, t.ioctl, regions));
}

function expectSet(t: RegionKvm, ...regions: MemoryRegion[]): void {
  assert.equal(set(t, ...regions), null);
  t.check();
}

/** Both vCPUs write all pages of memslots 1, 2 and 3, in a pass each. */
function mapAll(t: RegionKvm): void {
  const passes = PLANS.slice(1).map(({ baseGfn, npages }) => ({ gfn: baseGfn, npages }));
  for (const span of passes) t.runGuests(...t.vcpus.map(({ cpu }) => t.touch(cpu.id, span)));
}

function mappedOfAll(t: RegionKvm): number[] {
  return [1, 2, 3].map((id) => t.mapped(id));
}

/** Changes, and the grace periods that they may take. */
const GRACE_PERIODS: Record<string, { regions: MemoryRegion[]; swaps: number }> = {
  create: { regions: [region(7, { gfn: AWAY, npages: 10, hva: 600 })], swaps: 1 },
  flags: { regions: [planned(1, { flags: LOG })], swaps: 1 },
  delete: { regions: [region(1, { npages: 0 })], swaps: 2 },
  move: { regions: [planned(1, { gfn: AWAY })], swaps: 2 },
  'a move that changes flags': { regions: [planned(1, { gfn: AWAY, flags: LOG })], swaps: 2 },
  'several creates and flags': { regions: [region(7, { gfn: AWAY, npages: 10, hva: 600 }), planned(1, { flags: LOG }), planned(2, { flags: LOG })], swaps: 1 },
  'one of each kind': {
    regions: [region(7, { gfn: 256, npages: 10, hva: 600 }), planned(2, { flags: LOG }), region(1, { npages: 0 }), planned(3, { gfn: AWAY })],
    swaps: 2,
  },
  nothing: { regions: [planned(1)], swaps: 0 },
};

for (const memslotStructure of STRUCTURES) {
  describe(`setUserMemoryRegion (${memslotStructure})`, () => {
    it('swaps the sets once, or twice where a memslot leaves', () => {
      for (const [what, { regions, swaps }] of Object.entries(GRACE_PERIODS)) {
        for (const lastUsed of ['shared', 'vcpu'] as const) {
          const t = new RegionKvm({ memslotStructure, lastUsed });
          mapAll(t);
          const generation = t.kvm.memslots.generation(t.ioctl);
          expectSet(t, ...regions);
          assert.equal(t.counters.srcuGracePeriods, swaps, what);
          assert.equal(t.kvm.memslots.generation(t.ioctl) - generation, swaps, what);
        }
      }
    });

    it('drops everything that is mapped, or with the quirk off the memslot alone', () => {
      for (const mmu of MMUS) {
        for (const leaving of [planned(3, { gfn: AWAY }), planned(3, { gfn: 520 })]) {
          for (const slotZapAll of [true, false]) {
            const t = new RegionKvm({ memslotStructure, mmu, slotZapAll });
            mapAll(t);
            assert.deepEqual(mappedOfAll(t), [64, 64, 100]);
            expectSet(t, leaving);
            assert.deepEqual(mappedOfAll(t), slotZapAll ? [0, 0, 0] : [64, 64, 0], mmu.name);
            assert.equal(t.counters.zapAlls, slotZapAll ? 1 : 0);
            mapAll(t); // what the memslot has left is MMIO, the rest is mapped again
            t.check();
            assert.deepEqual(mappedOfAll(t).slice(0, 2), [64, 64]);
          }
        }
      }
    });

    it('zaps once for all that leave together', () => {
      const t = new RegionKvm({ memslotStructure });
      mapAll(t);
      expectSet(t, region(1, { npages: 0 }), planned(2, { gfn: AWAY }), region(3, { npages: 0 }));
      assert.equal(t.counters.zapAlls, 1);
      assert.deepEqual(t.ids(), [0, 2]);
      mapAll(t);
      assert.equal(t.mapped(2), 0);
      assert.equal(t.counters.mmioExits, 2 * (64 + 64 + 100));
    });

    it('moves a memslot beside vCPUs, whose accesses to it become MMIO until it is back', () => {
      for (const mmu of MMUS) {
        for (const slotZapAll of [true, false]) {
          for (let seed = 1; seed <= 6; seed++) {
            const t = new RegionKvm({ memslotStructure, mmu, slotZapAll }, seed);
            const window = { gfn: 500, npages: 40 }; // a hole, and the first pages of memslot 3
            const guests = t.vcpus.map(({ cpu }) => t.touch(cpu.id, window, { stopAt: 1 }));
            t.beside(t.thenStop(movesAndBack(t, 4), 1), guests);
            t.check();
            assert.equal(t.counters.srcuGracePeriods, 16);
            const { mmioExits } = t.counters;
            assert.ok(mmioExits > 0);
            t.exec(t.thenStop(nothing(), 0));
            t.runGuests(t.touch(0, { gfn: 512, npages: 100 }));
            assert.equal(t.counters.mmioExits, mmioExits, 'the memslot is back');
            assert.equal(t.mapped(3), 100);
            t.check();
          }
        }
      }
    });

    it('goes back to the memslots as they were when there is no memory for rmaps', () => {
      for (const regions of [
        [planned(3, { gfn: AWAY })],
        [region(7, { gfn: AWAY, npages: 10, hva: 600 })],
        [region(1, { npages: 0 }), planned(2, { flags: LOG }), region(7, { gfn: 2000, npages: 500, hva: 600 }), planned(3, { gfn: AWAY })],
      ]) {
        const t = new RegionKvm({ memslotStructure, archRoom: 0 });
        mapAll(t);
        const before = t.memslots();
        const guests = t.vcpus.map(({ cpu }) => t.touch(cpu.id, { gfn: 512, npages: 100 }, { stopAt: 1 }));
        const refusal = t.beside(t.thenStop(changeUserMemoryRegions(t.kvm, t.ioctl, regions), 1), guests);
        assert.equal(refusal?.errno, 'ENOMEM');
        assert.deepEqual(t.memslots(), before);
        assert.equal(t.counters.srcuGracePeriods, regions.length === 1 && regions[0].slot === 7 ? 0 : 2);
        assert.equal(t.kvm.words[t.kvm.dirtyLoggingCount], 0);
        t.check();
        const { mmioExits } = t.counters;
        mapAll(t);
        assert.deepEqual(mappedOfAll(t), [64, 64, 100]);
        assert.equal(t.counters.mmioExits, mmioExits, 'no memslot is left invalid');
        expectSet(t, planned(1, { flags: LOG })); // and the next update finds nothing half done
        expectSet(t, region(3, { npages: 0 }));
        expectSet(t, planned(3)); // in the memory that the delete gave back
      }
    });

    it('gives back the rmaps of each place that a memslot leaves', () => {
      const t = new RegionKvm({ memslotStructure, archRoom: blockWords(archWords(100)) });
      for (let move = 0; move < 40; move++) {
        mapAll(t);
        expectSet(t, planned(3, { gfn: move % 2 === 0 ? AWAY + move : 512 }));
      }
      for (let round = 0; round < 20; round++) {
        expectSet(t, region(2, { npages: 0 }));
        mapAll(t);
        expectSet(t, planned(2));
      }
    });

    it('counts the memslots that log, whichever change sets or clears the flag', () => {
      const t = new RegionKvm({ memslotStructure });
      const steps: [MemoryRegion[], number][] = [
        [[planned(1, { flags: LOG })], 1],
        [[region(7, { gfn: AWAY, npages: 10, hva: 600, flags: LOG })], 2],
        [[region(7, { gfn: AWAY + 5, npages: 10, hva: 600, flags: LOG })], 2],
        [[region(7, { gfn: AWAY, npages: 10, hva: 600 })], 1],
        [[region(7, { gfn: AWAY + 5, npages: 10, hva: 600, flags: LOG })], 2],
        [[region(7, { npages: 0 })], 1],
        [[region(1, { npages: 0 })], 0],
        [[planned(1, { flags: LOG }), planned(2, { flags: LOG }), planned(3, { gfn: AWAY, flags: LOG })], 3],
        [[region(1, { npages: 0 }), planned(2), region(3, { npages: 0 })], 0],
      ];
      for (const [regions, expected] of steps) {
        expectSet(t, ...regions);
        assert.equal(t.kvm.words[t.kvm.dirtyLoggingCount], expected);
      }
      mapAll(t);
      assert.equal(t.counters.pmlAppends, 0, 'nothing logs any more');
    });

    it('takes the dirty pages of a memslot along when it moves', () => {
      for (const mmu of MMUS) {
        const t = new RegionKvm({ memslotStructure, mmu });
        expectSet(t, planned(3, { flags: LOG }));
        t.runGuests(t.touch(0, { gfn: 515, npages: 40 }));
        const written = Array.from({ length: 40 }, (_, page) => 3 + page);
        assert.deepEqual(t.dirtyPages(3), written);
        expectSet(t, planned(3, { gfn: AWAY, flags: LOG }));
        assert.deepEqual(t.dirtyPages(3), written);
        t.runGuests(t.touch(0, { gfn: AWAY + 90, npages: 10 }));
        assert.deepEqual(t.dirtyPages(3), [...written, ...Array.from({ length: 10 }, (_, page) => 90 + page)]);
        expectSet(t, planned(3, { gfn: 512 }));
        expectSet(t, planned(3, { flags: LOG }));
        assert.deepEqual(t.dirtyPages(3), [], 'logging that starts anew starts clean');
      }
    });

    it('loses no dirty page to a move beside a vCPU that writes', () => {
      for (let seed = 1; seed <= 5; seed++) {
        const t = new RegionKvm({ memslotStructure, initiallyAllSet: false }, seed);
        expectSet(t, planned(3, { flags: LOG }), planned(1, { flags: LOG }));
        const guests = t.vcpus.map(({ cpu }) => t.touch(cpu.id, { gfn: cpu.id === 0 ? 512 : 256, npages: 60 }, { passes: 3 }));
        t.beside(setUserMemoryRegion(t.kvm, t.ioctl, planned(3, { gfn: AWAY, flags: LOG })), guests);
        t.check();
        assert.equal(t.dirtyPages(1).length, 60);
        for (const page of t.dirtyPages(3)) assert.ok(page < 60);
      }
    });

    it('says that every page is dirty where logging starts that way', () => {
      const t = new RegionKvm({ memslotStructure, initiallyAllSet: true });
      expectSet(t, region(7, { gfn: AWAY, npages: 70, hva: 600, flags: LOG }));
      assert.equal(t.dirtyPages(7).length, 70);
      expectSet(t, planned(3, { gfn: 640, flags: LOG }));
      assert.equal(t.dirtyPages(3).length, 100);
    });
  });
}

describe('the quota of MMU pages', () => {
  const pages = 10_000;
  const big = region(7, { gfn: 4096, npages: pages, hva: 4096 });
  const total = PLANS.reduce((sum, { npages }) => sum + npages, 0);

  function quotaOf(t: RegionKvm): number {
    return t.kvm.words[t.kvm.maxMmuPages];
  }

  function resized(t: RegionKvm): number {
    const lock = t.engine.locks.stats.find(({ name }) => name === 'mmu_lock');
    const report = lock?.report(LOCK_SITE_NAMES).find(({ site }) => site === LOCK_SITE_NAMES[LockSite.mmuPageQuota]);
    return report?.acquisitions ?? 0;
  }

  it('follows the memslots: 2 % of their pages, and 64 at least', () => {
    const t = new RegionKvm({ archRoom: 2 * blockWords(archWords(pages)) });
    assert.equal(quotaOf(t), 64);
    expectSet(t, big);
    assert.equal(quotaOf(t), Math.floor((total + pages) / 50));
    expectSet(t, region(7, { gfn: 8192, npages: pages, hva: 4096 }));
    assert.equal(quotaOf(t), Math.floor((total + pages) / 50));
    expectSet(t, region(7, { npages: 0 }));
    assert.equal(quotaOf(t), 64);
  });

  it('stays as user space has set it', () => {
    const t = new RegionKvm({ archRoom: blockWords(archWords(pages)), requestedMmuPages: 77 });
    expectSet(t, big);
    assert.equal(quotaOf(t), 77);
    assert.equal(resized(t), 0);
  });

  it('was worked out at each commit in 2021, and later only when memslots come or go', () => {
    for (const [year, expected] of [
      ['2021', [1, 2, 3, 4]],
      ['2022', [1, 1, 1, 2]],
    ] as const) {
      const t = new RegionKvm({ era: ERAS[year] });
      const seen = [region(7, { gfn: AWAY, npages: 10, hva: 600 }), planned(1, { flags: LOG }), planned(2, { gfn: AWAY + 10 }), region(7, { npages: 0 })].map(
        (one) => {
          expectSet(t, one);
          return resized(t);
        },
      );
      assert.deepEqual(seen, expected, year);
    }
  });
});

describe('a zap of everything beside faults', () => {
  /** One page table each, and pages that have TLB entries of their own. */
  const spread = Array.from({ length: 30 }, (_, id) => ({ id, baseGfn: id * 512 + 2 * id, npages: 2, hvaPage: 1 + 2 * id }));

  function churn(changes: Partial<KvmConfig>, seed: number): RegionKvm {
    const t = new RegionKvm({ memslots: spread, maxMemslots: 64, tableCapacity: 200, ...changes }, seed);
    const guests = t.vcpus.map(({ cpu }) => touchAll(t, cpu.id));
    const last = spread[29];
    const at = (gfn: number) => region(29, { gfn, npages: 2, hva: last.hvaPage });
    function* moves() {
      for (let move = 0; move < 4; move++) assert.equal(yield* setUserMemoryRegion(t.kvm, t.ioctl, at(move % 2 === 0 ? 20_000 : last.baseGfn)), null);
    }
    t.beside(t.thenStop(moves(), 1), guests);
    return t;
  }

  /** Two pages of each memslot in turn, until stopped. */
  function* touchAll(t: RegionKvm, id: number) {
    while (t.kvm.words[t.kvm.stopWord] === 0) for (const { baseGfn } of spread) yield* t.touch(id, { gfn: baseGfn, npages: 2 });
  }

  it('leaves no vCPU with a translation or a table of before', () => {
    let breaks = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const t = churn({}, seed);
      t.check();
      breaks += t.counters.lockBreaks;
    }
    assert.ok(breaks > 0, 'no fault came between two batches');
  });

  it('ends where faults recycle the pages that it is about to zap', () => {
    let recycled = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const t = churn({ requestedMmuPages: 32 }, seed);
      t.check();
      recycled += t.counters.mmuPagesRecycled;
    }
    assert.ok(recycled > 0);
  });
});

function* movesAndBack(t: RegionKvm, loops: number) {
  for (let loop = 0; loop < loops; loop++) {
    assert.equal(yield* setUserMemoryRegion(t.kvm, t.ioctl, planned(3, { gfn: AWAY })), null);
    assert.equal(yield* setUserMemoryRegion(t.kvm, t.ioctl, planned(3)), null);
  }
}

function* nothing(): Generator<void, void, void> {}
