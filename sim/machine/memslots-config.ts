// From the options of a memslots cell to the configuration of a VM.

import { ERAS } from '../kvm/era.js';
import { type KvmConfig, kvmArenaWords, type MemslotPlan } from '../kvm/kvm.js';
import { archWords } from '../kvm/memslots.js';
import { shadowMmu } from '../kvm/shadow-mmu.js';
import { splitLazy } from '../kvm/split-lazy.js';
import { tdpMmu } from '../kvm/tdp-mmu.js';
import { LINE_WORDS } from '../memory/arena.js';
import { blockWords } from '../memory/heap.js';
import { HostMemory } from '../memory/host-memory.js';
import { LEVEL_4K, TABLE_SHIFT } from '../units.js';
import type { MemslotsOptions } from './cell.js';
import { gfnEnd, hvaPagesEnd, memslotPlace, type TestMemory, testMemory } from './memslots-geometry.js';

const MMU_BY_NAME = { shadow: shadowMmu, tdp: tdpMmu };

/** Host pages of user space in a cell. */
export function hostPageCount(memory: TestMemory): number {
  return hvaPagesEnd(memory) + 1;
}

/** What all VMs of this post have: no memslots yet. */
export type BareVmOptions = Pick<MemslotsOptions, 'vcpus' | 'mmu' | 'memslots' | 'maxSlots' | 'lastUsed' | 'zapAll'>;

export function bareKvmConfig(options: BareVmOptions): Omit<KvmConfig, 'memslots' | 'archRoom' | 'tableCapacity'> {
  return {
    vcpuCount: options.vcpus,
    ept: true,
    mmu: MMU_BY_NAME[options.mmu],
    split: splitLazy,
    preempt: 'full',
    wpFaultLock: 'write',
    dirtyLevel: LEVEL_4K,
    initiallyAllSet: false,
    guest: { processCount: 1, leafLevel: LEVEL_4K },
    requestedMmuPages: 0,
    era: ERAS['2021'],
    memslotStructure: options.memslots,
    maxMemslots: options.maxSlots,
    lastUsed: options.lastUsed,
    slotZapAll: options.zapAll,
    hostLevel: LEVEL_4K,
    descCapacity: 64,
  };
}

export function memslotsKvmConfig(options: MemslotsOptions, memory: TestMemory): KvmConfig {
  return {
    ...bareKvmConfig(options),
    memslots: initialMemslots(options, memory),
    archRoom: archRoom(options, memory),
    tableCapacity: tablesNeeded(memory),
    descCapacity: descsNeeded(options, memory),
  };
}

/** Whether a cell adds its memslots itself, and times it. */
export function addsMemslots({ test, slotSetup }: MemslotsOptions): boolean {
  return slotSetup || test === 'setup';
}

function initialMemslots(options: MemslotsOptions, memory: TestMemory): MemslotPlan[] {
  const last = addsMemslots(options) ? 0 : memory.nslots;
  return Array.from({ length: last + 1 }, (_, id) => memslotPlace(memory, id));
}

/** Of memslots that are added, and of the one that moves or comes and goes, which has two for a while. */
function archRoom(options: MemslotsOptions, memory: TestMemory): number {
  const roomOf = (id: number): number => blockWords(archWords(memslotPlace(memory, id).npages));
  let words = 4 * roomOf(memory.nslots);
  if (addsMemslots(options)) for (let id = 1; id <= memory.nslots; id++) words += roomOf(id);
  return words;
}

/** Tables that map all gfns, twice over: while some are zapped, others are made. */
function tablesNeeded(memory: TestMemory): number {
  let tables = 8;
  for (let level = 1; level <= 3; level++) tables += (gfnEnd(memory) >>> (level * TABLE_SHIFT)) + 2;
  return 2 * tables;
}

/** While obsolete tables are zapped in batches, new ones map the same pages: for a while two sptes stand on one rmap. */
function descsNeeded({ test }: MemslotsOptions, memory: TestMemory): number {
  return test === 'zap' ? memory.totalPages + 64 : 1024;
}

/** Words of a cell: the VM, the host's pages, and one line of the world's own. */
export function memslotsArenaWords(options: MemslotsOptions): number {
  const memory = testMemory(options);
  return kvmArenaWords(memslotsKvmConfig(options, memory)) + HostMemory.arenaWords(hostPageCount(memory)) + 2 * LINE_WORDS;
}

/** Bytes of shared memory that a cell takes. */
export function memslotsArenaBytes(options: MemslotsOptions): number {
  return memslotsArenaWords(options) * Int32Array.BYTES_PER_ELEMENT;
}
