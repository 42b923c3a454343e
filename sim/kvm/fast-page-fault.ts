// Fixing a write-protected spte without mmu_lock. Models fast_page_fault() and fast_pf_fix_direct_spte() of mmu.c.
// Left out: access-tracked sptes.

import type { Cpu } from '../engine/cpu.js';
import * as units from '../units.js';
import { markPageDirtyInSlot } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import { isDirtyTracked } from './memslots.js';
import { spTable } from './shadow-page.js';
import * as spteBits from './spte.js';
import { isLeaf, sptePayload, tableIndex } from './spte.js';
import type { Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { ROOT_LEVEL } = units;
const { MMU_WRITABLE, PRESENT, WRITABLE } = spteBits;

/** A leaf found by walking without a lock. `level` is 0 when nothing is mapped. */
export interface LocklessLeaf {
  sptep: number;
  level: number;
  spte: number;
}

/** Walks from `root` to the leaf of `gfn`. Locks: none, the caller has just touched the tables. */
export function walkLockless(kvm: Kvm, cpu: Cpu, root: number, gfn: number): LocklessLeaf {
  let sp = root;
  for (let level = ROOT_LEVEL; ; level--) {
    const sptep = spTable(kvm, sp) + tableIndex(gfn, level);
    const spte = cpu.load(sptep);
    if ((spte & PRESENT) === 0) return { sptep, level: 0, spte };
    if (isLeaf(spte, level)) return { sptep, level, spte };
    sp = sptePayload(spte);
  }
}

/**
 * Makes the leaf of `gfn` writable by one cmpxchg. True when the guest may try again: fixed, or already writable.
 * Refuses a huge spte of a memslot that logs (the slow path splits it) and, for want of a retry, a lost race.
 * Locks: none. Suspends: never; the caller has just touched the spte.
 */
export function fastPageFault(kvm: Kvm, vcpu: Vcpu, gfn: number): boolean {
  const { cpu } = vcpu;
  const { sptep, level, spte } = walkLockless(kvm, cpu, vcpu.root, gfn);
  cpu.spend(cpu.cost.fast_page_fault);
  if (level === 0) return false;
  if ((spte & WRITABLE) !== 0) {
    cpu.counters.spuriousFaults++;
    return true;
  }
  const { memslot } = vcpu;
  const logged = isDirtyTracked(kvm.words, memslot);
  if ((spte & MMU_WRITABLE) === 0 || (level > 1 && logged)) return false;
  if (cpu.cmpxchg(sptep, spte, spte | WRITABLE) !== spte) {
    cpu.counters.fastPageFaultRetries++;
    return false;
  }
  if (logged) markPageDirtyInSlot(kvm, cpu, memslot, gfn, level);
  cpu.counters.fastPageFaults++;
  return true;
}
