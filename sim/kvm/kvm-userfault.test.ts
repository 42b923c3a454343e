import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { KernelPath } from '../engine/cpu.js';
import { blockWords } from '../memory/heap.js';
import { ERAS } from './era.js';
import { walkLockless } from './fast-page-fault.js';
import { HUGE_PAGE_RECOVERIES, type HugePageRecoveryName } from './huge-page-recovery.js';
import type { KvmConfig } from './kvm.js';
import { clearUserfaultBit, disableUserfault, enableUserfault, setAllUserfaultBits, userfaultBitmapWord, userfaultBitSet } from './kvm-userfault.js';
import type { MemoryRegion } from './memory-region.js';
import { RegionKvm, region } from './memory-region.kit.js';
import { KVM_MEM_GUEST_MEMFD, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, KVM_MEM_USERFAULT, type Memslot } from './memslot.js';
import { asyncPageFaultProblem } from './memslot-flags.js';
import { archBlocks } from './memslots.js';
import { Observer } from './observer.js';
import { setUserMemoryRegion } from './set-memory-region.js';
import { shadowMmu } from './shadow-mmu.js';
import { tdpMmu } from './tdp-mmu.js';

const MMUS = [shadowMmu, tdpMmu];
const RECOVERIES = Object.keys(HUGE_PAGE_RECOVERIES) as HugePageRecoveryName[];
const LOG = KVM_MEM_LOG_DIRTY_PAGES;
const GMEM = KVM_MEM_GUEST_MEMFD;
const UF = KVM_MEM_USERFAULT;

/** Two huge pages, and 100 small ones elsewhere. */
const BIG = { id: 1, baseGfn: 512, npages: 1024, hvaPage: 512 };
const SMALL = { id: 2, baseGfn: 2048, npages: 100, hvaPage: 1600 };

function vm(changes: Partial<KvmConfig> = {}, seed = 1): RegionKvm {
  return new RegionKvm({ mmu: tdpMmu, capUserfault: true, hostLevel: 2, memslots: [BIG, SMALL], ...changes }, seed);
}

function memslotOf(t: RegionKvm, id: number): Memslot {
  return t.kvm.memslots.idToMemslot(new Observer(t.kvm.words), id);
}

/** Levels at which the pages of a span are mapped, 0 for none: each once, in order. */
function levels(t: RegionKvm, { baseGfn, npages }: { baseGfn: number; npages: number } = BIG): number[] {
  const cpu = new Observer(t.kvm.words);
  const seen = new Set<number>();
  for (let gfn = baseGfn; gfn < baseGfn + npages; gfn++) seen.add(walkLockless(t.kvm, cpu, t.kvm.words[t.kvm.roots], gfn).level);
  return [...seen].sort();
}

/** One vCPU writes to all pages of both memslots. */
function mapAll(t: RegionKvm): void {
  for (const { baseGfn, npages } of [BIG, SMALL]) t.runGuests(t.touch(0, { gfn: baseGfn, npages }));
}

function enable(t: RegionKvm, id = 1): void {
  setAllUserfaultBits(t.kvm, id);
  t.exec(enableUserfault(t.kvm, t.ioctl, id));
  t.check();
}

function disable(t: RegionKvm, recovery: HugePageRecoveryName): void {
  t.exec(disableUserfault(t.kvm, t.ioctl, 1, recovery));
  t.check();
}

function pageFaults(t: RegionKvm): number {
  return t.counters.readFaults + t.counters.writeFaults;
}

/** User space's side of one resolved page, as its threads do it. */
function* clearBit(t: RegionKvm, id: number, gfn: number, cleared: number[]): KernelPath {
  const cpu = t.engine.cpus[id];
  const memslot = memslotOf(t, 1);
  if (cpu.touch(userfaultBitmapWord(t.kvm, memslot, gfn))) yield;
  if (clearUserfaultBit(t.kvm, cpu, gfn, memslot)) cleared.push(gfn);
}

function* clearAll(t: RegionKvm, id: number, gfns: readonly number[], cleared: number[]): KernelPath {
  for (const gfn of gfns) yield* clearBit(t, id, gfn, cleared);
}

