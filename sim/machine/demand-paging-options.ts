// The options of a demand_paging_test cell: what they are where nothing is said, and which combinations are refused. What concerns userfaultfd and
// KVM Userfault is checked here for every suite that has them.

import { MAX_PAYLOAD } from '../kvm/spte.js';
import { LEVEL_2M, PAGE_BYTES, pagesPerLevel } from '../units.js';
import { ASYNC_PF_MODES, type DemandPagingOptions, READER_WAITS, RECOVERY_POLICIES, UFFD_BACKINGS, UFFD_MODES, type UserfaultOptions } from './cell.js';

const MAX_VCPUS = 1024;
/** All reader threads of all userfaultfds. */
const MAX_READERS = 4096;
const MAX_DELAY_US = 10_000_000;
/** Virtual time is counted in picoseconds and has to stay a safe integer, with room to spare. */
const MAX_VIRTUAL_SECONDS = 4000;

/** Who catches and resolves faults where nothing is said. */
export const DEFAULT_CATCHERS = {
  singleUffd: false,
  readers: 1,
  kvmUserfault: false,
  overlap: false,
  readerWait: 'epoll-exclusive',
  asyncPf: 'off',
  vmaLocks: true,
  guestSeed: 1,
} as const satisfies Partial<UserfaultOptions>;

/** What the selftest does without options. */
export const DEFAULT_DEMAND_PAGING: DemandPagingOptions = {
  ...DEFAULT_CATCHERS,
  vcpus: 1,
  vcpuBytes: 2 ** 30,
  backing: 'anonymous',
  uffd: 'none',
  delayUs: 0,
  preallocate: false,
  recovery: 'none',
};

/** Memory that has a page cache, and so a second mapping through which a minor fault's page can be filled. */
const SHARED_BACKINGS: readonly UserfaultOptions['backing'][] = ['shmem', 'shared_hugetlb_2mb'];
const HUGE_BACKINGS: readonly UserfaultOptions['backing'][] = ['anonymous_thp', 'shared_hugetlb_2mb'];

/** One line that says why the combination is refused, or undefined. */
export function checkDemandPagingOptions(options: DemandPagingOptions): string | undefined {
  return userfaultProblem(options) ?? delayProblem(options) ?? preallocateProblem(options) ?? recoveryProblem(options);
}

/** What is wrong with the memory, the userfaultfds and KVM Userfault of any suite: one line, or undefined. */
export function userfaultProblem(options: UserfaultOptions): string | undefined {
  return (
    wordProblem(options) ??
    sizeProblem(options) ??
    modeProblem(options) ??
    uffdCountProblem(options) ??
    readersProblem(options) ??
    asyncPfProblem(options) ??
    seedProblem(options)
  );
}

/**
 * Refuses what would outlast virtual time: faults that take `nsPerFault` each, as many at once as there are threads that resolve them, and whatever
 * else takes `otherNs`. `how` says which options make it shorter.
 */
export function durationProblem(options: UserfaultOptions, time: { nsPerFault: number; otherNs: number; how: string }): string | undefined {
  const { vcpus, kvmUserfault, readers } = options;
  const resolvers = kvmUserfault ? vcpus : uffdCountOf(options) * readers;
  const faults = (vcpus * options.vcpuBytes) / granuleBytesOf(options);
  const seconds = (Math.ceil(faults / Math.min(vcpus, resolvers)) * time.nsPerFault + time.otherNs) / 1e9;
  if (seconds <= MAX_VIRTUAL_SECONDS) return undefined;
  return `Cannot simulate about ${Math.ceil(seconds)} s of virtual time: current limit ${MAX_VIRTUAL_SECONDS} s, expected ${time.how}`;
}

function wordProblem({ uffd, backing, readerWait }: UserfaultOptions): string | undefined {
  if (!UFFD_MODES.includes(uffd)) return `Cannot register a userfaultfd for ${uffd} faults: expected ${UFFD_MODES.join(', ')}`;
  if (!UFFD_BACKINGS.includes(backing)) return `Cannot back the guest with ${backing}: expected ${UFFD_BACKINGS.join(', ')}`;
  return READER_WAITS.includes(readerWait) ? undefined : `Cannot let readers wait by ${readerWait}: expected ${READER_WAITS.join(', ')}`;
}

function sizeProblem(options: UserfaultOptions): string | undefined {
  const { vcpus, vcpuBytes, backing } = options;
  if (!isWhole(vcpus, 1, MAX_VCPUS)) return `Cannot run ${vcpus} vCPUs: expected 1 to ${MAX_VCPUS}`;
  const granule = granuleBytesOf(options);
  if (!isWhole(vcpuBytes, 1, Number.MAX_SAFE_INTEGER) || vcpuBytes % granule !== 0)
    return `Cannot give each vCPU ${vcpuBytes} bytes of ${backing} memory: expected a multiple of ${granule}`;
  const pages = (vcpus * vcpuBytes) / PAGE_BYTES;
  if (pages <= MAX_PAYLOAD) return undefined;
  const gib = (count: number): number => (count * PAGE_BYTES) / 2 ** 30;
  return `Cannot simulate ${gib(pages)} GiB of guest memory: current limit ${gib(MAX_PAYLOAD)} GiB, expected fewer vCPUs or less memory each`;
}

