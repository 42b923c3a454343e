// fast_page_fault() makes a read-only spte writable without mmu_lock: against get_dirty_log and the mmu notifier, which hold it; against a fault that
// drops the large page; and against one that frees the page tables it walks. The real paths run, under the shadow MMU that serves EPT.

import type { Cpu, KernelPath } from '../../engine/cpu.js';
import { ERAS } from '../../kvm/era.js';
import type { KvmConfig } from '../../kvm/kvm.js';
import { madviseDontneed } from '../../kvm/madvise.js';
import { LEVEL_2M, TABLE_ENTRIES } from '../../units.js';
import { LOGGED_CLAIMS, LoggedVm, type LoggedVmPlan, loggedVmWords, OTHER_PAGE, SLOT_ID } from './logged-vm.js';
import { plantsOf, tsoPlantsOf } from './plants-of.js';
import type { Protocol, ProtocolOptions, ProtocolParts, ProtocolRun } from './protocol.js';
import { actorNames, wordName } from './small-vm.js';

const LOCKED: Partial<KvmConfig> = { era: ERAS['2022'], writeProtect: 'locked' };

/** One page, mapped read-only. With two vCPUs the host keeps out of it: four CPUs have too many orders. */
const SMALL: LoggedVmPlan = { slot: { id: SLOT_ID, baseGfn: 8, npages: 1, hvaPage: 0 }, config: LOCKED, otherCpus: 1 };
const PAGE = 0;

class SmallPage implements ProtocolRun {
  readonly #vm: LoggedVm;
  readonly #host: Cpu | undefined;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#vm = new LoggedVm(parts, options, SMALL, { initialize, written: [PAGE], protect: true });
    this.#host = parts.cpus[options.vcpus + 1];
  }

  paths(): KernelPath[] {
    const { kvm, memory } = this.#vm;
    const guests = this.#vm.vcpus.map((_, index) => this.#vm.guest(index, [PAGE]));
    const others = [this.#vm.collect([PAGE])];
    if (this.#host !== undefined) others.push(madviseDontneed(kvm, this.#host, memory, { first: PAGE, count: 1 }));
    return [...guests, ...others];
  }

  atEnd(): void {
    this.#vm.checkAtEnd();
  }
}

/** A 4 KiB page is made writable. */
export const fastPageFault: Protocol = {
  name: 'fast-page-fault',
  summary: 'fast_page_fault() makes a 4 KiB spte writable while get_dirty_log protects it and the mmu notifier drops it',
  claims: LOGGED_CLAIMS,
  plants: plantsOf('fast-store', 'fast-dirty-first', 'fast-no-dirty'),
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: ['mmu_lock'],
  actors: (options) => (options.vcpus === 1 ? actorNames(options, 'ioctl', 'host') : actorNames(options, 'ioctl')),
  arenaWords: (options) => loggedVmWords(options, SMALL),
  build: (parts, options, initialize) => new SmallPage(parts, options, initialize),
  nameOf: wordName,
};

/** A 2 MiB page, mapped read-only, of which two 4 KiB pages are written. */
const LARGE: LoggedVmPlan = {
  slot: { id: SLOT_ID, baseGfn: TABLE_ENTRIES, npages: TABLE_ENTRIES, hvaPage: 0 },
  logsLater: true,
  config: { ...LOCKED, hostLevel: LEVEL_2M },
};
const [FIRST, SECOND] = [0, 1];
const LARGE_WRITES = [[FIRST], [SECOND]];

class LargePage implements ProtocolRun {
  readonly #vm: LoggedVm;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#vm = new LoggedVm(parts, options, LARGE, { initialize, written: [FIRST] });
  }

  paths(): KernelPath[] {
    return [...this.#vm.vcpus.map((_, index) => this.#vm.guest(index, LARGE_WRITES[index])), this.#vm.collect([FIRST, SECOND])];
  }

  atEnd(): void {
    this.#vm.checkAtEnd();
  }
}

/** A large page must not be made writable where writes are logged. */
export const fastPageFaultLarge: Protocol = {
  name: 'fast-page-fault-large',
  summary: 'fast_page_fault() meets a large read-only spte, which slow faults drop to log writes page by page',
  claims: LOGGED_CLAIMS,
  plants: [{ ...plantsOf('fast-fix-large')[0], vcpus: 2 }],
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: ['mmu_lock'],
  actors: (options) => actorNames(options, 'ioctl'),
  arenaWords: (options) => loggedVmWords(options, LARGE),
  build: (parts, options, initialize) => new LargePage(parts, options, initialize),
  nameOf: wordName,
};

/** One page, mapped read-only; there are too few shadow pages for another table. */
const WALKED: LoggedVmPlan = { slot: { id: SLOT_ID, baseGfn: 8, npages: 1, hvaPage: 0 }, config: LOCKED };
/** Shadow pages left: one less than a fault wants to find. */
const FEW_PAGES_LEFT = 4;

class FreedTable implements ProtocolRun {
  readonly #vm: LoggedVm;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    // Set-up borrows the CPU of a vCPU that has not begun yet for the ioctls.
    this.#vm = new LoggedVm(parts, options, WALKED, { initialize, written: [PAGE], protect: true });
    const { words, usedMmuPages, maxMmuPages } = this.#vm.kvm;
    if (initialize) words[maxMmuPages] = words[usedMmuPages] + FEW_PAGES_LEFT;
  }

  paths(): KernelPath[] {
    return [this.#vm.guest(0, [PAGE]), this.#vm.guest(1, [OTHER_PAGE])];
  }

  atEnd(): void {
    this.#vm.checkAtEnd();
  }
}

/** Page tables are freed under the walk. */
export const fastPageFaultFree: Protocol = {
  name: 'fast-page-fault-free',
  summary: 'fast_page_fault() walks page tables that another fault recycles',
  claims: [...LOGGED_CLAIMS, { name: 'assertion', claim: 'no walk reads or writes a page table that has been freed' }],
  plants: [...plantsOf('fast-no-walk-guard'), { ...tsoPlantsOf('fast-no-walk-fence')[0], foundByPct: true }],
  vcpus: { min: 2, max: 2, usual: 2 },
  interruptible: ['mmu_lock'],
  actors: (options) => actorNames(options),
  arenaWords: (options) => loggedVmWords(options, WALKED),
  build: (parts, options, initialize) => new FreedTable(parts, options, initialize),
  nameOf: wordName,
};
