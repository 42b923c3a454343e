// From the options of a pre-copy migration's cell to the configuration of a VM, and what is refused.

import { ERAS } from '../kvm/era.js';
import { type KvmConfig, kvmArenaWords } from '../kvm/kvm.js';
import { PAGE_BYTES } from '../units.js';
import type { DirtyLogOptions, MigrationOptions } from './cell.js';
import { checkDirtyLogOptions, DEFAULT_DIRTY_LOG, kvmConfigOf } from './dirty-log-options.js';
import { regionPages } from './memstress.js';
import { PageVersions } from './page-versions.js';
import { HOST_OF_2013 } from './write-protect-options.js';
import { WriterBook } from './writer-book.js';

const MIB = 2 ** 20;
const MAX_ROUNDS = 1000;
const MAX_DIRTY_RATE = 1e7;
/** Virtual time is counted in picoseconds and has to stay a safe integer, with room to spare. */
const MAX_SECONDS = 1000;
const MAX_DOWNTIME_NS = 10e9;
/** KVM_CLEAR_DIRTY_LOG takes words of 64 bits. */
const CLEARED_TOGETHER = 64 * PAGE_BYTES;

export const DEFAULT_MIGRATION: MigrationOptions = {
  vcpus: 4,
  vcpuBytes: 16 * MIB,
  era: '2022',
  writeProtect: 'locked',
  split: 'eager',
  manualProtect: true,
  clearChunkBytes: 4 * MIB,
  backing: 'anonymous_hugetlb_2mb',
  ept: true,
  dirtyRate: 20_000,
  randomAccess: true,
  bandwidth: 1.25e9,
  downtimeNs: 2e6,
  maxRounds: 30,
  guestSeed: 1,
};

/** One line that says why the combination is refused, or undefined. */
export function checkMigrationOptions(options: MigrationOptions): string | undefined {
  return eraProblem(options) ?? rangeProblem(options) ?? checkDirtyLogOptions(dirtyLogOptionsOf(options)) ?? timeProblem(options);
}

function eraProblem({ era, writeProtect, split, manualProtect }: MigrationOptions): string | undefined {
  if (writeProtect !== 'locked' && era !== '2013')
    return `Cannot write-protect ${writeProtect === 'root' ? 'root by root' : 'without mmu_lock'}: current era=${era}, expected era=2013, for whose kernel it was proposed`;
  if (split !== 'lazy' && era === '2013') return `Cannot split huge pages by the policy ${split}: current era=2013, expected era=2022 or split=lazy`;
  if (manualProtect && era === '2013') return 'Cannot protect pages as they are sent: current era=2013, expected era=2022 (KVM_CLEAR_DIRTY_LOG came in 2018)';
  return undefined;
}

function rangeProblem({ dirtyRate, bandwidth, downtimeNs, maxRounds, clearChunkBytes }: MigrationOptions): string | undefined {
  if (!(clearChunkBytes > 0) || clearChunkBytes % CLEARED_TOGETHER !== 0)
    return `Cannot clear the log of ${clearChunkBytes} bytes at a time: expected a multiple of ${CLEARED_TOGETHER}, 64 pages`;
  if (!(dirtyRate >= 0 && dirtyRate <= MAX_DIRTY_RATE)) return `Cannot write ${dirtyRate} pages per second: expected 0 to ${MAX_DIRTY_RATE}`;
  if (!(bandwidth >= 1)) return `Cannot migrate over a link of ${bandwidth} bytes per second: expected 1 or more`;
  if (!(downtimeNs >= 0 && downtimeNs <= MAX_DOWNTIME_NS)) return `Cannot aim at a downtime of ${downtimeNs} ns: expected 0 to ${MAX_DOWNTIME_NS}`;
  if (!Number.isInteger(maxRounds) || maxRounds < 1 || maxRounds > MAX_ROUNDS) return `Cannot send ${maxRounds} rounds: expected 1 to ${MAX_ROUNDS}`;
  return undefined;
}

function timeProblem(options: MigrationOptions): string | undefined {
  const seconds = ((options.maxRounds + 1) * options.vcpus * options.vcpuBytes) / options.bandwidth;
  if (seconds <= MAX_SECONDS) return undefined;
  return `Cannot migrate for up to ${Math.ceil(seconds)} seconds: current limit ${MAX_SECONDS}, expected fewer rounds, less memory or more bandwidth`;
}

function dirtyLogOptionsOf({ vcpus, vcpuBytes, backing, ept, split, manualProtect }: MigrationOptions): DirtyLogOptions {
  return { ...DEFAULT_DIRTY_LOG, vcpus, vcpuBytes, backing, ept, split, initiallyAllSet: manualProtect };
}

export function migrationKvmConfig(options: MigrationOptions): KvmConfig {
  const config = { ...kvmConfigOf(dirtyLogOptionsOf(options)), era: ERAS[options.era], writeProtect: options.writeProtect };
  return options.era === '2013' ? { ...config, ...HOST_OF_2013 } : config;
}

/** Words of a cell: the VM, what became of each page, what each vCPU did alone and beside the migration, and a few lines of the scenario's own. */
export function migrationArenaWords(options: MigrationOptions): number {
  const own = PageVersions.arenaWords(regionPages(options)) + 2 * WriterBook.arenaWords(options.vcpus);
  return kvmArenaWords(migrationKvmConfig(options)) + own + 256;
}

/** Bytes of shared memory that a cell takes. */
export function migrationArenaBytes(options: MigrationOptions): number {
  return migrationArenaWords(options) * Int32Array.BYTES_PER_ELEMENT;
}
