import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KernelPath } from '../engine/cpu.js';
import { AccessPattern } from '../guest/access-pattern.js';
import { walkLockless } from './fast-page-fault.js';
import { clearUserfaultBit, disableUserfault, enableUserfault, setAllUserfaultBits, userfaultBitmapWord, userfaultBitSet } from './kvm-userfault.js';
import { RegionKvm } from './memory-region.kit.js';
import { Observer } from './observer.js';
import { shadowMmu } from './shadow-mmu.js';
import { tdpMmu } from './tdp-mmu.js';
import type { Vcpu } from './vcpu.js';
import { vcpuRun } from './vcpu-run.js';

const BIG = { id: 1, baseGfn: 512, npages: 1024, hvaPage: 512 };

/** Gfns of the memslot that are mapped although user space has not put them in place. */
function mappedTooSoon(t: RegionKvm): number[] {
  const cpu = new Observer(t.kvm.words);
  const memslot = t.kvm.memslots.idToMemslot(cpu, 1);
  const gfns = Array.from({ length: BIG.npages }, (_, page) => BIG.baseGfn + page);
  return gfns.filter((gfn) => userfaultBitSet(t.kvm.words, memslot, gfn) && walkLockless(t.kvm, cpu, t.kvm.words[t.kvm.roots], gfn).level !== 0);
}

/** A vCPU that writes to all pages until stopped; its thread puts in place what it exits for. */
function* run(t: RegionKvm, vcpu: Vcpu, exits: number[]): KernelPath {
  const guest = new AccessPattern(vcpu.cpu.id + 1);
  guest.plan({ firstGfn: BIG.baseGfn, pages: BIG.npages, random: true, writePercent: 100, writeEvery: 0 });
  function* onMemoryFault(_vcpu: Vcpu, gfn: number): KernelPath {
    const memslot = t.kvm.memslots.idToMemslot(new Observer(t.kvm.words), 1);
    exits.push(gfn);
    vcpu.cpu.spend(50_000);
    if (vcpu.cpu.touch(userfaultBitmapWord(t.kvm, memslot, gfn))) yield;
    clearUserfaultBit(t.kvm, vcpu.cpu, gfn, memslot);
  }
  yield* vcpuRun(t.kvm, vcpu, guest, { process: 0, stopAt: 1, onMemoryFault });
}

describe('a page that user space has not put in place', () => {
  it('is not mapped from the end of the ioctl that sets KVM_MEM_USERFAULT, and is exited for', () => {
    for (const mmu of [shadowMmu, tdpMmu]) {
      for (let seed = 1; seed <= 10; seed++) {
        const t = new RegionKvm({ mmu, capUserfault: true, hostLevel: 2, memslots: [BIG] }, seed);
        setAllUserfaultBits(t.kvm, 1);
        const exits: number[] = [];
        let tooSoon: number[] = [];
        const ioctls = function* (): KernelPath {
          yield* enableUserfault(t.kvm, t.ioctl, 1);
          tooSoon = mappedTooSoon(t);
        };
        t.beside(
          t.thenStop(ioctls(), 1),
          t.vcpus.map((vcpu) => run(t, vcpu, exits)),
        );
        assert.deepEqual(tooSoon, []);
        assert.deepEqual(mappedTooSoon(t), []);
        assert.ok(new Set(exits).size > 0 && exits.length <= 2 * BIG.npages);
        t.check();
        t.exec(disableUserfault(t.kvm, t.ioctl, 1, 'on-demand'));
        t.check();
      }
    }
  });
});
