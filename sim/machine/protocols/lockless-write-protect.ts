// Write protection without mmu_lock against faults, and against the mmu notifier that drops what is being protected. The real paths run: KVM_RUN,
// KVM_GET_DIRTY_LOG under the lockless policy, madvise(MADV_DONTNEED).

import type { Cpu, KernelPath } from '../../engine/cpu.js';
import { LockSite } from '../../kvm/lock-sites.js';
import { madviseDontneed } from '../../kvm/madvise.js';
import { LOGGED_CLAIMS, LoggedVm, type LoggedVmPlan, loggedVmWords, OTHER_PAGE, SLOT_ID } from './logged-vm.js';
import { plantsOf, tsoPlantsOf } from './plants-of.js';
import type { Protocol, ProtocolOptions, ProtocolParts, ProtocolRun } from './protocol.js';
import { actorNames, wordName } from './small-vm.js';

/** One page that is mapped and dirty, and one that is not mapped. */
const PLAN: LoggedVmPlan = { slot: { id: SLOT_ID, baseGfn: 8, npages: 2, hvaPage: 0 } };
const MAPPED = 0;
const UNMAPPED = 1;

/** What each vCPU writes to. */
const WRITES = [
  [UNMAPPED, MAPPED, UNMAPPED],
  [MAPPED, MAPPED],
];

class FaultsAgainstProtection implements ProtocolRun {
  readonly #vm: LoggedVm;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#vm = new LoggedVm(parts, options, PLAN, { initialize, written: [MAPPED] });
  }

  paths(): KernelPath[] {
    return [...this.#vm.vcpus.map((_, index) => this.#vm.guest(index, WRITES[index])), this.#vm.collect([MAPPED, UNMAPPED])];
  }

  atEnd(): void {
    this.#vm.checkAtEnd();
  }
}

/** Faults and get_dirty_log, which takes no mmu_lock. */
export const locklessWriteProtect: Protocol = {
  name: 'lockless-write-protect',
  summary: 'get_dirty_log makes sptes read-only without mmu_lock, while vCPUs fault and write',
  claims: LOGGED_CLAIMS,
  plants: plantsOf('dirty-before-spte', 'rmap-after-dirty', 'missed-flush'),
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: ['mmu_lock'],
  actors: (options) => actorNames(options, 'ioctl'),
  arenaWords: (options) => loggedVmWords(options, PLAN),
  build: (parts, options, initialize) => new FaultsAgainstProtection(parts, options, initialize),
  nameOf: wordName,
};

const ZAP_PLAN: LoggedVmPlan = { slot: { id: SLOT_ID, baseGfn: 8, npages: 1, hvaPage: 0 }, otherCpus: 1 };

class ZapAgainstProtection implements ProtocolRun {
  readonly #vm: LoggedVm;
  readonly #host: Cpu;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#vm = new LoggedVm(parts, options, ZAP_PLAN, { initialize, written: [MAPPED] });
    this.#host = parts.cpus[options.vcpus + 1];
  }

  paths(): KernelPath[] {
    const { kvm, memory } = this.#vm;
    // The first may use its TLB.
    const guests = this.#vm.vcpus.map((_, index) => this.#vm.guest(index, index === 0 ? [MAPPED, MAPPED] : [MAPPED]));
    return [...guests, this.#vm.collect([MAPPED]), madviseDontneed(kvm, this.#host, memory, { first: MAPPED, count: 1 })];
  }

  atEnd(): void {
    this.#vm.checkAtEnd();
  }
}

/** The same beside the mmu notifier. */
export const locklessWriteProtectZap: Protocol = {
  name: 'lockless-write-protect-zap',
  summary: 'get_dirty_log makes an spte read-only without mmu_lock, while the mmu notifier drops it and a vCPU writes',
  claims: LOGGED_CLAIMS,
  plants: plantsOf('rmap-before-zap', 'flush-if-changed', 'drop-protect'),
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: ['mmu_lock'],
  actors: (options) => actorNames(options, 'ioctl', 'host'),
  arenaWords: (options) => loggedVmWords(options, ZAP_PLAN),
  build: (parts, options, initialize) => new ZapAgainstProtection(parts, options, initialize),
  nameOf: wordName,
};

/** One page that is mapped; there are too few shadow pages for another table. */
const FREE_PLAN: LoggedVmPlan = { slot: { id: SLOT_ID, baseGfn: 8, npages: 1, hvaPage: 0 }, config: { tableCapacity: 12 } };
/** Shadow pages left: one less than a fault wants to find. */
const FEW_PAGES_LEFT = 4;

class FreeAgainstProtection implements ProtocolRun {
  readonly #vm: LoggedVm;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#vm = new LoggedVm(parts, options, FREE_PLAN, { initialize, written: [MAPPED] });
    const { words, usedMmuPages, maxMmuPages } = this.#vm.kvm;
    if (initialize) words[maxMmuPages] = words[usedMmuPages] + FEW_PAGES_LEFT;
  }

  paths(): KernelPath[] {
    return [...this.#vm.vcpus.map((_, index) => this.#vm.guest(index, index === 0 ? [OTHER_PAGE] : [MAPPED])), this.#protect()];
  }

  /** The whole memslot, as when logging starts. */
  *#protect(): KernelPath {
    const { kvm, ioctl, memslot } = this.#vm;
    if (kvm.slotsLock.lock(ioctl, LockSite.enableDirtyLog)) yield;
    yield* kvm.writeProtect.protectMemslot(kvm, ioctl, memslot);
    if (kvm.slotsLock.unlock(ioctl)) yield;
  }

  atEnd(): void {
    this.#vm.checkAtEnd();
  }
}

/** The same while the page tables that are walked are recycled. */
export const locklessWriteProtectFree: Protocol = {
  name: 'lockless-write-protect-free',
  summary: 'a memslot is made read-only without mmu_lock, while a fault recycles its page tables',
  claims: [...LOGGED_CLAIMS, { name: 'assertion', claim: 'no walk reads or writes a page table that has been freed' }],
  plants: [...plantsOf('free-at-once'), ...tsoPlantsOf('no-indicator-fence')],
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: ['mmu_lock'],
  actors: (options) => actorNames(options, 'ioctl'),
  arenaWords: (options) => loggedVmWords(options, FREE_PLAN),
  build: (parts, options, initialize) => new FreeAgainstProtection(parts, options, initialize),
  nameOf: wordName,
};
