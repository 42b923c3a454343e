import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunOutcome, WriteProtectOptions } from './cell.js';
import { loadProfile } from './profile.js';
import { runScenarioVirtual, runWriteProtectVirtual } from './run-virtual.js';
import { writeProtectScenario } from './write-protect.js';
import { checkWriteProtectOptions, DEFAULT_WRITE_PROTECT } from './write-protect-options.js';

const MIB = 2 ** 20;
const profile = loadProfile('x5690-2013');
const SMALL: WriteProtectOptions = { ...DEFAULT_WRITE_PROTECT, vcpus: 4, vcpuBytes: 2 * MIB, notifierRate: 8000, periodNs: 2e6 };
const WAYS = ['locked', 'lockless', 'root'] as const;

function run(changes: Partial<WriteProtectOptions> = {}, seed = 1): RunOutcome {
  return runWriteProtectVirtual({ ...SMALL, ...changes }, { profile, seed });
}

function metricOf(outcome: RunOutcome, metric: string): number {
  const found = outcome.values?.find((value) => value.metric === metric);
  assert.ok(found !== undefined, `no ${metric}`);
  return found.value;
}

describe('what the RFC claims, as ratios in virtual time', () => {
  it('64 vCPUs write 4 KiB mappings under lockless protection as if mmu_lock cost nothing; under the lock they stand still', () => {
    // One window for all three, in which they have the same ioctls at the same times; each ioctl ends before the next is due.
    const same = { vcpus: 64, vcpuBytes: 8 * MIB, passes: 1, periodNs: 8e6, computeNs: 3000 } as const;
    const [locked, lockless, free] = [{ writeProtect: 'locked' }, { writeProtect: 'lockless' }, { writeProtect: 'lockless', mmuLock: 'free' }].map((way) =>
      run({ ...same, ...way } as Partial<WriteProtectOptions>),
    );
    const ratio = (one: RunOutcome, metric: string): number => metricOf(one, metric) / metricOf(free, metric);
    for (const metric of ['writes_per_second_beside_ioctl', 'vcpu_writes_per_second', 'write_faults']) {
      assert.ok(Math.abs(ratio(lockless, metric) - 1) < 0.1, `${metric}: lockless is ${ratio(lockless, metric)} of a free lock`);
    }
    assert.ok(ratio(locked, 'writes_per_second_beside_ioctl') < 0.8, `locked is ${ratio(locked, 'writes_per_second_beside_ioctl')} of a free lock`);
    assert.ok(metricOf(locked, 'stall_max') > 20 * metricOf(lockless, 'stall_max'), 'a vCPU waits for the whole memslot');
    assert.ok(metricOf(locked, 'mmu_lock_wait_share') > 20 * metricOf(lockless, 'mmu_lock_wait_share'));
    assert.ok(metricOf(locked, 'host_page_change') > 2 * metricOf(lockless, 'host_page_change'), 'the mmu notifier waits too');
  });

  it('2 MiB mappings gain little: their faults take mmu_lock, whoever protected them', () => {
    const [lockless, free] = (['real', 'free'] as const).map((mmuLock) => run({ backing: 'anonymous_hugetlb_2mb', vcpus: 16, notifierRate: 100, mmuLock }));
    assert.ok(metricOf(lockless, 'vcpu_writes_per_second') < 0.8 * metricOf(free, 'vcpu_writes_per_second'));
    assert.ok(metricOf(lockless, 'mmu_lock_wait_share') > 0.1);
    assert.equal(metricOf(free, 'mmu_lock_wait_share'), 0);
  });

  it('protection at the root makes the ioctl short, and leaves the work to faults', () => {
    const [locked, root] = (['locked', 'root'] as const).map((writeProtect) => run({ writeProtect, vcpuBytes: 8 * MIB, periodNs: 4e6 }));
    assert.ok(metricOf(root, 'protect_slot') < 0.2 * metricOf(locked, 'protect_slot'));
    assert.ok(metricOf(root, 'fault_share') > metricOf(locked, 'fault_share'));
  });
});

describe('a write-protect cell', () => {
  for (const writeProtect of WAYS) {
    it(`finds every write in the log, and keeps the invariants: ${writeProtect}`, () => {
      for (const ept of [true, false]) {
        for (const backing of ['anonymous', 'anonymous_hugetlb_2mb'] as const) {
          const outcome = run({ writeProtect, ept, backing, randomAccess: true });
          assert.ok(metricOf(outcome, 'write_faults') > 0);
          assert.ok(outcome.counters.hostPagesChanged > 0);
        }
      }
    });
  }

  it('has the same window for every way to protect, one period before the first ioctl and one after the last', () => {
    for (const writeProtect of WAYS) {
      const window = run({ writeProtect }).times[0].ns;
      assert.ok(window >= 4 * SMALL.periodNs && window < 4.2 * SMALL.periodNs, `${writeProtect}: ${window} ns`);
    }
  });

  it('ends when the last ioctl has, back to back', () => {
    const outcome = run({ periodNs: 0, passes: 3 });
    const ioctlsNs = metricOf(outcome, 'protect_slot') + 3 * metricOf(outcome, 'get_dirty_log');
    assert.ok(outcome.times[0].ns >= ioctlsNs && outcome.times[0].ns < 1.5 * ioctlsNs);
  });

  it('says nothing of host pages that do not change', () => {
    const outcome = run({ notifierRate: 0 });
    assert.equal(outcome.counters.hostPagesChanged, 0);
    assert.ok(outcome.values?.every(({ metric }) => metric !== 'host_page_change'));
  });

  it('splits what vCPUs lose into shares of their time', () => {
    const outcome = run({ ept: false, vcpus: 8 });
    const [faults, waits] = ['fault_share', 'mmu_lock_wait_share'].map((metric) => metricOf(outcome, metric));
    assert.ok(faults > 0 && waits > faults && faults + waits < 1, 'shadow paging: faults queue for mmu_lock');
    assert.equal(outcome.stalls[0].count, metricOf(outcome, 'write_faults'));
    assert.ok(metricOf(outcome, 'stall_p50') <= metricOf(outcome, 'stall_p99'));
  });

  it('gives the same numbers for the same seed', () => {
    assert.deepEqual(run({}, 7), run({}, 7));
    assert.notEqual(run({}, 8).traceHash, run({}, 7).traceHash);
  });

  it('fails when the log misses a write', () => {
    const options = { ...SMALL, vcpuBytes: 2 ** 17, periodNs: 2e5, notifierRate: 0 };
    const protect = (plant?: 'missed-flush') => runScenarioVirtual(writeProtectScenario(options, plant), { profile, seed: 1 });
    protect();
    assert.throws(() => protect('missed-flush'), /a write is lost/);
  });
});

describe('checkWriteProtectOptions', () => {
  it('names what it refuses', () => {
    const refused: [Partial<WriteProtectOptions>, RegExp][] = [
      [{ vcpus: 0 }, /vCPUs/],
      [{ vcpuBytes: MIB, backing: 'anonymous_hugetlb_2mb' }, /multiple of 2097152, the host's page/],
      [{ vcpus: 128, vcpuBytes: 2 ** 30 }, /64 GiB/],
      [{ passes: 0 }, /^Cannot read the dirty log 0 times/],
      [{ notifierRate: -1 }, /host pages per second/],
      [{ periodNs: 1e12 }, /^Cannot start an ioctl every/],
    ];
    for (const [changes, reason] of refused) assert.match(checkWriteProtectOptions({ ...SMALL, ...changes }) ?? '', reason);
    assert.equal(checkWriteProtectOptions(SMALL), undefined);
  });
});
