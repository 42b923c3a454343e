// fast_page_fault() makes a read-only spte writable without mmu_lock: against get_dirty_log and the mmu notifier, which hold it; against a fault that
// drops the large page; and against one that frees the page tables it walks. The real paths run, under the shadow MMU that serves EPT.

import { ERAS } from '../../kvm/era.js';
import type { KvmConfig } from '../../kvm/kvm.js';
import { LEVEL_2M, TABLE_ENTRIES } from '../../units.js';
import { collects, dropsPage, loggedVmProtocol, OTHER_PAGE, SLOT_ID } from './logged-vm.js';
import { plantsOf, tsoPlantsOf } from './plants-of.js';

const LOCKED: Partial<KvmConfig> = { era: ERAS['2022'], writeProtect: 'locked' };
const PAGE = 0;
const ONE_PAGE = { id: SLOT_ID, baseGfn: 8, npages: 1, hvaPage: 0 };
const VCPUS = { min: 1, max: 2, usual: 1, also: [2] };

/** A 4 KiB page is made writable. With two vCPUs the host keeps out of it: four CPUs have too many orders. */
export const fastPageFault = loggedVmProtocol(
  {
    name: 'fast-page-fault',
    summary: 'fast_page_fault() makes a 4 KiB spte writable while get_dirty_log protects it and the mmu notifier drops it',
    plants: plantsOf('fast-store', 'fast-dirty-first', 'fast-no-dirty'),
    vcpus: VCPUS,
  },
  {
    slot: ONE_PAGE,
    config: LOCKED,
    written: [PAGE],
    isProtected: true,
    writes: [[PAGE], [PAGE]],
    others: ({ vcpus }) => (vcpus === 1 ? [collects([PAGE]), dropsPage(PAGE)] : [collects([PAGE])]),
  },
);

const [FIRST, SECOND] = [0, 1];

/** A 2 MiB page, mapped read-only, of which two 4 KiB pages are written: it must not be made writable where writes are logged. */
export const fastPageFaultLarge = loggedVmProtocol(
  {
    name: 'fast-page-fault-large',
    summary: 'fast_page_fault() meets a large read-only spte, which slow faults drop to log writes page by page',
    plants: [{ ...plantsOf('fast-fix-large')[0], vcpus: 2 }],
    vcpus: VCPUS,
  },
  {
    slot: { id: SLOT_ID, baseGfn: TABLE_ENTRIES, npages: TABLE_ENTRIES, hvaPage: 0 },
    config: { ...LOCKED, hostLevel: LEVEL_2M },
    written: [FIRST],
    logsLater: true,
    writes: [[FIRST], [SECOND]],
    others: () => [collects([FIRST, SECOND])],
  },
);

/** Page tables are freed under the walk. */
export const fastPageFaultFree = loggedVmProtocol(
  {
    name: 'fast-page-fault-free',
    summary: 'fast_page_fault() walks page tables that another fault recycles',
    plants: [...plantsOf('fast-no-walk-guard'), { ...tsoPlantsOf('fast-no-walk-fence')[0], foundByPct: true }],
    vcpus: { min: 2, max: 2, usual: 2 },
  },
  {
    slot: ONE_PAGE,
    config: LOCKED,
    written: [PAGE],
    isProtected: true,
    hasFewPages: true,
    writes: [[PAGE], [OTHER_PAGE]],
    others: () => [],
  },
);
