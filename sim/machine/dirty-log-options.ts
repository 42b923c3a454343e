// From the options of a dirty_log_perf_test cell to the configuration of a VM, and what is refused.

import { ERAS } from '../kvm/era.js';
import { defaultMmuPages, type KvmConfig, kvmArenaWords, type MemslotPlan } from '../kvm/kvm.js';
import { shadowMmu } from '../kvm/shadow-mmu.js';
import { splitEager } from '../kvm/split-eager.js';
import { splitEagerSkip } from '../kvm/split-eager-skip.js';
import { splitLazy } from '../kvm/split-lazy.js';
import { splitOnFault } from '../kvm/split-on-fault.js';
import type { SplitPolicy } from '../kvm/split-policy.js';
import { MAX_PAYLOAD } from '../kvm/spte.js';
import { tdpMmu } from '../kvm/tdp-mmu.js';
import { LEVEL_1G, LEVEL_2M, LEVEL_4K, levelOfBytes, PAGE_BYTES, ROOT_LEVEL } from '../units.js';
import type { DirtyLogOptions } from './cell.js';
import { REGION_GFN, regionPages, tablesOfLevel } from './memstress.js';

const SPLITS: Record<DirtyLogOptions['split'], SplitPolicy> = { lazy: splitLazy, eager: splitEager, 'eager-skip': splitEagerSkip, 'on-fault': splitOnFault };
const MMU_BY_NAME = { shadow: shadowMmu, tdp: tdpMmu };

export const DEFAULT_DIRTY_LOG: DirtyLogOptions = {
  vcpus: 1,
  vcpuBytes: 2 ** 30,
  memslots: 1,
  iterations: 2,
  writePercent: 100,
  writeEvery: 0,
  randomAccess: false,
  overlap: false,
  guestSeed: 1,
  initiallyAllSet: true,
  runWhileDisabling: false,
  concurrent: false,
  backing: 'anonymous_hugetlb_1gb',
  mmu: 'shadow',
  ept: true,
  split: 'eager',
  guestPageBytes: 2 ** 30,
  processes: 1,
  mmuPages: 0,
  preempt: 'full',
  wpFaultLock: 'write',
  dirtyGranularityBytes: PAGE_BYTES,
};

const HOST_LEVELS: Record<DirtyLogOptions['backing'], number> = {
  anonymous: LEVEL_4K,
  anonymous_thp: LEVEL_2M,
  anonymous_hugetlb_2mb: LEVEL_2M,
  anonymous_hugetlb_1gb: LEVEL_1G,
  shmem: LEVEL_4K,
  shared_hugetlb_2mb: LEVEL_2M,
  shared_hugetlb_1gb: LEVEL_1G,
};

/** One line that says why the combination is refused, or undefined. */
export function checkDirtyLogOptions(options: DirtyLogOptions): string | undefined {
  const pages = regionPages(options);
  if (!Number.isInteger(options.vcpus) || options.vcpus < 1 || options.vcpus > 1024) return `Cannot run ${options.vcpus} vCPUs: expected 1 to 1024`;
  if (options.vcpuBytes % PAGE_BYTES !== 0 || options.vcpuBytes < PAGE_BYTES)
    return `Cannot give each vCPU ${options.vcpuBytes} bytes: expected a multiple of ${PAGE_BYTES}`;
  if (pages > MAX_PAYLOAD)
    return `Cannot simulate ${(pages * PAGE_BYTES) / 2 ** 30} GiB of guest memory: current limit ${(MAX_PAYLOAD * PAGE_BYTES) / 2 ** 30} GiB, expected fewer vCPUs or less memory each`;
  if (pages % options.memslots !== 0) return `Cannot divide ${pages} pages among ${options.memslots} memslots: expected a divisor of the pages`;
  if (options.iterations < 1) return `Cannot run ${options.iterations} iterations: expected 1 or more`;
  if (options.mmu === 'tdp' && !options.ept) return 'Cannot use the TDP MMU without two-dimensional paging: current ept=N, expected ept=Y';
  if (options.ept && options.processes > 1)
    return `Cannot alias memory in ${options.processes} processes with ept=Y: KVM does not see the guest's tables, expected ept=N`;
  if (options.processes < 1 || options.processes > 64) return `Cannot run ${options.processes} guest processes: expected 1 to 64`;
  if (options.mmu === 'tdp' && options.wpFaultLock === 'read')
    return 'Cannot choose the lock of write-protection faults in the TDP MMU: it takes mmu_lock for read already, expected mmu=shadow';
  if (options.mmu === 'tdp' && options.mmuPages > 0) return 'Cannot limit the shadow pages of the TDP MMU: it has no quota, expected mmu=shadow';
  if (options.mmuPages !== 0 && options.mmuPages < 32) return `Cannot run with a quota of ${options.mmuPages} shadow pages: expected 32 or more`;
  if (options.dirtyGranularityBytes > 2 ** 21) return `Cannot log dirty pages at ${options.dirtyGranularityBytes} bytes: expected 4096 or 2097152`;
  return undefined;
}

