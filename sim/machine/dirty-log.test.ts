import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstMemslot, MIB, runPhases, testOptions, testWorld } from '../kvm/kvm.kit.js';
import { MS_NPAGES } from '../kvm/memslot.js';
import { gfnToRmap, userBitmap } from '../kvm/memslots.js';
import { slotRange } from '../kvm/mmu.js';
import { checkShadowInvariants } from '../kvm/shadow-invariants.js';
import type { DirtyLogOptions, RunOutcome } from './cell.js';
import { checkDerivedCounts } from './dirty-log-counts.js';
import { checkDirtyLogOptions } from './dirty-log-options.js';
import { loadProfile } from './profile.js';
import { runDirtyLogVirtual } from './run-virtual.js';

const profile = loadProfile('intel-2s48c-2022');

function run(changes: Partial<DirtyLogOptions>, seed = 1): RunOutcome {
  return runDirtyLogVirtual(testOptions(changes), { profile, seed });
}

function timeOf(outcome: RunOutcome, metric: string): number {
  const found = outcome.times.find((time) => time.metric === metric);
  assert.ok(found, `no ${metric}`);
  return found.ns;
}

/** Pages that the guest wrote in one pass of the options, by the guest's own rules. */
function pagesWritten(options: DirtyLogOptions): Set<number> {
  const pages = options.vcpuBytes / 4096;
  const written = new Set<number>();
  for (let vcpu = 0; vcpu < options.vcpus; vcpu++) for (let i = 0; i < pages; i++) if (i % options.writeEvery === 0) written.add(vcpu * pages + i);
  return written;
}

function dirtyPages(words: Int32Array, base: number, npages: number): Set<number> {
  const dirty = new Set<number>();
  for (let page = 0; page < npages; page++) if (((words[base + (page >>> 5)] >>> (page & 31)) & 1) !== 0) dirty.add(page);
  return dirty;
}

describe('dirty_log_perf_test in virtual time', () => {
  it('gives the same numbers, counts and trace for one seed, and another trace for another', () => {
    const changes = { vcpus: 4, split: 'lazy', initiallyAllSet: false } as const;
    assert.deepEqual(run(changes), run(changes));
    assert.notEqual(run(changes, 2).traceHash, run(changes).traceHash);
  });

  for (const mmu of ['shadow', 'tdp'] as const) {
    for (const split of ['lazy', 'eager', 'eager-skip', 'on-fault'] as const) {
      for (const initiallyAllSet of [true, false]) {
        it(`keeps its invariants: mmu=${mmu} split=${split} initially-all-set=${initiallyAllSet}`, () => {
          for (const ept of mmu === 'tdp' ? [true] : [true, false]) {
            const outcome = run({ mmu, split, initiallyAllSet, ept, writeEvery: 3, iterations: 3 });
            assert.equal(outcome.counters.pageFaults, outcome.faults);
            assert.ok(timeOf(outcome, 'disable_dirty_logging') > 0);
          }
        });
      }
    }
  }

  it('reports every page that the guest wrote, whatever splits and protects', () => {
    for (const mmu of ['shadow', 'tdp'] as const) {
      for (const split of ['lazy', 'eager', 'on-fault'] as const) {
        for (const ept of mmu === 'tdp' ? [true] : [true, false]) {
          for (const initiallyAllSet of [true, false]) {
            const changes = { mmu, split, ept, initiallyAllSet, writeEvery: 3, iterations: 2 };
            const at = testWorld(changes);
            runPhases(at, 'get_dirty_log_iter2');
            const { kvm } = at.world;
            const memslot = firstMemslot(kvm);
            const dirty = dirtyPages(kvm.words, userBitmap(kvm.words, memslot), kvm.words[memslot + MS_NPAGES]);
            const written = pagesWritten(testOptions(changes));
            for (const page of written) assert.ok(dirty.has(page), `${JSON.stringify(changes)}: page ${page} is lost`);
            // A read fault of a direct or shadow MMU maps writable and marks the page; only eager splitting avoids those.
            if (split !== 'lazy') assert.equal(dirty.size, written.size, JSON.stringify(changes));
          }
        }
      }
    }
  });

  it('splits all, and then faults not at all (PML) or once per written page (shadow paging), when eager', () => {
    const pages = 2 * 1024;
    const twoDimensional = run({ split: 'eager', initiallyAllSet: false, iterations: 1, backing: 'anonymous_thp' });
    assert.equal(twoDimensional.counters.splitSptes, pages);
    assert.equal(twoDimensional.counters.pageFaults, pages / 512);
    assert.equal(twoDimensional.counters.pmlAppends, pages);
    const shadow = run({ split: 'eager', initiallyAllSet: false, iterations: 1, ept: false, guestPageBytes: 2 * MIB });
    assert.equal(shadow.counters.pageFaults, pages / 512 + pages);
    assert.equal(shadow.counters.wpFaults, pages);
  });

  it('faults once per page when lazy', () => {
    const outcome = run({ split: 'lazy', initiallyAllSet: false, iterations: 1 });
    assert.equal(outcome.counters.pageFaults, 2 * 1024 + 4);
    assert.equal(outcome.counters.hugeSptesDropped, 4);
  });

  it('collapses what was split, at all levels', () => {
    const at = testWorld({ split: 'eager', initiallyAllSet: false, iterations: 1 });
    runPhases(at, 'disable_dirty_logging');
    const { kvm } = at.world;
    assert.equal(kvm.words[kvm.pagesStat + 1], 0);
    assert.equal(at.engine.counters.sptesCollapsed, 2 * 1024);
  });
});

