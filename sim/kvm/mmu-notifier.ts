// The mmu notifier: the host is about to unmap a range of user space, and KVM drops what maps it. A fault that read the host's page
// tables before or during the invalidation must not map what it found: it retries.
//
//     vCPU, outside mmu_lock            host
//     seq = sequence                    start: count++, sptes of the range dropped
//     looks the host page up            host ptes dropped
//     takes mmu_lock                    end: sequence++, count--
//     count != 0 or seq != sequence: retry
//
// Models kvm_mmu_notifier_invalidate_range_start(), ..._end(), kvm_handle_hva_range() and mmu_notifier_retry() of virt/kvm/kvm_main.c.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import * as memslotFields from './memslot.js';
import type { HvaPageRange } from './memslot-sets.js';
import { kvmFlushRemoteTlbs, type Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { MS_BASE_GFN, MS_HVA_PAGE, MS_NPAGES } = memslotFields;

/**
 * KVM forgets a range of host pages. True when it noted that the invalidation has begun, which `invalidateRangeEnd` must be told.
 * Locks: SRCU, mmu_lock for write. Suspends: at the lock and the unlock.
 */
export function* invalidateRangeStart(kvm: Kvm, cpu: Cpu, range: HvaPageRange): KernelPath<boolean> {
  if (cpu.interleave(kvm.srcu.indexWord)) yield;
  const section = kvm.srcu.readLock(cpu);
  const begins = kvm.era.notifierLocksFirst || anyMemslot(kvm, cpu, range);
  if (begins) {
    if (kvm.mmuLock.writeLock(cpu, LockSite.mmuNotifier)) yield;
    beginInvalidation(kvm, range);
    if (kvm.plant === 'seq-at-start') cpu.store(kvm.invalidateSeq, cpu.load(kvm.invalidateSeq) + 1);
    if (unmapRange(kvm, cpu, range) && kvm.plant !== 'no-flush') kvmFlushRemoteTlbs(kvm, cpu);
    if (kvm.mmuLock.writeUnlock(cpu)) yield;
  }
  if (cpu.interleave(kvm.srcu.countWord(cpu.id, section))) yield;
  kvm.srcu.readUnlock(cpu, section);
  return begins;
}

/**
 * Faults may map the range again. Locks: as `invalidateRangeStart`.
 * Where the kernel looks the memslots up once more, none can have come or gone: it holds updates back meanwhile. Here the start's finding counts.
 */
export function* invalidateRangeEnd(kvm: Kvm, cpu: Cpu, range: HvaPageRange, begun: boolean): KernelPath {
  if (cpu.interleave(kvm.srcu.indexWord)) yield;
  const section = kvm.srcu.readLock(cpu);
  if (kvm.era.notifierEndLooksUp) anyMemslot(kvm, cpu, range);
  if (begun) {
    if (kvm.mmuLock.writeLock(cpu, LockSite.mmuNotifier)) yield;
    if (kvm.plant !== 'seq-at-start') cpu.store(kvm.invalidateSeq, cpu.load(kvm.invalidateSeq) + 1); // faults read it without a lock
    kvm.words[kvm.invalidateInProgress]--;
    if (kvm.mmuLock.writeUnlock(cpu)) yield;
  }
  if (cpu.interleave(kvm.srcu.countWord(cpu.id, section))) yield;
  kvm.srcu.readUnlock(cpu, section);
}

/** A later invalidation widens the range of those still running. Locks: mmu_lock for write. */
function beginInvalidation(kvm: Kvm, range: HvaPageRange): void {
  const { words } = kvm;
  const first = words[kvm.invalidateInProgress]++ === 0;
  words[kvm.invalidateFirst] = first ? range.first : Math.min(words[kvm.invalidateFirst], range.first);
  words[kvm.invalidateLast] = first ? range.last : Math.max(words[kvm.invalidateLast], range.last);
}

function anyMemslot(kvm: Kvm, cpu: Cpu, range: HvaPageRange): boolean {
  let any = false;
  kvm.memslots.forEachInHvaRange(cpu, range, () => {
    any = true;
  });
  return any;
}

/** Drops the sptes of every memslot that maps the range. True when the TLBs must be flushed. Locks: mmu_lock for write. */
function unmapRange(kvm: Kvm, cpu: Cpu, range: HvaPageRange): boolean {
  let flush = false;
  kvm.memslots.forEachInHvaRange(cpu, range, (memslot) => {
    if (kvm.mmu.unmapGfnRange(kvm, cpu, memslot, gfnRangeOf(kvm.words, memslot, range))) flush = true;
  });
  return flush;
}

/** The gfns of `memslot` that the host pages of `range` back. */
function gfnRangeOf(words: Int32Array, memslot: Memslot, range: HvaPageRange): { start: number; end: number } {
  const hvaPage = words[memslot + MS_HVA_PAGE];
  const first = Math.max(range.first, hvaPage) - hvaPage;
  const end = Math.min(range.last + 1, hvaPage + words[memslot + MS_NPAGES]) - hvaPage;
  return { start: words[memslot + MS_BASE_GFN] + first, end: words[memslot + MS_BASE_GFN] + end };
}

/** Whether a fault must start again: an invalidation that may concern its page has run since it read `seq`. Locks: mmu_lock. */
export function mmuNotifierRetry(kvm: Kvm, vcpu: Vcpu, hvaPage: number): boolean {
  const { words, plant } = kvm;
  if (plant === 'no-retry') return false;
  if (vcpu.cpu.load(kvm.invalidateSeq) !== vcpu.invalidateSeq) return true;
  if (words[kvm.invalidateInProgress] === 0 || plant === 'no-in-progress-check') return false;
  return kvm.era.retriesForAnyRange || (hvaPage >= words[kvm.invalidateFirst] && hvaPage <= words[kvm.invalidateLast]);
}
