import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import { VirtualEngine } from '../engine/virtual/engine.js';
import { AccessPattern } from '../guest/access-pattern.js';
import { runReader } from '../kvm/eventpoll.js';
import { writeUserPage } from '../kvm/gup.js';
import { Contents } from '../kvm/mm.js';
import { uffdioResolve, uffdioWake } from '../kvm/userfaultfd-ioctl.js';
import { Vcpu } from '../kvm/vcpu.js';
import { vcpuRun } from '../kvm/vcpu-run.js';
import { Arena } from '../memory/arena.js';
import type { UserfaultOptions } from './cell.js';
import { regionOf, regionPages } from './memstress.js';
import { costsInNs, loadProfile } from './profile.js';
import { UserfaultWorld, userfaultArenaWords } from './userfault-world.js';

const X86 = loadProfile('x86-2s48c-2024');
const OPTIONS: UserfaultOptions & { preallocate: boolean } = {
  vcpus: 2,
  vcpuBytes: 16 * 4096,
  backing: 'anonymous',
  uffd: 'missing',
  singleUffd: true,
  readers: 1,
  kvmUserfault: false,
  overlap: true,
  readerWait: 'epoll-exclusive',
  asyncPf: 'off',
  vmaLocks: true,
  guestSeed: 1,
  preallocate: false,
};

/** Two vCPUs touch all memory, and the one reader resolves faults by `resolve`. */
function runWith(resolve: (world: UserfaultWorld, cpu: Cpu, unit: number) => KernelPath<unknown>): { world: UserfaultWorld; engine: VirtualEngine } {
  const arena = Arena.ofWords(userfaultArenaWords(OPTIONS, 4));
  const engine = new VirtualEngine(arena, 2, { topology: X86.topology, smt: X86.smt, costNs: costsInNs(X86), seed: 1, serviceCount: 1 });
  const world = new UserfaultWorld(arena, engine.locks, { options: OPTIONS, threadCount: 4, source: undefined, initialize: true });
  world.kvm.mmu.createRoots(world.kvm, engine.cpus[0]);
  const pathOf = (cpu: Cpu): KernelPath => {
    if (cpu.id === 2) return world.joinVcpus(cpu);
    if (cpu.id === 3) return runReader(world.uffds[0], cpu, { index: 0, resolve: (own, unit) => resolve(world, own, unit) });
    const pattern = new AccessPattern(1).plan({ ...regionOf(OPTIONS, cpu.id), random: false, writePercent: 100, writeEvery: 0 });
    return vcpuRun(world.kvm, new Vcpu(cpu), pattern, world.runPlan);
  };
  engine.runGang(engine.cpus.map((cpu) => ({ cpu, path: pathOf(cpu) })));
  return { world, engine };
}

describe('user space resolves a fault', () => {
  const all = { first: 0, count: regionPages(OPTIONS) };

  it('by UFFDIO_ZEROPAGE: nothing is copied', () => {
    const { world, engine } = runWith(({ mm, uffds }, cpu, unit) => uffdioResolve(mm, uffds[0], cpu, { unit, how: 'zeropage' }));
    world.mm.assertFilled(all, Contents.zeroes);
    assert.deepEqual([engine.counters.uffdZeropages, engine.counters.uffdCopies], [all.count + engine.counters.uffdEexists, 0]);
  });

  it('by a page that it maps behind the userfaultfd, and UFFDIO_WAKE', () => {
    const { world, engine } = runWith(function* ({ mm, uffds }, cpu, unit) {
      yield* writeUserPage(mm, cpu, unit);
      yield* uffdioWake(uffds[0], cpu, unit);
    });
    world.mm.assertFilled(all, Contents.prototype);
    assert.ok(engine.counters.userfaultWakes >= all.count);
    for (const ctx of world.uffds) ctx.assertEmpty();
  });

  it('but without UFFDIO_WAKE nobody learns of such a page', () => {
    const forgetful = () => runWith(({ mm }, cpu, unit) => writeUserPage(mm, cpu, unit));
    assert.throws(forgetful, /deadlock at \d+ ps: CPU 0 waits for "userfaultfd", CPU 1 waits for "userfaultfd", CPU 2 waits for "pthread_join"/);
  });

  it('by a second copy of one page: EEXIST, and the first stays', () => {
    const { world, engine } = runWith(function* ({ mm, uffds }, cpu, unit) {
      assert.equal(yield* uffdioResolve(mm, uffds[0], cpu, { unit, how: 'copy' }), true);
      assert.equal(yield* uffdioResolve(mm, uffds[0], cpu, { unit, how: 'zeropage' }), false);
    });
    world.mm.assertFilled(all, Contents.prototype);
    assert.equal(engine.counters.uffdEexists, all.count);
  });
});
