// From the options of a write-protect cell to the configuration of a VM, and what is refused.

import { ERAS } from '../kvm/era.js';
import { type KvmConfig, kvmArenaWords } from '../kvm/kvm.js';
import { HostMemory } from '../memory/host-memory.js';
import { LEVEL_2M, pagesPerLevel } from '../units.js';
import type { WriteProtectOptions } from './cell.js';
import { checkDirtyLogOptions, DEFAULT_DIRTY_LOG, kvmConfigOf } from './dirty-log-options.js';
import { regionPages } from './memstress.js';
import { PageVersions } from './page-versions.js';
import { WriterBook } from './writer-book.js';

const MIB = 2 ** 20;
/** Ten seconds for each ioctl: virtual time is counted in picoseconds. */
const MAX_PERIOD_NS = 10e9;

export const DEFAULT_WRITE_PROTECT: WriteProtectOptions = {
  vcpus: 2,
  vcpuBytes: 32 * MIB,
  writeProtect: 'lockless',
  mmuLock: 'real',
  backing: 'anonymous',
  ept: true,
  notifierRate: 2000,
  passes: 2,
  periodNs: 0,
  computeNs: 1000,
  randomAccess: false,
  // Of the distributions of the day: a walk under mmu_lock lets nobody in.
  preempt: 'voluntary',
  guestSeed: 1,
};

/** One line that says why the combination is refused, or undefined. */
export function checkWriteProtectOptions(options: WriteProtectOptions): string | undefined {
  const { vcpus, vcpuBytes, backing, passes, notifierRate, periodNs } = options;
  if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > 1024) return `Cannot run ${vcpus} vCPUs: expected 1 to 1024`;
  const hostPageBytes = hostPagePages(backing) * 4096;
  if (vcpuBytes < hostPageBytes || vcpuBytes % hostPageBytes !== 0)
    return `Cannot give each vCPU ${vcpuBytes} bytes: expected a multiple of ${hostPageBytes}, the host's page`;
  if (!Number.isInteger(passes) || passes < 1) return `Cannot read the dirty log ${passes} times: expected 1 or more`;
  if (!(notifierRate >= 0 && notifierRate <= 1e6)) return `Cannot change ${notifierRate} host pages per second: expected 0 to 1000000`;
  if (!(periodNs >= 0 && periodNs <= MAX_PERIOD_NS)) return `Cannot start an ioctl every ${periodNs} ns: expected 0 to ${MAX_PERIOD_NS}`;
  return checkDirtyLogOptions(dirtyLogOptionsOf(options));
}

/** Pages of 4 KiB that the host keeps as one. */
export function hostPagePages(backing: WriteProtectOptions['backing']): number {
  return backing === 'anonymous' ? 1 : pagesPerLevel(LEVEL_2M);
}

function dirtyLogOptionsOf({ vcpus, vcpuBytes, backing, ept, preempt }: WriteProtectOptions) {
  return { ...DEFAULT_DIRTY_LOG, vcpus, vcpuBytes, backing, ept, preempt, split: 'lazy', initiallyAllSet: false } as const;
}

/** The kernel and the hardware of the RFC: EPT without accessed and dirty bits, and so without PML; memslots in an array. */
export const HOST_OF_2013 = { era: ERAS['2013'], hasAdBits: false, memslotStructure: 'array', lastUsed: 'shared' } as const satisfies Partial<KvmConfig>;

export function writeProtectKvmConfig(options: WriteProtectOptions): KvmConfig {
  const config = kvmConfigOf(dirtyLogOptionsOf(options));
  return {
    ...config,
    ...HOST_OF_2013,
    hostThreads: 1,
    writeProtect: options.writeProtect,
    freeMmuLock: options.mmuLock === 'free',
  };
}

/** Words of a cell: the VM, the host's pages, what became of each page, what each vCPU did, and a few lines of the scenario's own. */
export function writeProtectArenaWords(options: WriteProtectOptions): number {
  const pages = regionPages(options);
  const own = HostMemory.arenaWords(pages) + PageVersions.arenaWords(pages) + WriterBook.arenaWords(options.vcpus);
  return kvmArenaWords(writeProtectKvmConfig(options)) + own + 256;
}

/** Bytes of shared memory that a cell takes. */
export function writeProtectArenaBytes(options: WriteProtectOptions): number {
  return writeProtectArenaWords(options) * Int32Array.BYTES_PER_ELEMENT;
}