describe('the complications of eager splitting', () => {
  const base = { initiallyAllSet: false, iterations: 1, split: 'eager' } as const;

  it('refuses to split when few shadow pages are free', () => {
    const { counters } = run({ ...base, vcpuBytes: 64 * MIB, mmuPages: 40 });
    assert.ok(counters.splitRefusedFewPages > 0);
    assert.ok(counters.hugePagesSplit > 0);
  });

  const aliased = { ...base, ept: false, guestPageBytes: 2 * MIB, processes: 4 } as const;

  it('does not split unsync pages', () => {
    assert.ok(run(aliased).counters.splitSkippedUnsync > 0);
  });

  it('reuses lower-level tables and allocates descriptors, where the internal variant skips and splits partly', () => {
    const eager = run(aliased).counters;
    assert.ok(eager.splitReusedTables > 0);
    assert.ok(eager.splitDescsAllocated > 0);
    assert.equal(eager.splitSkippedReuse + eager.splitPartial, 0);
    const skip = run({ ...aliased, split: 'eager-skip' }).counters;
    assert.ok(skip.splitSkippedReuse > 0);
    assert.ok(skip.splitPartial > 0);
    assert.equal(skip.splitReusedTables + skip.splitDescsAllocated, 0);
  });

  it('lets the vCPUs in between two sptes with full preemption, and not without', () => {
    const concurrent = { ...base, concurrent: true, vcpus: 4, vcpuBytes: 16 * MIB, ept: false, guestPageBytes: 2 * MIB, writeEvery: 5 };
    assert.ok(run({ ...concurrent, preempt: 'full' }).counters.lockBreaks > 0);
    assert.equal(run({ ...concurrent, preempt: 'none' }).counters.lockBreaks, 0);
  });
});