describe('the userfault bitmap', () => {
  it('counts only while the memslot has the flag, and only for its own pages', () => {
    const t = vm();
    setAllUserfaultBits(t.kvm, 2);
    const at = (id: number, gfn: number): boolean => userfaultBitSet(t.kvm.words, memslotOf(t, id), gfn);
    assert.equal(at(2, SMALL.baseGfn), false);
    t.exec(enableUserfault(t.kvm, t.ioctl, 2));
    for (let gfn = SMALL.baseGfn; gfn < SMALL.baseGfn + SMALL.npages; gfn++) assert.equal(at(2, gfn), true);
    assert.equal(at(1, BIG.baseGfn), false);
    t.exec(disableUserfault(t.kvm, t.ioctl, 2, 'on-demand'));
    assert.equal(at(2, SMALL.baseGfn), false);
  });

  it('is a set of pages from which user space takes one at a time, and nothing else of the VM changes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(SMALL.npages - 1), { maxLength: 150 }), (pages) => {
        const t = vm();
        enable(t, 2);
        const memslot = memslotOf(t, 2);
        const before = t.kvm.words.slice();
        const left = new Set(Array.from({ length: SMALL.npages }, (_, page) => page));
        for (const page of pages) assert.equal(clearUserfaultBit(t.kvm, t.ioctl, SMALL.baseGfn + page), left.delete(page));
        for (let page = 0; page < SMALL.npages; page++) assert.equal(userfaultBitSet(t.kvm.words, memslot, SMALL.baseGfn + page), left.has(page));
        const first = userfaultBitmapWord(t.kvm, memslot, SMALL.baseGfn);
        const last = userfaultBitmapWord(t.kvm, memslot, SMALL.baseGfn + SMALL.npages - 1);
        assert.deepEqual(t.kvm.words.slice(0, first), before.slice(0, first));
        assert.deepEqual(t.kvm.words.slice(last + 1), before.slice(last + 1));
        assert.equal(t.kvm.words[last] >>> (SMALL.npages % 32), 0, 'no bit beyond the last page');
      }),
      { numRuns: 50 },
    );
  });

  it('loses no bit and gives each away once, whoever clears bits of one word at the same time', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const t = vm({}, seed);
      enable(t);
      const gfns = Array.from({ length: 96 }, (_, page) => BIG.baseGfn + page);
      const cleared: number[] = [];
      t.runGuests(clearAll(t, 0, gfns, cleared), clearAll(t, 1, gfns.toReversed(), cleared));
      assert.deepEqual(
        cleared.sort((a, b) => a - b),
        gfns,
      );
      for (const gfn of gfns) assert.equal(userfaultBitSet(t.kvm.words, memslotOf(t, 1), gfn), false);
      assert.equal(userfaultBitSet(t.kvm.words, memslotOf(t, 1), BIG.baseGfn + 96), true);
    }
  });

  it('is changed by single atomic operations, so that threads may share a word', () => {
    const t = vm();
    enable(t);
    const cpu = new Observer(t.kvm.words);
    const refuse = (): never => assert.fail('a bit is cleared by a load and a store');
    Object.assign(cpu, { store: refuse, load: refuse });
    assert.equal(clearUserfaultBit(t.kvm, cpu, BIG.baseGfn + 5), true);
    assert.equal(clearUserfaultBit(t.kvm, cpu, BIG.baseGfn + 5), false);
  });

  it('stays with a memslot that moves, comes with one that is created, and goes with one that is deleted', () => {
    const [arch, bitmap] = archBlocks(100, true).map(blockWords);
    const t = vm({ archRoom: arch + bitmap });
    const set = (one: MemoryRegion): void => {
      assert.equal(t.exec(setUserMemoryRegion(t.kvm, t.ioctl, one)), null);
      t.check();
    };
    enable(t, 2);
    clearUserfaultBit(t.kvm, t.ioctl, SMALL.baseGfn + 7);
    set(region(2, { gfn: 4096, npages: 100, hva: SMALL.hvaPage, flags: UF }));
    for (let page = 0; page < 100; page++) assert.equal(userfaultBitSet(t.kvm.words, memslotOf(t, 2), 4096 + page), page !== 7);
    for (let turn = 0; turn < 5; turn++) {
      // The heap has room for one more memslot, or for one that moves.
      set(region(3, { gfn: 3000, npages: 100, hva: 1700, flags: UF }));
      for (let page = 0; page < 100; page++) assert.equal(userfaultBitSet(t.kvm.words, memslotOf(t, 3), 3000 + page), false);
      setAllUserfaultBits(t.kvm, 3);
      set(region(3, { npages: 0 }));
    }
    for (let page = 0; page < 100; page++) assert.equal(userfaultBitSet(t.kvm.words, memslotOf(t, 2), 4096 + page), page !== 7, 'nobody else got its memory');
  });

  it('is not there without the capability', () => {
    const t = vm({ capUserfault: false });
    assert.throws(() => setAllUserfaultBits(t.kvm, 1), /no userfault bitmaps/);
    assert.throws(() => setAllUserfaultBits(vm().kvm, 9), /no memslot 9/);
    assert.throws(() => clearUserfaultBit(vm().kvm, t.ioctl, 10), /gfn 10 is in no memslot/);
  });
});

