// What follows when a memslot's dirty logging or KVM Userfault is turned on or off. Models kvm_mmu_slot_apply_flags() of arch/x86/kvm/x86.c.
// PML follows the flag, whatever toggles it: a delete of a memslot that logs counts, and so does a create or a move with the flag.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { clearBitmap, setAllDirty } from './dirty-bitmap.js';
import type { HugePageRecovery } from './huge-page-recovery.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { PlannedChange } from './memory-region.js';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_USERFAULT, type MemslotFields } from './memslot.js';
import { bitmapWords, dirtyBitmapOf, userBitmapOf } from './memslots.js';

/** A flag before the change; of a memslot that is not there it is clear. */
function had({ before }: PlannedChange, flag: number): boolean {
  return before !== undefined && (before.flags & flag) !== 0;
}

function has({ change: { kind, memslot } }: PlannedChange, flag: number): boolean {
  return kind !== 'delete' && (memslot.flags & flag) !== 0;
}

/** Whether a change sets the flag, whatever else it does. */
function sets(plan: PlannedChange, flag: number): boolean {
  return has(plan, flag) && !had(plan, flag);
}

/** Whether a change turns logging on. */
export function startsLogging(plan: PlannedChange): boolean {
  return sets(plan, KVM_MEM_LOG_DIRTY_PAGES);
}

/** The bitmap of a memslot that is about to log, in its architecture's record. Models kvm_alloc_dirty_bitmap(). */
export function prepareLogging(kvm: Kvm, fields: MemslotFields): void {
  if (kvm.config.initiallyAllSet) setAllDirty(kvm.words, fields);
  else clearBitmap(kvm.words, fields);
}

/**
 * A moved memslot that goes on logging keeps its bitmaps. Nobody reaches the old record any more; whoever writes the new one is not
 * disturbed. In the kernel both records point to one bitmap.
 */
export function keepBitmaps(kvm: Kvm, cpu: Cpu, { from, to }: { from: MemslotFields; to: MemslotFields }): void {
  if ((from.flags & to.flags & KVM_MEM_LOG_DIRTY_PAGES) === 0) return;
  const { words } = kvm;
  for (const [source, target] of [
    [dirtyBitmapOf(words, from.arch), dirtyBitmapOf(words, to.arch)],
    [userBitmapOf(words, from.arch), userBitmapOf(words, to.arch)],
  ]) {
    for (let i = 0; i < bitmapWords(from.npages); i++) if (words[source + i] !== 0) cpu.fetchOr(target + i, words[source + i]);
  }
}

/** Flags while which KVM maps nothing but small pages. */
const SMALL_PAGES = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_USERFAULT;

/**
 * A change is committed and readers see it: new faults obey the flags, and no fault of before is still on its way. `recover` says how huge
 * mappings come back. Locks: slots_lock held; those of the MMU's walks. Suspends: there.
 */
export function* applyFlags(kvm: Kvm, cpu: Cpu, commit: PlannedChange, recover: HugePageRecovery): KernelPath {
  const logs = has(commit, KVM_MEM_LOG_DIRTY_PAGES);
  const logging = logs !== had(commit, KVM_MEM_LOG_DIRTY_PAGES);
  const userfault = has(commit, KVM_MEM_USERFAULT) !== had(commit, KVM_MEM_USERFAULT);
  if (logging) cpu.fetchAdd(kvm.dirtyLoggingCount, logs ? 1 : -1); // for every kind of change: kvm_mmu_update_cpu_dirty_logging()
  if (!logging && !userfault) return;
  if (commit.change.kind !== 'flags') return; // nothing maps the memslot yet, or any more
  const memslot = kvm.memslots.idToMemslot(cpu, commit.change.memslot.id);
  if (sets(commit, KVM_MEM_USERFAULT)) yield* kvm.mmu.zapMemslot(kvm, cpu, memslot);
  if (startsLogging(commit) && !kvm.config.initiallyAllSet) yield* kvm.writeProtect.protectMemslot(kvm, cpu, memslot);
  if (!has(commit, SMALL_PAGES)) yield* recover(kvm, cpu, memslot, userfault ? LockSite.disableUserfault : LockSite.disableDirtyLog);
}
