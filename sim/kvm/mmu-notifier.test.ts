import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KernelPath } from '../engine/cpu.js';
import { ERAS } from './era.js';
import type { KvmConfig } from './kvm.js';
import { LOCK_SITE_NAMES, LockSite } from './lock-sites.js';
import { madviseDontneed } from './madvise.js';
import { PLANS, planned, RegionKvm, region, STRUCTURES } from './memory-region.kit.js';
import { invalidateRangeEnd, invalidateRangeStart, mmuNotifierRetry } from './mmu-notifier.js';
import { setUserMemoryRegion } from './set-memory-region.js';
import { shadowMmu } from './shadow-mmu.js';
import { tdpMmu } from './tdp-mmu.js';

const [, ONE, TWO, THREE] = PLANS;

function touchAll(t: RegionKvm, { baseGfn, npages }: { baseGfn: number; npages: number }): void {
  t.runGuests(t.touch(0, { gfn: baseGfn, npages }));
}

function lockedByNotifier(t: RegionKvm): number {
  const lock = t.engine.locks.stats.find(({ name }) => name === 'mmu_lock');
  return lock?.report(LOCK_SITE_NAMES).find(({ site }) => site === LOCK_SITE_NAMES[LockSite.mmuNotifier])?.acquisitions ?? 0;
}

/** Both vCPUs write the memslots whose host pages are dropped, in pieces of different sizes, and over and over. */
function race(changes: Partial<KvmConfig>, plan: { seed: number; wrap?: (t: RegionKvm, path: KernelPath) => KernelPath }): RegionKvm {
  const t = new RegionKvm(changes, plan.seed);
  function* drops(): KernelPath {
    for (let round = 0; round < 12; round++) {
      const count = [1, 7, 32, 100][round % 4];
      for (let first = 0; first < 100; first += count) {
        yield* madviseDontneed(t.kvm, t.ioctl, t.host, { first: THREE.hvaPage + first, count: Math.min(count, 100 - first) });
        if (count === 1 && first > 20) break;
      }
    }
  }
  const guests = t.vcpus.map(({ cpu }) => t.touch(cpu.id, { gfn: THREE.baseGfn, npages: THREE.npages }, { stopAt: 1 }));
  const path = plan.wrap === undefined ? drops() : plan.wrap(t, drops());
  t.beside(t.thenStop(path, 1), guests);
  return t;
}

/** Wherever another CPU may look, no invalidation is in progress and none has ever been: mmuNotifierRetry() is false. */
function* forgetful({ kvm }: RegionKvm, path: KernelPath): KernelPath {
  const forget = () => kvm.words.fill(0, kvm.invalidateSeq, kvm.invalidateInProgress + 1);
  for (let step = path.next(); step.done !== true; step = path.next()) {
    forget();
    yield;
  }
  forget();
}

for (const memslotStructure of STRUCTURES) {
  describe(`mmu notifier (${memslotStructure})`, () => {
    it('lets no fault map a page that the host has dropped', () => {
      for (const mmu of [shadowMmu, tdpMmu]) {
        for (const year of ['2021', '2022'] as const) {
          if (year === '2022' && memslotStructure === 'array-hva-tree') continue; // later eras look up without mmu_lock
          let retries = 0;
          for (let seed = 1; seed <= 5; seed++) {
            const t = race({ memslotStructure, mmu, era: ERAS[year] }, { seed });
            t.check();
            assert.equal(t.kvm.words[t.kvm.invalidateInProgress], 0);
            assert.ok(t.counters.hostFaults > 0);
            retries += t.counters.faultRetries;
          }
          assert.ok(retries > 0, `${mmu.name}, ${year}: no fault raced`);
        }
      }
    });

    it('drops what maps the range and no more, in each memslot that it backs', () => {
      const t = new RegionKvm({ memslotStructure });
      assert.equal(t.exec(setUserMemoryRegion(t.kvm, t.ioctl, region(7, { gfn: 700, npages: 30, hva: THREE.hvaPage + 10 }))), null); // an alias
      for (const at of [ONE, TWO, THREE, { baseGfn: 700, npages: 30 }]) touchAll(t, at);
      t.exec(madviseDontneed(t.kvm, t.ioctl, t.host, { first: THREE.hvaPage + 5, count: 10 }));
      assert.deepEqual(
        [1, 2, 3, 7].map((id) => t.mapped(id)),
        [64, 64, 90, 25],
      );
      assert.equal(t.counters.hostPagesDropped, 10);
      t.check();
      t.exec(madviseDontneed(t.kvm, t.ioctl, t.host, { first: 0, count: 2000 }));
      assert.deepEqual(
        [1, 2, 3, 7].map((id) => t.mapped(id)),
        [0, 0, 0, 0],
      );
      t.check();
    });

    it('follows a memslot that has moved', () => {
      const t = new RegionKvm({ memslotStructure });
      assert.equal(t.exec(setUserMemoryRegion(t.kvm, t.ioctl, planned(3, { gfn: 1024 }))), null);
      touchAll(t, { baseGfn: 1024, npages: 100 });
      t.exec(madviseDontneed(t.kvm, t.ioctl, t.host, { first: THREE.hvaPage, count: 40 }));
      assert.equal(t.mapped(3), 60);
      t.check();
    });
  });
}

