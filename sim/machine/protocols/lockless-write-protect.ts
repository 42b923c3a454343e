// Write protection without mmu_lock: against faults, against the mmu notifier that drops what is being protected, and against a fault that recycles the
// page tables that are walked. The real paths run: KVM_RUN, KVM_GET_DIRTY_LOG under the lockless policy, madvise(MADV_DONTNEED).

import type { Cpu, KernelPath } from '../../engine/cpu.js';
import { LockSite } from '../../kvm/lock-sites.js';
import { collects, dropsPage, type LoggedVm, loggedVmProtocol, OTHER_PAGE, SLOT_ID } from './logged-vm.js';
import { plantsOf, tsoPlantsOf } from './plants-of.js';

const MAPPED = 0;
const UNMAPPED = 1;
const ONE_PAGE = { id: SLOT_ID, baseGfn: 8, npages: 1, hvaPage: 0 };
const VCPUS = { min: 1, max: 2, usual: 1, also: [2] };

/** Faults and get_dirty_log, which takes no mmu_lock. */
export const locklessWriteProtect = loggedVmProtocol(
  {
    name: 'lockless-write-protect',
    summary: 'get_dirty_log makes sptes read-only without mmu_lock, while vCPUs fault and write',
    plants: plantsOf('dirty-before-spte', 'rmap-after-dirty', 'missed-flush'),
    vcpus: VCPUS,
  },
  {
    slot: { ...ONE_PAGE, npages: 2 },
    written: [MAPPED],
    writes: [
      [UNMAPPED, MAPPED, UNMAPPED],
      [MAPPED, MAPPED],
    ],
    others: () => [collects([MAPPED, UNMAPPED])],
  },
);

/** The same beside the mmu notifier. The first vCPU may use its TLB. */
export const locklessWriteProtectZap = loggedVmProtocol(
  {
    name: 'lockless-write-protect-zap',
    summary: 'get_dirty_log makes an spte read-only without mmu_lock, while the mmu notifier drops it and a vCPU writes',
    plants: plantsOf('rmap-before-zap', 'flush-if-changed', 'drop-protect'),
    vcpus: VCPUS,
  },
  {
    slot: ONE_PAGE,
    written: [MAPPED],
    writes: [[MAPPED, MAPPED], [MAPPED]],
    others: () => [collects([MAPPED]), dropsPage(MAPPED)],
  },
);

/** The same while the page tables that are walked are recycled. */
export const locklessWriteProtectFree = loggedVmProtocol(
  {
    name: 'lockless-write-protect-free',
    summary: 'a memslot is made read-only without mmu_lock, while a fault recycles its page tables',
    plants: [...plantsOf('free-at-once'), ...tsoPlantsOf('no-indicator-fence')],
    vcpus: VCPUS,
  },
  {
    slot: ONE_PAGE,
    written: [MAPPED],
    hasFewPages: true,
    writes: [[OTHER_PAGE], [MAPPED]],
    others: () => [{ name: 'ioctl', path: protectMemslot }],
  },
);

/** The whole memslot, as when logging starts. */
function* protectMemslot({ kvm, memslot }: LoggedVm, cpu: Cpu): KernelPath {
  if (kvm.slotsLock.lock(cpu, LockSite.enableDirtyLog)) yield;
  yield* kvm.writeProtect.protectMemslot(kvm, cpu, memslot);
  if (kvm.slotsLock.unlock(cpu)) yield;
}