describe('proposals of the thread', () => {
  it('on-fault populates the huge page and leaves one writable spte', () => {
    const lazy = run({ split: 'lazy', initiallyAllSet: false, iterations: 1, ept: false, guestPageBytes: 2 * MIB, writeEvery: 5 });
    const onFault = run({ split: 'on-fault', initiallyAllSet: false, iterations: 1, ept: false, guestPageBytes: 2 * MIB, writeEvery: 5 });
    assert.equal(onFault.counters.readFaults, 0);
    assert.ok(lazy.counters.readFaults > 0);
  });

  it('write-protection faults under the read lock do the same work, sooner', () => {
    const base = { vcpus: 8, split: 'eager', initiallyAllSet: false, iterations: 1, ept: false, guestPageBytes: 2 * MIB } as const;
    const write = run(base);
    const read = run({ ...base, wpFaultLock: 'read' });
    assert.equal(read.counters.wpFaults, write.counters.wpFaults);
    assert.equal(read.stateHash, write.stateHash);
    assert.ok(timeOf(read, 'dirty_memory_iter1') < timeOf(write, 'dirty_memory_iter1'));
  });

  it('logging at 2 MiB faults once per 2 MiB and marks all of it dirty', () => {
    const at = testWorld({ dirtyGranularityBytes: 2 * MIB, initiallyAllSet: false, iterations: 1, split: 'eager', writeEvery: 512 });
    runPhases(at, 'get_dirty_log_iter1');
    const { kvm } = at.world;
    const memslot = firstMemslot(kvm);
    const npages = kvm.words[memslot + MS_NPAGES];
    assert.equal(dirtyPages(kvm.words, userBitmap(kvm.words, memslot), npages).size, npages);
    assert.equal(at.engine.counters.writeFaults, 4 + 4);
  });
});

describe('checks that must be able to fail', () => {
  it('finds a lost rmap entry, a wrong statistic and a wrong page account', () => {
    const corruptions: ((kvm: ReturnType<typeof testWorld>['world']['kvm']) => void)[] = [
      (kvm) => (kvm.words[gfnToRmap(kvm.words, firstMemslot(kvm), slotRange(kvm, firstMemslot(kvm)).start, 1)] = 0),
      (kvm) => kvm.words[kvm.pagesStat + 1]++,
      (kvm) => kvm.words[kvm.usedMmuPages]--,
    ];
    for (const corrupt of corruptions) {
      const at = testWorld({ split: 'eager', initiallyAllSet: false, iterations: 1 });
      runPhases(at, 'dirty_memory_iter1');
      checkShadowInvariants(at.world.kvm);
      corrupt(at.world.kvm);
      assert.throws(() => checkShadowInvariants(at.world.kvm), /Invariant broken/);
    }
  });

  it('finds a count that cannot be derived', () => {
    const options = testOptions({ split: 'eager', vcpus: 1, vcpuBytes: 1024 * MIB, iterations: 1, initiallyAllSet: false });
    const { counters } = runDirtyLogVirtual(options, { profile, seed: 1 });
    checkDerivedCounts(options, counters);
    for (const name of ['pageFaults', 'rmapHeadsVisited', 'splitSptes', 'guestWrites', 'dirtyBitsSet']) {
      assert.throws(() => checkDerivedCounts(options, { ...counters, [name]: counters[name] + 1 }), /derived/, name);
    }
  });
});

describe('checkDirtyLogOptions', () => {
  it('names what it refuses', () => {
    const refused: [Partial<DirtyLogOptions>, RegExp][] = [
      [{ vcpus: 0 }, /vCPUs/],
      [{ vcpuBytes: 4097 }, /multiple of 4096/],
      [{ vcpus: 65, vcpuBytes: 2 ** 30 }, /64 GiB/],
      [{ memslots: 3 }, /memslots/],
      [{ mmu: 'tdp', ept: false }, /TDP MMU/],
      [{ processes: 2 }, /ept=N/],
      [{ mmu: 'tdp', mmuPages: 100 }, /quota/],
      [{ mmuPages: 3 }, /quota/],
      [{ dirtyGranularityBytes: 2 ** 30 }, /log dirty pages/],
    ];
    for (const [changes, reason] of refused) assert.match(checkDirtyLogOptions(testOptions(changes)) ?? '', reason);
    assert.equal(checkDirtyLogOptions(testOptions()), undefined);
  });
});
