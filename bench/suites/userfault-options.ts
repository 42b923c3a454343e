// What the suites about post-copy faults have in common: the options that say who catches a fault and who resolves it, with the selftest's letters,
// and how a list of such options becomes cells. What means nothing to one arm of a comparison takes its default there.

import type { UserfaultOptions } from '../../sim/index.js';
import { UsageError } from '../errors.js';
import { listOption } from './option-makers.js';
import { type CellOptions, crossProduct, type GivenOptions, type PlanRequest, type SuiteOption } from './suite.js';
import { choiceItem, countItem, formatSize, type ItemParser, parseList, sizeItem, yesNoItem } from './values.js';

const KIB = 1024;

// The choices are repeated from the simulator (and checked against its types) so that --help need not load it.
const UFFD_MODES = ['none', 'missing', 'minor'] as const satisfies readonly UserfaultOptions['uffd'][];
const BACKINGS = ['anonymous', 'anonymous_thp', 'shmem', 'shared_hugetlb_2mb', 'guest_memfd'] as const satisfies readonly UserfaultOptions['backing'][];
const READER_WAITS = ['poll', 'epoll', 'epoll-exclusive'] as const satisfies readonly UserfaultOptions['readerWait'][];
const ASYNC_PF = ['off', 'kernel', 'user'] as const satisfies readonly UserfaultOptions['asyncPf'][];

/** "per-vcpu", of readers and of userfaultfds; the plan knows the vCPUs. */
const PER_VCPU = 'per-vcpu';
const MAX_TYPED = 1_000_000;

const modeItem: ItemParser<string> = Object.assign((text: string) => UFFD_MODES.find((mode) => mode === text.toLowerCase()), {
  expected: 'MISSING, MINOR or none',
});

/** Y or N; an option that stands alone says Y. */
const yesItem: ItemParser<boolean> = Object.assign((text: string) => (text === '' ? true : yesNoItem(text)), { expected: yesNoItem.expected });

/** One option of `UserfaultOptions` that takes a list. */
const list = listOption<UserfaultOptions>;

/** Options of the memory, the userfaultfds and KVM Userfault. In the order in which a cell's key states them. */
export const USERFAULT_OPTIONS: readonly SuiteOption[] = [
  list('vcpus', 'vcpus', countItem(1, 4096), { letter: 'v', value: '<list>', description: 'vCPUs: 64, 2,8,64 or 2..512*2' }),
  {
    ...list('memory', 'vcpuBytes', sizeItem(4 * KIB), { letter: 'b', value: '<sizes>', description: 'memory of each vCPU: 64M, 1G' }),
    format: (value) => formatSize(Number(value)),
  },
  list('backing', 'backing', choiceItem(BACKINGS, { shared_hugetlb: 'shared_hugetlb_2mb' }), {
    letter: 's',
    value: '<list>',
    description: `host memory: ${BACKINGS.join(', ')}`,
  }),
  {
    ...list('uffd', 'uffd', modeItem, { letter: 'u', value: '<modes>', description: 'userfaultfd for MISSING or MINOR faults, or none' }),
    format: (value) => (value === 'none' ? 'none' : String(value).toUpperCase()),
  },
  list('single-uffd', 'singleUffd', yesItem, {
    letter: 'a',
    value: '[Y,N]',
    description: 'one userfaultfd for all memory (Y), or one for the memory of each vCPU',
  }),
  {
    long: 'uffds',
    field: 'uffds',
    planOnly: true,
    value: '<list>',
    parse: (text) => parseList('--uffds', text, countOrPerVcpu()),
    description: `userfaultfds by their number: 1 (--single-uffd), or ${PER_VCPU}`,
  },
  {
    long: 'readers',
    letter: 'r',
    field: 'readers',
    value: '<list>',
    parse: (text) => parseList('--readers', text, countOrPerVcpu()),
    description: `reader threads of each userfaultfd; ${PER_VCPU}: as many as vCPUs, shared by all userfaultfds`,
  },
  list('kvm-userfault', 'kvmUserfault', yesItem, {
    letter: 'k',
    value: '[Y,N]',
    description: 'KVM Userfault: vCPUs exit to user space, where their own threads resolve faults',
  }),
  { long: 'overlap', letter: 'o', field: 'overlap', parse: () => [true], description: 'all vCPUs touch all memory; one userfaultfd then' },
  list('reader-wait', 'readerWait', choiceItem(READER_WAITS), { value: '<list>', description: `how readers wait: ${READER_WAITS.join(', ')}` }),
  list('async-pf', 'asyncPf', choiceItem(ASYNC_PF), {
    value: '<list>',
    description: "asynchronous page faults: off, or user (driven by user space; needs KVM Userfault, with which the kernel's are not compatible)",
  }),
  list('vma-locks', 'vmaLocks', yesNoItem, { value: '<Y,N>', description: 'ioctls of userfaultfd lock the vma (Y) or the whole mm (N)' }),
  list('guest-seed', 'guestSeed', countItem(0, 2 ** 31 - 2), { value: '<list>', description: "seed of the guests' own random numbers" }),
];

