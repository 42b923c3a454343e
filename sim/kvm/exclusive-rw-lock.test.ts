import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERAS } from './era.js';
import { MigratedVm } from './write-protect.kit.js';

describe('mmu_lock', () => {
  it('of 2013 keeps a reader out while another CPU reads, and one of later eras does not', () => {
    for (const [year, excludes] of [
      ['2013', true],
      ['2022', false],
    ] as const) {
      const { kvm, engine } = new MigratedVm({ config: { era: ERAS[year] } });
      const [first, second] = engine.cpus;
      let most = 0;
      let inside = 0;
      const reads = (cpu: typeof first) =>
        (function* () {
          if (kvm.mmuLock.readLock(cpu, 0)) yield;
          kvm.mmuLock.assertHeldForRead(cpu);
          most = Math.max(most, ++inside);
          cpu.spend(10_000_000);
          if (cpu.touch(kvm.stopWord)) yield;
          inside--;
          if (kvm.mmuLock.readUnlock(cpu)) yield;
        })();
      engine.runGang([first, second].map((cpu) => ({ cpu, path: reads(cpu) })));
      assert.equal(most, excludes ? 1 : 2);
    }
  });
});