describe('enabling KVM Userfault', () => {
  it('drops all mappings of the memslot, and no others, under mmu_lock for write', () => {
    for (const mmu of MMUS) {
      const t = vm({ mmu });
      mapAll(t);
      assert.deepEqual(levels(t), [2]);
      const { remoteTlbFlushes, srcuGracePeriods } = t.counters;
      enable(t);
      assert.deepEqual(levels(t), [0], mmu.name);
      assert.deepEqual(levels(t, SMALL), [1]);
      assert.equal(t.counters.remoteTlbFlushes - remoteTlbFlushes, 1);
      assert.equal(t.counters.srcuGracePeriods - srcuGracePeriods, 1);
      const { memoryFaultExits } = t.counters;
      t.runGuests(t.touch(0, { gfn: BIG.baseGfn, npages: 3 }));
      assert.equal(t.counters.memoryFaultExits - memoryFaultExits, 3, 'the vCPU has no translation left');
    }
  });

  it('flushes no TLB where nothing was mapped', () => {
    const t = vm();
    enable(t);
    assert.equal(t.counters.remoteTlbFlushes, 0);
  });

  it('lets faults map small pages alone, neighbours excluded', () => {
    for (const mmu of MMUS) {
      for (const era of Object.values(ERAS)) {
        const t = vm({ mmu, era });
        enable(t);
        t.runGuests(t.touch(0, { gfn: BIG.baseGfn + 700, npages: 1 }, { write: false }));
        assert.deepEqual(levels(t), [0, 1]);
        assert.equal(t.mapped(1), 1);
        mapAll(t);
        assert.deepEqual(levels(t), [1]);
        t.check();
      }
    }
  });

  it('leaves nothing huge behind while vCPUs fault', () => {
    for (const mmu of MMUS) {
      for (let seed = 1; seed <= 10; seed++) {
        const t = vm({ mmu }, seed);
        const guests = t.vcpus.map(({ cpu }) => t.touch(cpu.id, { gfn: BIG.baseGfn + 512 * cpu.id, npages: 512 }, { stopAt: 1 }));
        let found: number[] = [];
        const look = function* (): KernelPath {
          yield* enableUserfault(t.kvm, t.ioctl, 1);
          found = levels(t);
        };
        t.beside(t.thenStop(look(), 1), guests);
        assert.ok(!found.includes(2), `huge mappings in ${mmu.name}, seed ${seed}`);
        t.check();
      }
    }
  });
});

