// Which cells the demand-paging suite runs: the published tables of a host, or what the options ask for.

import { type CellOptions, crossProduct, type GivenOptions, type PlanRequest } from './suite.js';
import { type Needs, unique, userfaultCells } from './userfault-options.js';

const MIB = 1024 ** 2;

export const X86_HOST = 'x86-2s48c-2024';
export const ARM64_HOST = 'ampereone-2024';

const PUBLISHED_VCPUS = [2, 8, 64];
const PUBLISHED_BYTES = 64 * MIB;
const SMOKE_VCPUS = [2, 4];
const SMOKE_BYTES = MIB / 2;
/** What two cores go through in a few tenths of a second, a reader that is woken for each fault included. */
const THREADS_VCPUS = 2;
const THREADS_BYTES = 4 * MIB;

/** How faults were caught. `readers`: how many each userfaultfd has, one or as many as there are vCPUs. */
interface Arm {
  uffd: 'none' | 'missing' | 'minor';
  singleUffd?: boolean;
  readers?: 'one' | 'per-vcpu';
  kvmUserfault?: boolean;
}

/** Without a userfaultfd it does not matter how many there would be: one cell answers the rows of "single" and "multiple". */
const WITHOUT_UFFD: readonly Arm[] = [{ uffd: 'none' }, { uffd: 'none', kvmUserfault: true }];

function withSingleUffd(uffd: Arm['uffd']): Arm[] {
  const single = { uffd, singleUffd: true };
  return [
    { ...single, readers: 'one' },
    { ...single, readers: 'per-vcpu' },
    { ...single, readers: 'per-vcpu', kvmUserfault: true },
  ];
}

const ANONYMOUS_ARMS: readonly Arm[] = [...WITHOUT_UFFD, ...withSingleUffd('missing')];
const SHMEM_ARMS: readonly Arm[] = [
  ...WITHOUT_UFFD,
  ...withSingleUffd('minor'),
  { uffd: 'minor', singleUffd: false, readers: 'one' },
  { uffd: 'minor', singleUffd: false, readers: 'one', kvmUserfault: true },
];

/** On real threads: two cores have room for one reader. */
const withOneReader = (arms: readonly Arm[]): Arm[] => arms.map((arm) => ({ ...arm, readers: 'one' }));

const SHARED_BACKINGS: readonly CellOptions[string][] = ['shmem', 'shared_hugetlb_2mb'];

/** Beyond what all suites of userfaults have. */
const NEEDS: Needs = {
  delayUs: ({ uffd, kvmUserfault }) => uffd !== 'none' || kvmUserfault === true,
  preallocate: ({ backing }) => SHARED_BACKINGS.includes(backing),
  recovery: ({ kvmUserfault }) => kvmUserfault === true,
};

/** The cells of a run on one host, each once. Throws a `UsageError` where options contradict each other. */
export function planDemandPaging(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { engine, smoke } = request;
  const defaults = smoke ? { ...request.defaults, vcpuBytes: SMOKE_BYTES } : request.defaults;
  if (Object.keys(given).length > 0) return askedFor(given, { ...request, defaults });
  if (engine === 'threads') {
    const size = { vcpus: [THREADS_VCPUS], vcpuBytes: [smoke ? SMOKE_BYTES : THREADS_BYTES] };
    return [...cellsOf('anonymous', withOneReader(ANONYMOUS_ARMS), { defaults, size }), ...cellsOf('shmem', withOneReader(SHMEM_ARMS), { defaults, size })];
  }
  const size = { vcpus: smoke ? SMOKE_VCPUS : PUBLISHED_VCPUS, vcpuBytes: [smoke ? SMOKE_BYTES : PUBLISHED_BYTES] };
  // The post has anonymous memory on x86 alone.
  const anonymous = request.profile === ARM64_HOST ? [] : cellsOf('anonymous', ANONYMOUS_ARMS, { defaults, size });
  return [...anonymous, ...cellsOf('shmem', SHMEM_ARMS, { defaults, size })];
}

function cellsOf(backing: string, arms: readonly Arm[], { defaults, size }: { defaults: CellOptions; size: GivenOptions }): CellOptions[] {
  const cells = crossProduct({ ...defaults, backing, preallocate: backing === 'shmem' }, size);
  return unique(arms.flatMap(({ readers = 'one', ...arm }) => cells.map((cell) => ({ ...cell, ...arm, readers: readers === 'one' ? 1 : cell.vcpus }))));
}

/** Every combination. As in the post, the page cache is preallocated unless said otherwise, or unless missing faults are to be caught. */
function askedFor(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { note } = request;
  const wanted = given.preallocate;
  if (wanted?.includes(false) && given.uffd?.includes('minor'))
    note?.('--preallocate N has no effect with --uffd MINOR: a minor fault finds its page in the page cache');
  return unique(userfaultCells(given, request, NEEDS).map((cell) => ({ ...cell, preallocate: preallocated(cell, wanted !== undefined) })));
}

function preallocated({ preallocate, backing, uffd }: CellOptions, isGiven: boolean): CellOptions[string] {
  if (uffd === 'minor') return true;
  return isGiven ? preallocate : SHARED_BACKINGS.includes(backing) && uffd === 'none';
}
