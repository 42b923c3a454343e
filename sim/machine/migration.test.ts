import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MigrationOptions, RunOutcome } from './cell.js';
import { migrationScenario } from './migration.js';
import { checkMigrationOptions, DEFAULT_MIGRATION } from './migration-options.js';
import { loadProfile } from './profile.js';
import { runMigrationVirtual, runScenarioVirtual } from './run-virtual.js';

const MIB = 2 ** 20;
const profile = loadProfile('intel-2s48c-2022');
const SMALL: MigrationOptions = { ...DEFAULT_MIGRATION, vcpus: 2, vcpuBytes: 4 * MIB };
const OF_2013 = { era: '2013', split: 'lazy', manualProtect: false } as const satisfies Partial<MigrationOptions>;
const PAGES = (2 * 4 * MIB) / 4096;

function run(changes: Partial<MigrationOptions> = {}, seed = 1): RunOutcome {
  return runMigrationVirtual({ ...SMALL, ...changes }, { profile, seed });
}

function metricOf(outcome: RunOutcome, metric: string): number {
  const found = outcome.values?.find((value) => value.metric === metric);
  assert.ok(found !== undefined, `no ${metric}`);
  return found.value;
}

describe('a pre-copy migration', () => {
  it('copies every write, whatever tracks them', () => {
    for (const ept of [true, false]) {
      for (const backing of ['anonymous', 'anonymous_hugetlb_2mb'] as const) {
        for (const split of ['lazy', 'eager'] as const) {
          for (const manualProtect of [true, false]) {
            const outcome = run({ ept, backing, split, manualProtect, dirtyRate: 100_000 });
            assert.ok(metricOf(outcome, 'pages_sent') > PAGES, `${backing} ${split}: all pages and those written since`);
          }
        }
      }
    }
  });

  for (const writeProtect of ['locked', 'lockless', 'root'] as const) {
    it(`copies every write in the kernel of 2013, with write protection ${writeProtect}`, () => {
      for (const ept of [true, false]) {
        for (const backing of ['anonymous', 'anonymous_hugetlb_2mb'] as const) {
          const outcome = run({ ...OF_2013, writeProtect, ept, backing, dirtyRate: 100_000 });
          assert.ok(metricOf(outcome, 'write_faults') > 0, 'without PML writes are noticed by faults');
        }
      }
    });
  }

  it('converges where the link is faster than the guest writes, and keeps the downtime', () => {
    const outcome = run({ dirtyRate: 10_000 });
    assert.equal(metricOf(outcome, 'converged'), 1);
    assert.ok(metricOf(outcome, 'rounds') < DEFAULT_MIGRATION.maxRounds);
    assert.ok(metricOf(outcome, 'downtime') < 1.2 * DEFAULT_MIGRATION.downtimeNs);
  });

  it('ends after the rounds that it may take where the guest writes faster, and says so', () => {
    const outcome = run({ dirtyRate: 500_000, maxRounds: 3 });
    assert.equal(metricOf(outcome, 'converged'), 0);
    assert.equal(metricOf(outcome, 'rounds'), 4);
    assert.ok(metricOf(outcome, 'downtime') > DEFAULT_MIGRATION.downtimeNs);
  });

  it('sends each page once when nobody writes after the first of it', () => {
    const outcome = run({ dirtyRate: 1, maxRounds: 5 });
    assert.ok(metricOf(outcome, 'pages_sent') <= PAGES + 8);
    assert.equal(metricOf(outcome, 'rounds'), 2);
  });

  it('clears the log chunk by chunk, right before pages are sent', () => {
    const clears = (clearChunkBytes: number) => {
      const outcome = run({ clearChunkBytes, dirtyRate: 1 });
      return outcome.locks.find(({ lock, site }) => lock === 'slots_lock' && site === 'clear dirty log')?.acquisitions ?? 0;
    };
    assert.equal(clears(8 * MIB), 2, 'before the first round and before the last');
    assert.ok(clears(MIB) > 8 && clears(MIB) <= 16, 'chunks without a page to send are left out');
  });

  it('slows the guest down more when it splits lazily', () => {
    const slowdown = (split: 'lazy' | 'eager') => metricOf(run({ split, dirtyRate: 100_000 }), 'guest_slowdown');
    assert.ok(slowdown('lazy') > slowdown('eager'));
    assert.ok(slowdown('eager') >= 1);
  });

  it('gives the same numbers for the same seed', () => {
    const [one, other] = [run({}, 7), run({}, 7)];
    assert.deepEqual(one, other);
    assert.notEqual(run({}, 8).traceHash, one.traceHash);
  });
});

describe('a write that is lost on its way', () => {
  for (const plant of ['missed-flush', 'fast-no-dirty'] as const) {
    it(`is found: ${plant}`, () => {
      // So little memory that the TLB holds all of it.
      const options = { ...SMALL, ...OF_2013, writeProtect: 'lockless', backing: 'anonymous', vcpuBytes: 2 ** 17, dirtyRate: 100_000, downtimeNs: 0 } as const;
      const migrate = (planted?: typeof plant) => runScenarioVirtual(migrationScenario(options, planted), { profile, seed: 1 });
      migrate();
      assert.throws(() => migrate(plant), /a write is lost: gfn \d+ was written \d+ times, its copy has \d+ of them/);
    });
  }
});

describe('checkMigrationOptions', () => {
  it('refuses what no kernel had, in one line', () => {
    const refused: [Partial<MigrationOptions>, RegExp][] = [
      [{ writeProtect: 'lockless' }, /^Cannot write-protect without mmu_lock: current era=2022, expected era=2013/],
      [{ ...OF_2013, split: 'eager' }, /^Cannot split huge pages by the policy eager: current era=2013/],
      [{ ...OF_2013, manualProtect: true }, /KVM_CLEAR_DIRTY_LOG came in 2018/],
      [{ bandwidth: 0 }, /^Cannot migrate over a link of 0 bytes per second/],
      [{ clearChunkBytes: 4096 }, /^Cannot clear the log of 4096 bytes at a time: expected a multiple of 262144/],
      [{ maxRounds: 0 }, /rounds: expected 1 to/],
      [{ dirtyRate: -1 }, /pages per second/],
      [{ downtimeNs: -1 }, /downtime/],
      [{ vcpus: 0 }, /vCPUs/],
      [{ bandwidth: 1000 }, /^Cannot migrate for up to \d+ seconds/],
    ];
    for (const [changes, reason] of refused) assert.match(checkMigrationOptions({ ...SMALL, ...changes }) ?? '', reason);
    assert.equal(checkMigrationOptions(SMALL), undefined);
    assert.equal(checkMigrationOptions({ ...SMALL, ...OF_2013, writeProtect: 'root' }), undefined);
  });
});
