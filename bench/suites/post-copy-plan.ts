// Which cells the post-copy suite runs. Nobody has published such measurements; the cells without options answer what was asked later (at how many
// vCPUs does the contention of userfaultfd's locks cost more than the network?), and what a guest that does other work too feels of a migration.

import { type CellOptions, crossProduct, type GivenOptions, type PlanRequest } from './suite.js';
import { unique, userfaultCells } from './userfault-options.js';

const KIB = 1024;

const VCPUS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/** Few pages each, as there are many cells; what is asked is what one page costs. */
const VCPU_BYTES = 128 * KIB;
/** The network that the KVM Userfault series speaks of. */
const NETWORK_NS = 30_000;
/** Without a network contention is what remains: a few counts of vCPUs show how it grows. */
const NO_NETWORK_VCPUS = [1, 8, 64, 256];

/** A guest with work to do: most of its accesses are to a few of its pages, and between two of them it computes. Pages are pushed meanwhile, or are not. */
const CUSTOMER: CellOptions = { vcpus: 64, vcpuBytes: 256 * KIB, latencyNs: NETWORK_NS, pattern: 'zipf', accesses: 16, computeNs: 2000 };
const PUSHERS = [0, 1];

const SMOKE_VCPUS = [1, 2];
const SMOKE_BYTES = 64 * KIB;
const THREADS_VCPUS = 2;
const THREADS_BYTES = 1024 * KIB;

const JITTER_PERCENT = 20;

/** Who catches and resolves faults; `readers` 0 stands for one per vCPU. */
const ARMS: readonly CellOptions[] = [
  { uffd: 'minor', singleUffd: true, readers: 1 },
  { uffd: 'minor', singleUffd: true, readers: 0 },
  { uffd: 'minor', singleUffd: false, readers: 1 },
  { uffd: 'minor', singleUffd: true, readers: 1, kvmUserfault: true },
];

/** For tests: every kind of network, fetching and guest once. */
const SMOKE_VARIANTS: readonly CellOptions[] = [
  { pattern: 'uniform', accesses: 2, computeNs: 500 },
  { pattern: 'zipf', jitter: 'uniform', jitterPercent: JITTER_PERCENT },
  { bandwidth: 1.25e9, jitter: 'exponential', jitterPercent: JITTER_PERCENT },
  { prefetch: 7 },
  { pushers: 1 },
  { overlap: true, singleUffd: true },
  { backing: 'anonymous', uffd: 'missing' },
  { backing: 'guest_memfd', uffd: 'none', kvmUserfault: true, asyncPf: 'user' },
];

/** The cells of a run, each once. Throws a `UsageError` where options contradict each other. */
export function planPostCopy(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { engine, smoke } = request;
  const defaults = smoke ? { ...request.defaults, vcpuBytes: SMOKE_BYTES } : request.defaults;
  if (Object.keys(given).length > 0) return askedFor(given, { ...request, defaults });
  if (smoke) return smokeCells(defaults);
  if (engine === 'threads') return armsOf(defaults, { vcpus: [THREADS_VCPUS], vcpuBytes: [THREADS_BYTES], latencyNs: [NETWORK_NS, 0] });
  const small = { ...defaults, vcpuBytes: VCPU_BYTES };
  return [
    ...armsOf(small, { vcpus: VCPUS, latencyNs: [NETWORK_NS] }),
    ...armsOf(small, { vcpus: NO_NETWORK_VCPUS, latencyNs: [0] }),
    ...armsOf({ ...small, ...CUSTOMER }, { pushers: PUSHERS }),
  ];
}

function armsOf(defaults: CellOptions, given: GivenOptions): CellOptions[] {
  const cells = crossProduct(defaults, given);
  return unique(ARMS.flatMap((arm) => cells.map((cell) => ({ ...cell, ...arm, readers: arm.readers === 0 ? cell.vcpus : arm.readers })).map(withOneUffd)));
}

/** A single vCPU has a single userfaultfd, however it is asked for. */
function withOneUffd(cell: CellOptions): CellOptions {
  return cell.vcpus === 1 ? { ...cell, singleUffd: true } : cell;
}

function smokeCells(defaults: CellOptions): CellOptions[] {
  const variants = SMOKE_VARIANTS.map((variant) => ({ ...defaults, vcpus: SMOKE_VCPUS[1], ...variant }));
  return unique([...armsOf(defaults, { vcpus: SMOKE_VCPUS, latencyNs: [NETWORK_NS, 0] }), ...variants]);
}

/** Every combination. guest_memfd has KVM Userfault alone, anonymous memory missing faults, and jitter a size, where nothing else is said. */
function askedFor(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { backing = [], jitter = [] } = given;
  const only = (word: string): boolean => backing.length === 1 && backing[0] === word;
  const defaults = { ...request.defaults };
  if (only('guest_memfd')) Object.assign(defaults, { uffd: 'none', kvmUserfault: true });
  if (only('anonymous') || only('anonymous_thp')) defaults.uffd = 'missing';
  if (given.jitterPercent === undefined && jitter.some((word) => word !== 'none')) defaults.jitterPercent = JITTER_PERCENT;
  const cells = userfaultCells(given, { ...request, defaults });
  return unique(cells.map((cell) => (cell.jitter === 'none' && jitter.length > 0 ? { ...cell, jitterPercent: 0 } : cell)));
}