export function kvmConfigOf(options: DirtyLogOptions): KvmConfig {
  const pages = regionPages(options);
  const guest = { processCount: options.processes, leafLevel: levelOfBytes(options.guestPageBytes) };
  const quota = options.mmuPages > 0 ? options.mmuPages : defaultMmuPages(pages);
  const tables = tablesNeeded(options, guest.leafLevel);
  return {
    vcpuCount: options.vcpus,
    ept: options.ept,
    mmu: MMU_BY_NAME[options.mmu],
    split: SPLITS[options.split],
    preempt: options.preempt,
    wpFaultLock: options.wpFaultLock,
    dirtyLevel: levelOfBytes(options.dirtyGranularityBytes),
    initiallyAllSet: options.initiallyAllSet,
    guest,
    requestedMmuPages: options.mmu === 'tdp' ? MAX_PAYLOAD : options.mmuPages,
    era: ERAS['2022'],
    memslotStructure: 'tree',
    maxMemslots: options.memslots + 1,
    lastUsed: 'vcpu',
    slotZapAll: true,
    hostLevel: HOST_LEVELS[options.backing],
    memslots: memslotPlans(options),
    archRoom: 0,
    tableCapacity: options.mmu === 'tdp' ? 2 * tables : Math.min(tables, 2 * quota + 64),
    descCapacity: descsNeeded(options, tables),
  };
}

function memslotPlans(options: DirtyLogOptions): MemslotPlan[] {
  const npages = regionPages(options) / options.memslots;
  return Array.from({ length: options.memslots }, (_, index) => ({
    id: index + 1,
    baseGfn: REGION_GFN + index * npages,
    npages,
    hvaPage: index * npages,
  }));
}

/** An upper bound of the table frames in use at once, the gfn lists of indirect pages included. */
function tablesNeeded(options: DirtyLogOptions, leafLevel: number): number {
  const pages = regionPages(options);
  let direct = 0;
  let indirect = 0;
  for (let level = 1; level <= ROOT_LEVEL; level++) {
    if (options.ept || level < leafLevel) direct += tablesOfLevel(pages, level);
    else indirect += tablesOfLevel(pages, level);
  }
  return direct * Math.min(2, options.processes) + indirect * 2 * options.processes + 32;
}

/** An upper bound of rmap descriptors: pages that several tables map, and tables that several sptes point to. */
function descsNeeded(options: DirtyLogOptions, tables: number): number {
  if (options.processes === 1) return 64;
  const pages = regionPages(options);
  const mappings = levelOfBytes(options.guestPageBytes) === LEVEL_4K ? options.processes : 2;
  return pages * Math.ceil(mappings / 13) + Math.ceil(pages / 512) * Math.ceil(options.processes / 13) + 2 * tables + 1024;
}

/** Bytes of shared memory that a cell takes. */
export function arenaBytes(options: DirtyLogOptions): number {
  return kvmArenaWords(kvmConfigOf(options)) * 4;
}
