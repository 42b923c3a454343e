// Fixing a write-protected spte without mmu_lock. Models fast_page_fault() and fast_pf_fix_direct_spte() of mmu.c, and
// walk_shadow_page_lockless_begin() and _end(): whoever frees page tables waits for vCPUs that are between the two.
// Left out: access-tracked sptes, the retries after a lost race (the guest faults again).
//
//     vCPU, in fast_page_fault()              thread that write-protects by the dirty bitmap, without mmu_lock
//     cmpxchg: spte writable                  takes the bit
//     marks the page dirty                    makes the spte read-only
//
// In this order the spte is writable for a moment without its bit, which then comes and stays for the next round. The other way round the bit
// could be taken, and nothing found to protect, before the spte becomes writable.

import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import * as units from '../units.js';
import { dirtyWordOf, markPageDirtyInSlot } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import { isDirtyTracked } from './memslots.js';
import { assertNotFreed, spTable } from './shadow-page.js';
import * as spteBits from './spte.js';
import { isLeaf, sptePayload, tableIndex } from './spte.js';
import { GuestMode, type Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { ROOT_LEVEL } = units;
const { MMU_WRITABLE, PRESENT, WRITABLE } = spteBits;
const { outside: OUTSIDE, walksTables: WALKS_TABLES } = GuestMode;

/** A leaf found by walking without a lock. `level` is 0 when nothing is mapped. */
export interface LocklessLeaf {
  sptep: number;
  level: number;
  spte: number;
}

/** Walks from `root` to the leaf of `gfn`. Locks: none, the caller has just touched the tables. */
export function walkLockless(kvm: Kvm, cpu: Pick<Cpu, 'load'>, root: number, gfn: number): LocklessLeaf {
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
 * Makes the leaf of `gfn` writable by one cmpxchg. `vcpu.fastFixed` says afterwards whether the guest may try again: fixed, or already writable.
 * Refuses a huge spte of a memslot that logs (the slow path splits it), one below a table that is itself write-protected, and a lost race.
 * Locks: none. Suspends: before its first access, and where others may come in between.
 */
export function* fastPageFault(kvm: Kvm, vcpu: Vcpu, gfn: number): KernelPath {
  const { cpu } = vcpu;
  const modeWord = kvm.inGuestMode + cpu.id;
  vcpu.fastFixed = false;
  if (cpu.touch(modeWord)) yield;
  beginWalk(kvm, cpu, modeWord);
  if (cpu.interleave(kvm.mmuValidGen)) yield;
  if (vcpu.validGen !== cpu.load(kvm.mmuValidGen)) {
    cpu.store(modeWord, OUTSIDE);
    return;
  }
  let sp = vcpu.root;
  for (let level = ROOT_LEVEL; ; level--) {
    const sptep = spTable(kvm, sp) + tableIndex(gfn, level);
    if (cpu.interleave(sptep)) yield;
    const spte = cpu.load(sptep);
    if (kvm.poisonsFreedTables) assertNotFreed(kvm, cpu, sptep);
    if ((spte & PRESENT) === 0) break;
    if (!isLeaf(spte, level)) {
      if ((spte & WRITABLE) === 0) break; // write-protected as a whole: the slow path knows what to do
      sp = sptePayload(spte);
      continue;
    }
    if (!mayFix(kvm, vcpu, spte, level)) break;
    const marksFirst = kvm.plant === 'fast-dirty-first';
    if (marksFirst) markFixed(kvm, vcpu, gfn);
    if (cpu.interleave(sptep)) yield;
    if (!setWritable(kvm, vcpu, sptep, spte) || marksFirst) break;
    const dirty = dirtyWordOf(kvm.words, vcpu.memslot, gfn);
    if (dirty === 0) break;
    if (cpu.interleave(dirty)) yield;
    markFixed(kvm, vcpu, gfn);
    break;
  }
  cpu.spend(cpu.cost.fast_page_fault);
  cpu.store(modeWord, OUTSIDE);
}

/** From now on nobody frees a table that the vCPU may reach. Models walk_shadow_page_lockless_begin(). */
function beginWalk(kvm: Kvm, cpu: Cpu, modeWord: Word): void {
  if (kvm.plant === 'fast-no-walk-guard') return;
  cpu.store(modeWord, WALKS_TABLES);
  if (kvm.plant !== 'fast-no-walk-fence') cpu.fence();
}

/** Whether the leaf is one to fix here. One that is writable by now needs nothing: the guest may try again. */
function mayFix(kvm: Kvm, vcpu: Vcpu, spte: number, level: number): boolean {
  if ((spte & WRITABLE) !== 0) {
    vcpu.cpu.counters.spuriousFaults++;
    vcpu.fastFixed = true;
    return false;
  }
  if ((spte & MMU_WRITABLE) === 0) return false;
  return level === 1 || !isDirtyTracked(kvm.words, vcpu.memslot) || kvm.plant === 'fast-fix-large';
}

/** False when the spte is not what it was. */
function setWritable(kvm: Kvm, vcpu: Vcpu, sptep: Word, spte: number): boolean {
  const { cpu } = vcpu;
  if (kvm.plant === 'fast-store') cpu.store(sptep, spte | WRITABLE);
  else if (cpu.cmpxchg(sptep, spte, spte | WRITABLE) !== spte) {
    cpu.counters.fastPageFaultRetries++;
    return false;
  }
  cpu.counters.fastPageFaults++;
  vcpu.fastFixed = true;
  return true;
}

/** Where the memslot logs, the leaf is a 4 KiB one. */
function markFixed(kvm: Kvm, vcpu: Vcpu, gfn: number): void {
  if (kvm.plant !== 'fast-no-dirty') markPageDirtyInSlot(kvm, vcpu.cpu, vcpu.memslot, gfn, 1);
}