describe('disabling KVM Userfault', () => {
  for (const recovery of RECOVERIES) {
    it(`brings huge mappings back (${recovery})`, () => {
      for (const touched of [1024, 100, 1]) {
        const t = vm();
        mapAll(t);
        enable(t);
        t.runGuests(t.touch(0, { gfn: BIG.baseGfn, npages: touched }));
        disable(t, recovery);
        const expected = recovery === 'on-demand' ? [0] : touched > 512 ? [2] : [0, 2];
        assert.deepEqual(levels(t), expected);
        assert.equal(t.kvm.words[t.kvm.pagesStat + 1], SMALL.npages, 'no page is mapped small beside');
        const before = pageFaults(t);
        t.runGuests(t.touch(0, { gfn: BIG.baseGfn, npages: touched }));
        const hugePages = Math.ceil(touched / 512);
        assert.equal(pageFaults(t) - before, recovery === 'eager' ? 0 : hugePages);
        assert.equal(t.counters.sptesRecovered, recovery === 'eager' ? hugePages : 0);
        mapAll(t);
        assert.deepEqual(levels(t), [2]);
        t.check();
      }
    });

    it(`can be done again and again (${recovery})`, () => {
      const t = vm({ tableCapacity: 64 });
      for (let turn = 0; turn < 5; turn++) {
        enable(t);
        mapAll(t);
        assert.deepEqual(levels(t), [1]);
        disable(t, recovery);
        mapAll(t);
        assert.deepEqual(levels(t), [2]);
      }
    });

    it(`beside vCPUs that fault leaves only huge mappings in the end (${recovery})`, () => {
      for (let seed = 1; seed <= 10; seed++) {
        const t = vm({}, seed);
        enable(t);
        t.runGuests(t.touch(0, { gfn: BIG.baseGfn, npages: 300 }), t.touch(1, { gfn: BIG.baseGfn + 512, npages: 300 }));
        const guests = t.vcpus.map(({ cpu }) => t.touch(cpu.id, { gfn: BIG.baseGfn + 512 * cpu.id, npages: 512 }, { stopAt: 1 }));
        t.beside(t.thenStop(disableUserfault(t.kvm, t.ioctl, 1, recovery), 1), guests);
        mapAll(t);
        assert.deepEqual(levels(t), [2], `seed ${seed}`);
        t.check();
      }
    });
  }

  it('rebuilds the largest mapping that the backing allows', () => {
    const huge = { id: 1, baseGfn: 2 ** 18, npages: 2 ** 18 + 512, hvaPage: 0 };
    const t = vm({ hostLevel: 3, memslots: [huge] });
    t.kvm.hostMemory = null;
    enable(t);
    for (const page of [3, 70_000, 2 ** 18]) t.runGuests(t.touch(0, { gfn: huge.baseGfn + page, npages: 1 }));
    t.exec(disableUserfault(t.kvm, t.ioctl, 1, 'eager'));
    t.kvm.mmu.checkInvariants(t.kvm);
    assert.deepEqual(
      [1, 2, 3].map((level) => t.kvm.words[t.kvm.pagesStat + level]),
      [0, 1, 1],
    );
    assert.equal(t.counters.sptesRecovered, 2);
  });

  it('leaves small what the host has not all of', () => {
    const t = vm();
    enable(t);
    t.runGuests(t.touch(0, { gfn: BIG.baseGfn, npages: 500 }), t.touch(1, { gfn: BIG.baseGfn + 512, npages: 500 }));
    t.host.drop(BIG.hvaPage + 511, 1);
    disable(t, 'eager');
    assert.deepEqual(levels(t, { baseGfn: BIG.baseGfn, npages: 512 }), [0, 1]);
    assert.deepEqual(levels(t, { baseGfn: BIG.baseGfn + 512, npages: 512 }), [2]);
  });

  it('works on demand with the shadow MMU, which cannot rebuild', () => {
    const t = vm({ mmu: shadowMmu });
    enable(t);
    mapAll(t);
    assert.throws(() => t.exec(disableUserfault(t.kvm, t.ioctl, 1, 'eager')), /current mmu shadow, expected tdp/);
    const again = vm({ mmu: shadowMmu });
    enable(again);
    mapAll(again);
    assert.deepEqual(levels(again), [1]);
    disable(again, 'on-demand');
    mapAll(again);
    assert.deepEqual(levels(again), [2]);
  });
});