describe('mmu notifier', () => {
  it('is what keeps faults from it: where none retries, some seed maps a dropped page', () => {
    for (const mmu of [shadowMmu, tdpMmu]) {
      let found = 0;
      for (let seed = 1; seed <= 10; seed++) {
        try {
          race({ mmu }, { seed, wrap: forgetful }).check();
        } catch (error) {
          assert.match((error as Error).message, /which the host has dropped/);
          found++;
        }
      }
      assert.ok(found > 0, mmu.name);
    }
  });

  it('took mmu_lock for a range that backs no memslot in 2021, and does not since', () => {
    const hole = { first: 500, count: 10 };
    for (const [year, expected] of [
      ['2021', 2],
      ['2022', 0],
    ] as const) {
      const t = new RegionKvm({ era: ERAS[year] });
      t.exec(madviseDontneed(t.kvm, t.ioctl, t.host, hole));
      assert.equal(lockedByNotifier(t), expected, year);
      t.exec(madviseDontneed(t.kvm, t.ioctl, t.host, { first: ONE.hvaPage, count: 1 }));
      assert.equal(lockedByNotifier(t), expected + 2, year);
    }
  });

  it('makes faults retry in its range, or anywhere in 2021; and all that began before its end', () => {
    for (const [year, elsewhere] of [
      ['2021', true],
      ['2022', false],
    ] as const) {
      const t = new RegionKvm({ era: ERAS[year] });
      const [vcpu] = t.vcpus;
      const retries = (page: number) => mmuNotifierRetry(t.kvm, vcpu, page);
      const small = { first: ONE.hvaPage, last: ONE.hvaPage + 9 };
      const large = { first: ONE.hvaPage + 20, last: ONE.hvaPage + 29 };
      assert.equal(retries(ONE.hvaPage), false);
      t.exec(invalidateRangeStart(t.kvm, t.ioctl, small));
      assert.deepEqual([ONE.hvaPage - 1, ONE.hvaPage, ONE.hvaPage + 9, ONE.hvaPage + 10].map(retries), [elsewhere, true, true, elsewhere]);
      t.exec(invalidateRangeStart(t.kvm, t.ioctl, large)); // the hull of both
      assert.deepEqual([ONE.hvaPage - 1, ONE.hvaPage, ONE.hvaPage + 15, ONE.hvaPage + 30].map(retries), [elsewhere, true, true, elsewhere]);
      t.exec(invalidateRangeEnd(t.kvm, t.ioctl, large, true));
      assert.equal(retries(ONE.hvaPage + 63), true, 'the sequence has changed');
      vcpu.invalidateSeq = t.kvm.words[t.kvm.invalidateSeq];
      assert.equal(retries(ONE.hvaPage), true, 'one is still in progress');
      t.exec(invalidateRangeEnd(t.kvm, t.ioctl, small, true));
      vcpu.invalidateSeq = t.kvm.words[t.kvm.invalidateSeq];
      assert.equal(retries(ONE.hvaPage), false);
    }
  });

  it('ends what it began, whatever has become of the memslot between', () => {
    for (const year of ['2021', '2022'] as const) {
      const t = new RegionKvm({ era: ERAS[year] });
      const range = { first: ONE.hvaPage, last: ONE.hvaPage };
      const begun = t.exec(invalidateRangeStart(t.kvm, t.ioctl, range));
      assert.equal(begun, true);
      t.exec(setUserMemoryRegion(t.kvm, t.ioctl, { ...t.kvm.regionOf(ONE.id), memorySize: 0 }));
      t.exec(invalidateRangeEnd(t.kvm, t.ioctl, range, begun));
      assert.equal(t.kvm.words[t.kvm.invalidateInProgress], 0, year);
    }
  });

  it('prefetches the neighbours that the host has, within the memslot, where the era did', () => {
    const t = new RegionKvm({ era: ERAS['2021'] });
    t.exec(madviseDontneed(t.kvm, t.ioctl, t.host, { first: ONE.hvaPage + 5, count: 1 }));
    t.runGuests(t.touch(0, { gfn: ONE.baseGfn + 3, npages: 1 }));
    assert.equal(t.mapped(1), 5, 'of eight, 5 is missing, and there the kernel ends its run of pages');
    t.check();
    const later = new RegionKvm({ era: ERAS['2022'] });
    later.runGuests(later.touch(0, { gfn: ONE.baseGfn + 3, npages: 1 }));
    assert.equal(later.mapped(1), 1);
  });
});
