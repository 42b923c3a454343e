// How huge mappings come back when a memslot no longer needs small ones: its dirty logging, or its KVM Userfault, has ended. KVM leaves the
// choice to the architecture; what tells the two apart is here and nowhere else.

import { assert } from '../assert.js';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import type { Memslot } from './memslot.js';

/** Lets the huge mappings of a memslot come back. `site` says who takes mmu_lock. Locks and suspends: as the MMU's walk. */
export type HugePageRecovery = (kvm: Kvm, cpu: Cpu, memslot: Memslot, site: number) => KernelPath;

/**
 * `eager`: they are rebuilt in the ioctl, and no fault follows; the TDP MMU alone can. `on-demand`: small mappings are dropped in the ioctl,
 * and the next fault on each huge page maps it.
 */
export const HUGE_PAGE_RECOVERIES = {
  eager: recoverInPlace,
  'on-demand': (kvm, cpu, memslot, site) => kvm.mmu.zapCollapsibleSptes(kvm, cpu, memslot, site),
} as const satisfies Record<string, HugePageRecovery>;

/** A policy by name. */
export type HugePageRecoveryName = keyof typeof HUGE_PAGE_RECOVERIES;

function* recoverInPlace(kvm: Kvm, cpu: Cpu, memslot: Memslot, site: number): KernelPath {
  const { recoverHugePages } = kvm.mmu;
  if (recoverHugePages === null) assert(false, `cannot recover huge pages eagerly: current mmu ${kvm.mmu.name}, expected tdp`);
  yield* recoverHugePages(kvm, cpu, memslot, site);
}