/** What the selftest has and the model does not need. */
export const NOTED_OPTIONS: readonly SuiteOption[] = [
  { long: 'mode', letter: 'm', value: '<mode>', description: 'guest mode of the selftest', note: 'guests have pages of 4 KiB; --profile chooses the host' },
  { long: 'pin', letter: 'c', value: '<list>', description: 'pCPUs to pin to', note: 'the machine profile places the threads' },
];

/** What a field needs to mean anything in a cell. */
export type Needs = Readonly<Record<string, (cell: CellOptions) => boolean>>;

const usesUffd = (cell: CellOptions): boolean => cell.uffd !== 'none';
const NEEDS: Needs = {
  singleUffd: usesUffd,
  readers: usesUffd,
  readerWait: usesUffd,
  vmaLocks: usesUffd,
  asyncPf: (cell) => cell.kvmUserfault === true,
};
/** The selftest takes them without a word where they mean nothing, and so do the posts' command lines. */
const TAKEN_ANYWHERE: readonly string[] = ['singleUffd', 'vmaLocks'];

/**
 * Every combination of what was given, each once: with as many userfaultfds and readers as `per-vcpu` says, and defaults where a value means nothing to
 * one of several arms. Throws a `UsageError` where userfaultfds or readers are asked for that cannot be.
 */
export function userfaultCells(given: GivenOptions, request: PlanRequest, needs: Needs = {}): CellOptions[] {
  const { uffds, ...fields } = given;
  const { defaults } = request;
  if (fields.readers !== undefined && fields.uffd === undefined && !usesUffd(defaults))
    throw new UsageError('Cannot start readers: current no userfaultfd, expected --uffd MISSING or --uffd MINOR with --readers');
  if (uffds !== undefined && fields.singleUffd !== undefined)
    throw new UsageError('Cannot count userfaultfds: current --uffds with --single-uffd, expected one of them');
  const counted = crossProduct(defaults, fields).flatMap((cell) => (uffds ?? []).map((count) => ({ ...cell, singleUffd: isSingle(count, cell) })));
  const cells = uffds === undefined ? crossProduct(defaults, fields) : counted;
  return unique(withMeaning(cells.map(completed), { given, defaults, needs: { ...NEEDS, ...needs } }));
}

/** Cells without those that ask for the same again. */
export function unique(cells: readonly CellOptions[]): CellOptions[] {
  return [...new Map(cells.map((cell) => [JSON.stringify(cell), cell])).values()];
}

function isSingle(count: CellOptions[string], { vcpus }: CellOptions): boolean {
  if (count === 1) return true;
  if (count === PER_VCPU || count === vcpus) return false;
  const why = Number(count) > Number(vcpus) ? `current ${vcpus} vCPUs, of whose memories each has at most one` : `current ${vcpus} vCPUs`;
  throw new UsageError(`Cannot use ${count} userfaultfds: ${why}, expected 1 or ${vcpus} (${PER_VCPU})`);
}

/** Overlapping vCPUs have one userfaultfd, as in the selftest; readers are counted. */
function completed(cell: CellOptions): CellOptions {
  const singleUffd = usesUffd(cell) && cell.overlap === true ? true : cell.singleUffd;
  const perVcpu = singleUffd === true ? cell.vcpus : 1;
  return { ...cell, singleUffd, readers: cell.readers === PER_VCPU ? perVcpu : cell.readers };
}

/** Where no cell can use a value, it stays, and the suite refuses it. */
function withMeaning(cells: CellOptions[], { given, defaults, needs }: { given: GivenOptions; defaults: CellOptions; needs: Needs }): CellOptions[] {
  const idle = Object.keys(needs).filter((field) => TAKEN_ANYWHERE.includes(field) || (given[field] !== undefined && cells.some(needs[field])));
  return cells.map((cell) => {
    const reset = idle.filter((field) => !needs[field](cell)).map((field) => [field, defaults[field]]);
    return { ...cell, ...Object.fromEntries(reset) };
  });
}

function countOrPerVcpu(): ItemParser<number | string> {
  const count = countItem(1, MAX_TYPED);
  return Object.assign((text: string) => (text === PER_VCPU ? PER_VCPU : count(text)), { expected: `a whole number above zero, or ${PER_VCPU}` });
}
