import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KvmConfig } from './kvm.js';
import type { KvmPlant } from './plants.js';
import { WRITE_PROTECTS } from './write-protect.js';
import { MigratedVm, type MigrationPlan } from './write-protect.kit.js';

const FOUR_PROCESSES: Partial<KvmConfig> = { ept: false, guest: { processCount: 4, leafLevel: 1 } };

function migrate(plan: MigrationPlan): MigratedVm {
  const vm = new MigratedVm(plan);
  vm.migrate();
  return vm;
}

describe('write protection', () => {
  for (const writeProtect of WRITE_PROTECTS) {
    describe(writeProtect, () => {
      it('loses no write of a guest that is migrated while it runs', () => {
        for (let seed = 1; seed <= 12; seed++) {
          const { engine } = migrate({ config: { writeProtect }, seed });
          assert.ok(engine.counters.sptesWriteProtected > 0);
          assert.ok(engine.counters.fastPageFaults > 0);
        }
      });

      it('loses none through shadow page tables of four processes, with rmaps of several sptes', () => {
        for (let seed = 1; seed <= 8; seed++) {
          const { engine } = migrate({ config: { writeProtect, ...FOUR_PROCESSES }, vcpus: 4, seed });
          assert.equal(engine.counters.fastPageFaults, 0);
          assert.ok(engine.counters.rmapDescsAllocated > 0);
        }
      });

      it('loses none while the quota recycles page tables', () => {
        for (let seed = 1; seed <= 8; seed++) {
          const config = { writeProtect, ...FOUR_PROCESSES, requestedMmuPages: 20 };
          const { engine } = migrate({ config, vcpus: 4, npages: 1100, accesses: 400, seed });
          assert.ok(engine.counters.mmuPagesRecycled > 0);
        }
      });

      it('loses none that goes through a large spte', () => {
        for (let seed = 1; seed <= 4; seed++) {
          const { engine } = migrate({ config: { writeProtect }, npages: 1024, accesses: 600, seed });
          assert.ok(engine.counters.hugeSptesDropped > 0);
        }
      });

      it('takes the same trace from the same seed', () => {
        const [first, second] = [1, 2].map(() => migrate({ config: { writeProtect }, seed: 5 }).engine.traceHash);
        assert.equal(first, second);
      });
    });
  }

  it('drops large sptes under the lock of 2013, and keeps them read-only without it', () => {
    const dropped = (writeProtect: KvmConfig['writeProtect']): number => {
      const vm = new MigratedVm({ config: { writeProtect }, npages: 512, accesses: 50, rounds: 0 });
      vm.enableAtRest();
      return vm.engine.counters.hugeSptesDropped;
    };
    assert.deepEqual(WRITE_PROTECTS.map(dropped), [1, 0, 0]);
  });

  it('takes no mmu_lock when it is lockless', () => {
    const locked = migrate({ config: { writeProtect: 'locked' } });
    const lockless = migrate({ config: { writeProtect: 'lockless' } });
    for (const site of ['get dirty log', 'enable dirty logging']) {
      assert.ok(locked.lockAcquisitions(site) > 0);
      assert.equal(lockless.lockAcquisitions(site), 0);
    }
    assert.ok(lockless.engine.counters.rmapEntriesLockless > 0);
  });

  it('frees page tables after a grace period while it walks without the lock, else at once', () => {
    const deferred = (writeProtect: KvmConfig['writeProtect']): number => {
      const config = { writeProtect, ...FOUR_PROCESSES, requestedMmuPages: 20 };
      return migrate({ config, vcpus: 4, npages: 1100, accesses: 200, rounds: 60 }).engine.counters.shadowPagesDeferred;
    };
    assert.equal(deferred('locked'), 0);
    assert.equal(deferred('root'), 0);
    assert.ok(deferred('lockless') > 0);
  });

  it('is what tracks dirty pages where EPT has no D bits, and PML does where it has', () => {
    const counters = (hasAdBits: boolean) => migrate({ config: { hasAdBits } }).engine.counters;
    const without = counters(false);
    const pml = counters(true);
    assert.deepEqual([without.dirtyAssists, without.pmlAppends], [0, 0]);
    assert.ok(without.sptesWriteProtected > 0);
    assert.ok(pml.pmlAppends > 0);
    assert.equal(pml.fastPageFaults, 0);
  });

  it('protects in a time that does not grow with the memory at the root, and pushes the protection down on faults', () => {
    const protectedAtEnable = (npages: number): number => {
      const vm = new MigratedVm({ config: { writeProtect: 'root', hostLevel: 1 }, npages, accesses: 3 * npages, rounds: 0 });
      vm.enableAtRest();
      return vm.engine.counters.sptesWriteProtected;
    };
    assert.equal(protectedAtEnable(64), 1);
    assert.equal(protectedAtEnable(1024), 1);
    assert.ok(migrate({ config: { writeProtect: 'root' } }).engine.counters.protectionsPushed > 0);
  });

  it('is refused where a policy is not made for it', () => {
    assert.throws(
      () => new MigratedVm({ config: { writeProtect: 'root', initiallyAllSet: true } }),
      /cannot write-protect by policy "root": current initially-all-set/,
    );
    assert.throws(() => new MigratedVm({ config: { writeProtect: 'root', wpFaultLock: 'read' } }), /expected write/);
  });

  it('works with any mmu_lock, and with none that costs anything', () => {
    for (const writeProtect of WRITE_PROTECTS) {
      const free = migrate({ config: { writeProtect, freeMmuLock: true } });
      assert.equal(free.lockAcquisitions('page fault'), 0);
    }
  });

  const PLANTS: [KvmPlant, MigrationPlan][] = [
    ['missed-flush', { config: { writeProtect: 'lockless' } }],
    ['fast-no-dirty', { config: { writeProtect: 'locked' } }],
    ['fast-fix-large', { config: { writeProtect: 'lockless' }, npages: 1024, accesses: 600 }],
  ];
  for (const [plant, plan] of PLANTS) {
    it(`fails with the planted bug "${plant}"`, () => {
      assert.throws(() => {
        for (let seed = 1; seed <= 20; seed++) migrate({ ...plan, config: { ...plan.config, plant }, seed });
      }, /version|not dirty/);
    });
  }
});
