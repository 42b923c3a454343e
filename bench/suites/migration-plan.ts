// Which cells the migration suite runs: on the host of 2022 what eager splitting and manual protection are worth, on that of 2013 what protection without
// mmu_lock is worth; each at a rate that the link keeps up with, and at one that it does not.

import { type CellOptions, crossProduct, type GivenOptions, type PlanRequest } from './suite.js';
import { unique } from './userfault-options.js';

const MIB = 1024 ** 2;

export const XEON_2022 = 'intel-2s48c-2022';
export const X5690 = 'x5690-2013';

/** Pages per second of each of four vCPUs: a fifth of what a link of 10 Gbit/s carries, and more than it does. */
const DIRTY_RATES = [20_000, 200_000];
const MAX_ROUNDS = 5;
const VCPU_BYTES = 8 * MIB;

/** The kernel of 2013 had neither eager splitting nor KVM_CLEAR_DIRTY_LOG. */
const OF_2013: CellOptions = { era: '2013', split: 'lazy', manualProtect: false };

const SMOKE: CellOptions = { vcpus: 2, vcpuBytes: 2 * MIB, maxRounds: 4 };
const THREADS: CellOptions = { vcpus: 2, vcpuBytes: 8 * MIB, maxRounds: 4 };

/** The cells of a run on one host, each once. */
export function planMigration(given: GivenOptions, request: PlanRequest): CellOptions[] {
  const { engine, smoke, profile } = request;
  const size = { ...(engine === 'threads' ? THREADS : {}), ...(smoke ? SMOKE : {}) };
  if (Object.keys(given).length > 0) return askedFor(given, { ...request.defaults, ...(smoke ? SMOKE : {}) });
  const base = { ...request.defaults, vcpuBytes: VCPU_BYTES, maxRounds: MAX_ROUNDS, ...size };
  if (profile === X5690) return crossProduct({ ...base, ...OF_2013 }, { writeProtect: ['locked', 'lockless'], dirtyRate: DIRTY_RATES });
  return crossProduct(base, { split: ['lazy', 'eager'], manualProtect: [true, false], dirtyRate: DIRTY_RATES });
}

/** Every combination. Where nothing else is said, protection without the lock means the kernel of 2013 for all cells, and that kernel what it had. */
function askedFor(given: GivenOptions, defaults: CellOptions): CellOptions[] {
  const beyondLocked = given.writeProtect?.some((way) => way !== 'locked') === true;
  const cells = crossProduct({ ...defaults, ...(beyondLocked ? { era: OF_2013.era } : {}) }, given);
  return unique(cells.map((cell) => (cell.era === OF_2013.era ? { ...cell, ...OF_2013, ...onlyGiven(cell, given) } : cell)));
}

function onlyGiven(cell: CellOptions, given: GivenOptions): CellOptions {
  return Object.fromEntries(Object.keys(given).map((field) => [field, cell[field]]));
}