function modeProblem({ uffd, backing }: UserfaultOptions): string | undefined {
  if (backing === 'guest_memfd' && uffd !== 'none')
    return `Cannot register guest_memfd with a userfaultfd: current mode ${uffd}, expected KVM Userfault alone (guest_memfd has no mapping in user space)`;
  if (uffd !== 'minor' || SHARED_BACKINGS.includes(backing)) return undefined;
  return `Cannot catch minor faults of ${backing} memory: it has no page cache, expected ${SHARED_BACKINGS.join(' or ')}, or missing faults`;
}

function uffdCountProblem({ uffd, overlap, singleUffd, vcpus }: UserfaultOptions): string | undefined {
  if (uffd === 'none' || singleUffd || !overlap) return undefined;
  return `Cannot give each vCPU its own userfaultfd: current ${vcpus} vCPUs that all touch the same memory (overlap), expected a single one`;
}

function readersProblem(options: UserfaultOptions): string | undefined {
  const { uffd, readers, readerWait } = options;
  if (!isWhole(readers, 1, MAX_READERS)) return `Cannot start ${readers} readers for each userfaultfd: expected 1 to ${MAX_READERS}`;
  if (uffd === 'none') {
    if (readers > 1) return `Cannot start ${readers} readers: current no userfaultfd, expected mode missing or minor with them`;
    if (readerWait === DEFAULT_DEMAND_PAGING.readerWait) return undefined;
    return `Cannot let readers wait by ${readerWait}: current no userfaultfd, expected mode missing or minor with readers`;
  }
  const all = uffdCountOf(options) * readers;
  if (all <= MAX_READERS) return undefined;
  return `Cannot start ${all} readers, ${readers} for each of ${uffdCountOf(options)} userfaultfds: expected at most ${MAX_READERS} in all`;
}

function asyncPfProblem({ asyncPf, kvmUserfault }: UserfaultOptions): string | undefined {
  if (!ASYNC_PF_MODES.includes(asyncPf)) return `Cannot take page faults asynchronously by ${asyncPf}: expected ${ASYNC_PF_MODES.join(', ')}`;
  if (asyncPf === 'off') return undefined;
  if (asyncPf === 'kernel') {
    if (kvmUserfault)
      return "Cannot use KVM Userfault with the kernel's asynchronous page faults: current kernel, expected off, or user (driven by user space)";
    return "Cannot use the kernel's asynchronous page faults: they are not simulated, expected off, or user with KVM Userfault";
  }
  return kvmUserfault
    ? undefined
    : 'Cannot let user space drive asynchronous page faults: current no KVM Userfault, expected it, or asynchronous page faults off';
}

function seedProblem({ guestSeed }: UserfaultOptions): string | undefined {
  return isWhole(guestSeed, 0, 2 ** 31 - 2) ? undefined : `Cannot seed the guests with ${guestSeed}: expected a whole number from 0 to ${2 ** 31 - 2}`;
}

function delayProblem(options: DemandPagingOptions): string | undefined {
  const { delayUs, uffd, kvmUserfault } = options;
  if (!isWhole(delayUs, 0, MAX_DELAY_US)) return `Cannot delay each resolution by ${delayUs} us: expected 0 to ${MAX_DELAY_US}`;
  if (delayUs === 0) return undefined;
  if (uffd === 'none' && !kvmUserfault)
    return `Cannot delay each resolution by ${delayUs} us: current faults that the kernel resolves, expected a userfaultfd or KVM Userfault`;
  return durationProblem(options, { nsPerFault: delayUs * 1000, otherNs: 0, how: 'a shorter delay, less memory or more readers' });
}

function preallocateProblem({ preallocate, backing, uffd }: DemandPagingOptions): string | undefined {
  const shared = SHARED_BACKINGS.includes(backing);
  if (preallocate && !shared) return `Cannot preallocate the page cache of ${backing} memory: it has none, expected ${SHARED_BACKINGS.join(' or ')}`;
  if (!preallocate || uffd !== 'missing') return undefined;
  return 'Cannot catch missing faults of a preallocated page cache: no page is missing, expected minor faults or no preallocation';
}

function recoveryProblem({ recovery, kvmUserfault, backing }: DemandPagingOptions): string | undefined {
  if (!RECOVERY_POLICIES.includes(recovery)) return `Cannot recover huge mappings ${recovery}: expected ${RECOVERY_POLICIES.join(', ')}`;
  if (recovery === 'none') return undefined;
  if (!kvmUserfault) return `Cannot recover huge mappings ${recovery}: current no KVM Userfault that could be disabled, expected KVM Userfault`;
  if (HUGE_BACKINGS.includes(backing)) return undefined;
  return `Cannot recover huge mappings ${recovery}: current ${backing} memory, which has none, expected ${HUGE_BACKINGS.join(' or ')}`;
}

function uffdCountOf({ singleUffd, vcpus }: UserfaultOptions): number {
  return singleUffd ? 1 : vcpus;
}

/** What one fault brings in. */
function granuleBytesOf({ backing }: UserfaultOptions): number {
  return HUGE_BACKINGS.includes(backing) ? pagesPerLevel(LEVEL_2M) * PAGE_BYTES : PAGE_BYTES;
}

/** A whole number in these bounds, which are both included. */
export function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
