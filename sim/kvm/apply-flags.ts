// What follows when a memslot's dirty logging is turned on or off. Models kvm_mmu_slot_apply_flags() of arch/x86/kvm/x86.c.
// PML follows the flag, whatever toggles it: a delete of a memslot that logs counts, and so does a create or a move with the flag.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LEVEL_2M, LEVEL_4K } from '../units.js';
import { clearBitmap, setAllDirty } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import type { PlannedChange } from './memory-region.js';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot, type MemslotFields } from './memslot.js';
import { bitmapWords, dirtyBitmapOf, userBitmapOf } from './memslots.js';
import { slotRange } from './mmu.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';

/** The flag of a memslot that is not there is clear. */
function logsBefore({ before }: PlannedChange): boolean {
  return before !== undefined && (before.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0;
}

function logsAfter({ change: { kind, memslot } }: PlannedChange): boolean {
  return kind !== 'delete' && (memslot.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0;
}

/** Whether a change turns logging on, whatever else it does. */
export function startsLogging(plan: PlannedChange): boolean {
  return logsAfter(plan) && !logsBefore(plan);
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

/** A change is committed and readers see it. Locks: slots_lock held; those of the MMU's walks. Suspends: there. */
export function* applyFlags(kvm: Kvm, cpu: Cpu, commit: PlannedChange): KernelPath {
  const logs = logsAfter(commit);
  if (logs === logsBefore(commit)) return;
  cpu.fetchAdd(kvm.dirtyLoggingCount, logs ? 1 : -1); // for every kind of change: kvm_mmu_update_cpu_dirty_logging()
  if (commit.change.kind !== 'flags') return; // nothing maps the memslot yet, or any more
  const memslot = kvm.memslots.idToMemslot(cpu, commit.change.memslot.id);
  if (!logs) yield* kvm.mmu.zapCollapsibleSptes(kvm, cpu, memslot);
  else if (!kvm.config.initiallyAllSet) yield* startTracking(kvm, cpu, memslot);
}

/** Splits and protects a whole memslot. */
function* startTracking(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  if (kvm.split.eager) yield* kvm.mmu.trySplitHugePages(kvm, cpu, memslot, { range: slotRange(kvm, memslot), targetLevel: kvm.dirtyLevel, locked: false });
  if (kvm.hasPml) {
    yield* kvm.mmu.slotLeafClearDirty(kvm, cpu, memslot);
    yield* kvm.mmu.slotRemoveWriteAccess(kvm, cpu, memslot, LEVEL_2M);
  } else yield* kvm.mmu.slotRemoveWriteAccess(kvm, cpu, memslot, LEVEL_4K);
  kvmFlushRemoteTlbs(kvm, cpu);
}