describe('KVM Userfault beside dirty logging', () => {
  it('maps small pages until both have ended', () => {
    for (const order of [
      [LOG | UF, UF, 0],
      [LOG | UF, LOG, 0],
      [UF, LOG, 0],
      [LOG, UF, 0],
    ]) {
      for (const mmu of MMUS) {
        const t = vm({ mmu });
        for (const flags of order) {
          mapAll(t);
          const { sptesCollapsed } = t.counters;
          assert.equal(t.exec(setUserMemoryRegion(t.kvm, t.ioctl, region(1, { gfn: BIG.baseGfn, npages: BIG.npages, hva: BIG.hvaPage, flags }))), null);
          t.check();
          assert.equal(t.counters.sptesCollapsed - sptesCollapsed, flags === 0 ? 1024 : 0);
          mapAll(t);
          assert.deepEqual(levels(t), flags === 0 ? [2] : [1], `${mmu.name}, flags ${flags}`);
        }
      }
    }
  });

  it('keeps the other flags', () => {
    const t = vm();
    const big = (flags: number) => region(1, { gfn: BIG.baseGfn, npages: BIG.npages, hva: BIG.hvaPage, flags });
    t.exec(setUserMemoryRegion(t.kvm, t.ioctl, big(LOG)));
    enable(t);
    assert.equal(t.kvm.regionOf(1).flags, LOG | UF);
    disable(t, 'eager');
    assert.equal(t.kvm.regionOf(1).flags, LOG);
    assert.equal(t.counters.sptesRecovered, 0, 'what is logged stays small');
  });
});

describe('flags of a memslot', () => {
  const big = (flags: number, at: { gfn?: number; hva?: number } = {}) => region(1, { gfn: BIG.baseGfn, npages: BIG.npages, hva: BIG.hvaPage, flags, ...at });
  const tryTo = (t: RegionKvm, one: MemoryRegion): string => t.exec(setUserMemoryRegion(t.kvm, t.ioctl, one))?.message ?? 'done';

  it('take KVM_MEM_USERFAULT late on a guest_memfd, and back, but no other change', () => {
    const t = vm({ memslots: [{ ...BIG, flags: GMEM }, SMALL] });
    for (const flags of [GMEM | UF, GMEM, GMEM | UF, GMEM | UF]) assert.equal(tryTo(t, big(flags)), 'done');
    for (const one of [big(0), big(UF), big(GMEM, { gfn: 4096 }), big(GMEM | UF, { gfn: 4096 })])
      assert.match(tryTo(t, one), /^EINVAL: memslot 1 (cannot change KVM_MEM_GUEST_MEMFD|is a guest_memfd and can change nothing but)/);
    assert.match(tryTo(t, big(GMEM, { hva: 0 })), /^EINVAL: /);
    assert.equal(t.kvm.regionOf(1).flags, GMEM | UF);
    assert.equal(tryTo(t, region(1, { npages: 0 })), 'done');
  });

  it('make no guest_memfd of a memslot that is there, and none that is logged or read-only', () => {
    const t = vm();
    assert.match(tryTo(t, big(GMEM)), /^EINVAL: memslot 1 cannot change KVM_MEM_GUEST_MEMFD/);
    for (const flag of [LOG, KVM_MEM_READONLY])
      assert.match(tryTo(t, region(3, { gfn: 4096, npages: 1, flags: GMEM | flag })), /^EINVAL: flags \d of memslot 3 exclude each other/);
  });

  it('are unknown to a kernel without the series', () => {
    for (const flag of [GMEM, UF]) assert.match(tryTo(vm({ capUserfault: false }), big(flag)), /^EINVAL: flags \d of memslot 1 are unknown/);
    assert.match(tryTo(vm(), big(16)), /are unknown, expected a sum of .*KVM_MEM_USERFAULT \(8\)$/);
  });

  it("refuse KVM_MEM_USERFAULT beside the kernel's async page faults", () => {
    const t = vm({ kernelAsyncPf: true });
    assert.match(tryTo(t, big(UF)), /^EINVAL: memslot 1 cannot have KVM_MEM_USERFAULT while a vCPU has the kernel's async page faults enabled/);
    assert.equal(tryTo(t, big(LOG)), 'done');
    assert.equal(asyncPageFaultProblem({ slot: 1, userfault: true, kernelAsyncPf: false }), null);
    assert.equal(asyncPageFaultProblem({ slot: 1, userfault: false, kernelAsyncPf: true }), null);
  });
});
