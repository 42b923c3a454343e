// How memslots change while vCPUs run: KVM_SET_USER_MEMORY_REGION, and both ways that the thread proposed to change several at once, each
// in at most two swaps of the memslot sets. Models kvm_set_memslot() and what it calls of virt/kvm/kvm_main.c and arch/x86/kvm/x86.c.
//
// The flags of a memslot, dirty logging and KVM Userfault among them, change in one swap; what follows for its mappings is in apply-flags.ts.
// A delete or move goes through a set in which the memslot is INVALID, so that nothing maps it again after it has been zapped.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { applyFlags, keepBitmaps, prepareLogging, startsLogging } from './apply-flags.js';
import { HUGE_PAGE_RECOVERIES, type HugePageRecovery } from './huge-page-recovery.js';
import { defaultMmuPages, type Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import { isRefusal, type MemoryRegion, type PlannedChange, planRegion, planRegions, planWholeSet, type Refusal, refuse } from './memory-region.js';
import { archBlocks, createArch, freeArch, hostLevel, inheritUserfaultBitmap } from './memslots.js';
import { kickVcpus } from './vcpu.js';

/** How huge mappings come back unless the caller says otherwise: as the MMU does it where only dirty logging ends. */
const ON_DEMAND = HUGE_PAGE_RECOVERIES['on-demand'];

/**
 * KVM_SET_USER_MEMORY_REGION. Returns null, or why nothing was changed. `recover`: how huge mappings come back, if they may.
 * Locks: slots_lock, then mmu_lock. Suspends: there and in grace periods.
 */
export function* setUserMemoryRegion(kvm: Kvm, cpu: Cpu, region: MemoryRegion, recover: HugePageRecovery = ON_DEMAND): KernelPath<Refusal | null> {
  return yield* setRegions(kvm, cpu, () => planRegion(kvm, cpu, region), recover);
}

/** Maciej Szmigiero's KVM_CHANGE_USER_MEMORY_REGIONS: these changes and no others, atomic to readers. O(changes) beside what the structure does. */
export function* changeUserMemoryRegions(kvm: Kvm, cpu: Cpu, regions: readonly MemoryRegion[]): KernelPath<Refusal | null> {
  return yield* setRegions(kvm, cpu, () => planRegions(kvm, cpu, regions), ON_DEMAND);
}

/** Paolo Bonzini's KVM_SET_USER_MEMORY_REGIONS: the whole new set, atomic to readers; KVM finds the difference. O(memslots + regions). */
export function* setUserMemoryRegions(kvm: Kvm, cpu: Cpu, regions: readonly MemoryRegion[]): KernelPath<Refusal | null> {
  return yield* setRegions(kvm, cpu, () => planWholeSet(kvm, cpu, regions), ON_DEMAND);
}

/** What the ioctls share. `plan` checks, under slots_lock. */
function* setRegions(kvm: Kvm, cpu: Cpu, plan: () => PlannedChange[] | Refusal, recover: HugePageRecovery): KernelPath<Refusal | null> {
  cpu.spend(cpu.cost.ioctl_entry);
  if (kvm.slotsLock.lock(cpu, LockSite.slotUpdate)) yield;
  const plans = plan();
  const refusal = isRefusal(plans) ? plans : plans.length === 0 ? null : yield* setMemslots(kvm, cpu, plans, recover);
  if (kvm.slotsLock.unlock(cpu)) yield;
  return refusal;
}

/** Carries out checked changes. Locks: slots_lock held. Models kvm_set_memslot(). */
function* setMemslots(kvm: Kvm, cpu: Cpu, plans: readonly PlannedChange[], recover: HugePageRecovery): KernelPath<Refusal | null> {
  const { memslots } = kvm;
  const leaving = plans.filter(({ change }) => change.kind === 'delete' || change.kind === 'move');
  cpu.counters.memslotUpdates += plans.length;
  memslots.begin(cpu);
  if (leaving.length > 0) {
    const early = kvm.plant === 'zap-before-invalid';
    if (early) yield* flushShadowMemslots(kvm, cpu, leaving);
    for (const { change } of leaving) memslots.stageInvalid(cpu, change.memslot.id);
    yield* swapMemslots(kvm, cpu);
    if (!early) yield* flushShadowMemslots(kvm, cpu, leaving);
  }
  const refusal = prepareRegions(kvm, cpu, plans);
  if (refusal === null) yield* installChanges(kvm, cpu, plans);
  else if (leaving.length > 0) yield* swapMemslots(kvm, cpu); // back to the set without INVALID memslots
  memslots.finish(cpu);
  if (refusal === null) yield* commitRegions(kvm, cpu, plans, recover);
  return refusal;
}

function* installChanges(kvm: Kvm, cpu: Cpu, plans: readonly PlannedChange[]): KernelPath {
  const { memslots } = kvm;
  yield* editHva(kvm, cpu, plans, 'create');
  for (const { change } of plans) memslots.stage(cpu, change);
  yield* swapMemslots(kvm, cpu);
  yield* editHva(kvm, cpu, plans, 'delete');
}

/** Publishes what is staged and waits until nobody reads the old set. Models swap_memslots() and install_new_memslots(). */
function* swapMemslots(kvm: Kvm, cpu: Cpu): KernelPath {
  cpu.spend(cpu.cost.slot_update);
  if (cpu.touch(kvm.slotsWord)) yield;
  kvm.memslots.publish(cpu);
  if (kvm.plant !== 'no-grace-period') yield* kvm.srcu.synchronizeExpedited(cpu);
  if (cpu.interleave(kvm.slotsWord)) yield;
  kvm.memslots.settle(cpu);
  kickVcpus(kvm, cpu); // kvm_arch_memslots_updated(): they look up their steal-time page again
}

/** Nothing maps the memslots any more. Models kvm_arch_flush_shadow_memslot(): all of the guest goes, or with the quirk off just them. */
function* flushShadowMemslots(kvm: Kvm, cpu: Cpu, leaving: readonly PlannedChange[]): KernelPath {
  if (kvm.config.slotZapAll) {
    yield* kvm.mmu.zapAllFast(kvm, cpu);
    return;
  }
  for (const { change } of leaving) yield* kvm.mmu.zapMemslot(kvm, cpu, kvm.memslots.idToMemslot(cpu, change.memslot.id));
}

/** Rmaps and page tracking for memslots that are created or change their alignment; bitmaps. Models kvm_arch_prepare_memory_region(). */
function prepareRegions(kvm: Kvm, cpu: Cpu, plans: readonly PlannedChange[]): Refusal | null {
  const needy = plans.filter(({ change }) => change.kind === 'create' || change.kind === 'move');
  const getsBitmap = ({ change }: PlannedChange): boolean => kvm.config.capUserfault === true && change.kind === 'create';
  if (!kvm.archHeap.hasRoom(needy.flatMap((plan) => archBlocks(plan.change.memslot.npages, getsBitmap(plan))))) {
    return refuse('ENOMEM', needy[0].change.memslot.id, `no room for the rmaps of ${needy.length} memslots`);
  }
  for (const plan of needy) {
    const { before } = plan;
    const { memslot } = plan.change;
    const level = before === undefined ? kvm.config.hostLevel : hostLevel(kvm.words, kvm.memslots.idToMemslot(cpu, memslot.id));
    const { arch, fresh } = createArch(kvm.archHeap, { npages: memslot.npages, hostLevel: level, hasUserfaultBitmap: getsBitmap(plan) });
    if (before !== undefined) inheritUserfaultBitmap(kvm.words, { from: before.arch, to: arch });
    memslot.arch = arch;
    cpu.spend(memslot.npages * (cpu.cost.slot_page_alloc + (fresh ? cpu.cost.slot_page_fresh : 0)));
  }
  for (const plan of plans) if (startsLogging(plan)) prepareLogging(kvm, plan.change.memslot);
  return null;
}

/** An hva index that is edited in place learns of a create before, of a delete after the memslot is seen. Locks: mmu_lock for write. */
function* editHva(kvm: Kvm, cpu: Cpu, plans: readonly PlannedChange[], kind: 'create' | 'delete'): KernelPath {
  const own = plans.filter(({ change }) => change.kind === kind);
  if (!kvm.memslots.hvaInPlace || own.length === 0) return;
  if (kvm.mmuLock.writeLock(cpu, LockSite.slotUpdate)) yield;
  for (const { change } of own) kvm.memslots.editHva(cpu, change);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** Models kvm_arch_commit_memory_region(): the quota of MMU pages, and dirty logging or KVM Userfault that starts or ends. */
function* commitRegions(kvm: Kvm, cpu: Cpu, plans: readonly PlannedChange[], recover: HugePageRecovery): KernelPath {
  for (const { change, before } of plans) {
    if (before !== undefined && (change.kind === 'delete' || change.kind === 'move')) {
      if (change.kind === 'move') keepBitmaps(kvm, cpu, { from: before, to: change.memslot });
      freeArch(kvm.archHeap, before.arch, change.kind === 'move');
    }
    if (kvm.era.sizesQuotaAtEachCommit || change.kind === 'create' || change.kind === 'delete') yield* changeMmuPages(kvm, cpu);
    yield* applyFlags(kvm, cpu, { change, before }, recover);
  }
}

/** Models kvm_mmu_change_mmu_pages() with the default quota. */
function* changeMmuPages(kvm: Kvm, cpu: Cpu): KernelPath {
  if (kvm.config.requestedMmuPages !== 0) return;
  const pages = kvm.memslots.totalPages(cpu);
  if (kvm.mmuLock.writeLock(cpu, LockSite.mmuPageQuota)) yield;
  kvm.words[kvm.maxMmuPages] = defaultMmuPages(pages);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}
