// A VM of a few pages for protocols: one process, the TDP MMU, all gfns under one last-level table; and guests of a few accesses.

import type { Cpu } from '../../engine/cpu.js';
import { ERAS } from '../../kvm/era.js';
import { walkLockless } from '../../kvm/fast-page-fault.js';
import type { Kvm, KvmConfig, MemslotPlan } from '../../kvm/kvm.js';
import { Observer } from '../../kvm/observer.js';
import type { KvmPlant } from '../../kvm/plants.js';
import { spTable } from '../../kvm/shadow-page.js';
import { splitEager } from '../../kvm/split-eager.js';
import { sptePayload } from '../../kvm/spte.js';
import { tdpMmu } from '../../kvm/tdp-mmu.js';
import { Vcpu } from '../../kvm/vcpu.js';
import type { GuestCode } from '../../kvm/vcpu-run.js';
import { PlainWords } from '../../memory/plain-words.js';
import { LEVEL_4K, ROOT_LEVEL, TABLE_ENTRIES } from '../../units.js';
import { BrokenClaim, type ProtocolOptions } from './protocol.js';

/** The smallest VM with these memslots, whose gfns are below 512. */
export function smallVmConfig(options: ProtocolOptions, memslots: MemslotPlan[]): KvmConfig {
  return {
    vcpuCount: options.vcpus,
    ept: true,
    mmu: tdpMmu,
    split: splitEager,
    preempt: 'none',
    wpFaultLock: 'write',
    dirtyLevel: LEVEL_4K,
    initiallyAllSet: false,
    guest: { processCount: 1, leafLevel: LEVEL_4K },
    requestedMmuPages: 0,
    era: ERAS['2024'],
    memslotStructure: 'tree',
    maxMemslots: Math.max(...memslots.map(({ id }) => id)) + 1,
    lastUsed: 'vcpu',
    slotZapAll: false,
    hostLevel: LEVEL_4K,
    memslots,
    archRoom: 256,
    tableCapacity: ROOT_LEVEL + options.vcpus, // a vCPU that loses the race for a table has made one in vain
    descCapacity: 1,
    ...(options.plant === null ? {} : { plant: options.plant as KvmPlant }),
  };
}

/** Makes the page tables' root, as the set-up of a run does. */
export function layOut(kvm: Kvm): void {
  kvm.mmu.createRoots(kvm, new Observer(kvm.words));
}

/** vCPUs of a VM, which are the first CPUs. */
export function vcpusOf(cpus: readonly Cpu[], options: ProtocolOptions): Vcpu[] {
  return cpus.slice(0, options.vcpus).map((cpu) => new Vcpu(cpu));
}

/** "vCPU 0", "vCPU 1"; then whoever else takes part. */
export function actorNames(options: ProtocolOptions, ...others: string[]): string[] {
  return [...Array.from({ length: options.vcpus }, (_, id) => `vCPU ${id}`), ...others];
}

/** The host page that `gfn` is mapped to, -1 for none. Reads beside what runs. */
export function mappedPage(kvm: Kvm, gfn: number): number {
  const { level, spte } = walkLockless(kvm, new PlainWords(kvm.words), kvm.words[kvm.roots], gfn);
  return level === 0 ? -1 : sptePayload(spte);
}

/** Runs a check of the kernel's own; what it throws breaks `claim`. */
export function claimThat(claim: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new BrokenClaim(claim, (error as Error).message);
  }
}

/** What a word of a VM is: of its page tables, its modes, its SRCU; undefined for others. */
export function wordName(kvm: Kvm, word: number): string | undefined {
  const { vcpuCount, tableCapacity } = kvm.config;
  if (word === 0) return 'no spte yet';
  const spte = word - spTable(kvm, 1);
  if (spte >= 0 && spte < tableCapacity * TABLE_ENTRIES) return `spte ${spte % TABLE_ENTRIES} of table ${1 + Math.floor(spte / TABLE_ENTRIES)}`;
  if (word >= kvm.inGuestMode && word < kvm.inGuestMode + vcpuCount) return `mode of vCPU ${word - kvm.inGuestMode}`;
  for (let id = 0; id <= vcpuCount; id++) {
    for (const index of [0, 1])
      if (word === kvm.srcu.countWord(id, index)) return `SRCU count ${index} of ${id < vcpuCount ? `vCPU ${id}` : 'the other thread'}`;
  }
  return NAMES.find(([, of]) => of(kvm) === word)?.[0];
}

const NAMES: readonly (readonly [string, (kvm: Kvm) => number])[] = [
  ['SRCU index', (kvm) => kvm.srcu.indexWord],
  ['memslots generation', (kvm) => kvm.memslots.generationWord],
  ['memslots pointer', (kvm) => kvm.slotsWord],
  ['mmu notifier sequence', (kvm) => kvm.invalidateSeq],
  ['TLB flush request', (kvm) => kvm.tlbGeneration],
  ['stop word', (kvm) => kvm.stopWord],
  ['mmu_valid_gen', (kvm) => kvm.mmuValidGen],
];

export interface FewAccess {
  gfn: number;
  write: boolean;
}

/**
 * Faults beyond one per access, and retries of faults, after which a guest gives up: a scheduler that never lets an invalidation end would have it
 * retry for ever, and two faults may go on taking each other's page tables.
 */
const PATIENCE = 2;
const FAULT_PATIENCE = 1;

/** A guest that makes a few accesses, once each. `onAccess` is told of each one when it is made, or has ended as an exit for MMIO. */
export class FewAccesses implements GuestCode {
  readonly #cpu: Cpu;
  readonly #accesses: readonly FewAccess[];
  readonly #onAccess: (gfn: number) => void;
  readonly #lastRetry: number;
  readonly #lastFault: number;
  #next = 0;

  constructor(cpu: Cpu, accesses: readonly FewAccess[], onAccess: (gfn: number) => void) {
    this.#cpu = cpu;
    this.#accesses = accesses;
    this.#onAccess = onAccess;
    this.#lastRetry = cpu.counters.faultRetries + PATIENCE;
    this.#lastFault = faultsOf(cpu) + accesses.length + FAULT_PATIENCE;
  }

  get gfn(): number {
    return this.#accesses[this.#next].gfn;
  }

  get write(): boolean {
    return this.#accesses[this.#next].write;
  }

  get remaining(): number {
    const isPatient = this.#cpu.counters.faultRetries < this.#lastRetry && faultsOf(this.#cpu) < this.#lastFault;
    return isPatient ? this.#accesses.length - this.#next : 0;
  }

  restart(): void {
    this.#next = 0;
  }

  alike(): number {
    return 1;
  }

  advance(): void {
    this.#onAccess(this.gfn);
    this.#next++;
  }

  /** Nothing: without huge pages no stretch of accesses is ever taken back. */
  mark(): void {}

  rewind(): void {}
}

function faultsOf({ counters }: Cpu): number {
  return counters.readFaults + counters.writeFaults;
}
