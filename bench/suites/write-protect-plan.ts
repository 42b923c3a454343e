// Which cells the write-protect suite runs. Nobody has published its numbers in the mail that we have; the cells without options answer what it claims.

import { UsageError } from '../errors.js';
import { type CellOptions, crossProduct, type GivenOptions, type PlanRequest } from './suite.js';

const MIB = 1024 ** 2;

/** The logical CPUs of the RFC's host. */
const VCPUS = 12;
const VCPU_BYTES = 8 * MIB;
/**
 * Each ioctl of any arm ends before the next is due, and in between vCPUs come through all of their memory: then all arms have the same window, the same
 * ioctls in it, and about the same faults.
 */
const WINDOW: CellOptions = { passes: 1, periodNs: 4e6, notifierRate: 16_000, computeNs: 1000 };
/** Where a change takes 512 pages from the guest, and each comes back by a fault under mmu_lock, as many changes would leave it nothing else to do. */
const HUGE_NOTIFIER_RATE = 100;

const SMOKE: CellOptions = { vcpus: 2, vcpuBytes: 2 * MIB, passes: 2, periodNs: 1e6, notifierRate: 8000 };
const THREADS: CellOptions = { vcpus: 2, vcpuBytes: 64 * MIB, passes: 2, periodNs: 0, notifierRate: 1000 };

/** How sptes are protected, and last what could be had at best. */
const ARMS: readonly CellOptions[] = [
  { writeProtect: 'locked' },
  { writeProtect: 'lockless' },
  { writeProtect: 'root' },
  { writeProtect: 'lockless', mmuLock: 'free' },
];
const MAPPINGS: readonly CellOptions[] = [{ backing: 'anonymous' }, { backing: 'anonymous_hugetlb_2mb', notifierRate: HUGE_NOTIFIER_RATE }];

/** The cells of a run, each once. Throws a `UsageError` where the engine cannot do what is asked. */
export function planWriteProtect(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { engine, smoke, defaults } = request;
  const isThreads = engine === 'threads';
  if (isThreads && given.mmuLock?.includes('free') === true)
    throw new UsageError('Cannot run with a free mmu_lock on real threads: current --engine threads, expected --engine virtual');
  if (Object.keys(given).length > 0) return crossProduct(smoke ? { ...defaults, ...SMOKE } : defaults, given);
  const base = { ...defaults, vcpus: VCPUS, vcpuBytes: VCPU_BYTES, ...WINDOW, ...(isThreads ? THREADS : {}), ...(smoke ? SMOKE : {}) };
  const arms = ARMS.filter(({ mmuLock }) => !isThreads || mmuLock === undefined);
  return MAPPINGS.flatMap((mapping) => arms.map((arm) => ({ ...base, ...mapping, ...arm })));
}
