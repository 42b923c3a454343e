// A VM whose writes are logged, and user space that copies what the log says: what the protocols of write protection have in common.
//
// Each page has a word for its contents, which a guest's write changes. User space calls KVM_GET_DIRTY_LOG and then copies the pages whose bits it
// got, as a migration does. In the end each page is as it was copied last, or its bit is set: then the next round copies it.

import type { Cpu, KernelPath, Word } from '../../engine/cpu.js';
import { runToCompletion } from '../../engine/cpu.js';
import { enableDirtyLogging, getDirtyLog } from '../../kvm/dirty-log.js';
import { ERAS } from '../../kvm/era.js';
import { Kvm, type KvmConfig, kvmArenaWords, type MemslotPlan } from '../../kvm/kvm.js';
import { madviseDontneed } from '../../kvm/madvise.js';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from '../../kvm/memslot.js';
import { bitmapWords, dirtyBitmap, gfnToRmap, userBitmap } from '../../kvm/memslots.js';
import { Observer } from '../../kvm/observer.js';
import { shadowMmu } from '../../kvm/shadow-mmu.js';
import { splitLazy } from '../../kvm/split-lazy.js';
import { GuestMode, type Vcpu } from '../../kvm/vcpu.js';
import { vcpuRun } from '../../kvm/vcpu-run.js';
import { checkFreedTables, checkWriteProtection } from '../../kvm/write-protect-invariant.js';
import { LINE_WORDS } from '../../memory/arena.js';
import { HostMemory } from '../../memory/host-memory.js';
import { TABLE_ENTRIES } from '../../units.js';
import { BrokenClaim, type Claim, type Protocol, type ProtocolOptions, type ProtocolParts } from './protocol.js';
import { actorNames, claimThat, FewAccesses, layOut, smallVmConfig, vcpusOf, wordName } from './small-vm.js';

export const SLOT_ID = 1;

/** A page of a memslot that does not log, under a page table of its own. */
export const OTHER_PAGE = -1;
const OTHER_SLOT = { id: 2, baseGfn: TABLE_ENTRIES, npages: 1 };

/** The claims of every logged VM, and of one whose page tables are recycled. */
const LOGGED_CLAIMS: readonly Claim[] = [
  { name: 'copied', claim: 'in the end each page is as user space copied it last, or its dirty bit is set' },
  { name: 'tlb', claim: 'when get_dirty_log returns and no vCPU is in a fault, no TLB holds a writable entry of a page whose bit is clear' },
  { name: 'tables', claim: 'in the end each spte is on its rmap, each writable one has its dirty bit set, and all accounts are right' },
];

/** Another actor than the vCPUs. The first is the ioctl thread; `host` is one that is no thread of the VM. */
export interface OtherActor {
  name: string;
  path(vm: LoggedVm, cpu: Cpu): KernelPath;
}

const FREED_CLAIM: Claim = { name: 'assertion', claim: 'no walk reads or writes a page table that has been freed' };

export interface LoggedVmPlan {
  /** The memslot. `flags` are added. */
  slot: MemslotPlan;
  /** Pages of the memslot, counted from its first, that vCPU 0 has written before the run. */
  written: readonly number[];
  /** The log has been fetched since: those pages are mapped read-only. */
  isProtected?: boolean;
  /** A fault that needs a page table finds the quota used up, and recycles those that are there. */
  hasFewPages?: boolean;
  /** What each vCPU writes to, `OTHER_PAGE` included. */
  writes: readonly (readonly number[])[];
  others(options: ProtocolOptions): readonly OtherActor[];
  /** Logging starts after the first writes: they may map large pages. */
  logsLater?: boolean;
  /** What differs from the smallest VM with the shadow MMU. */
  config?: Partial<KvmConfig>;
}

/** Shadow pages left of a quota that is used up: one less than a fault wants to find. */
const FEW_PAGES = 4;

/** The configuration: the shadow MMU of 2013, without mmu_lock for write protection unless the plan says otherwise. */
export function loggedVmConfig(options: ProtocolOptions, { slot, config, logsLater, others }: LoggedVmPlan): KvmConfig {
  return {
    ...smallVmConfig(options, [
      { ...slot, flags: logsLater === true ? 0 : KVM_MEM_LOG_DIRTY_PAGES },
      { ...OTHER_SLOT, hvaPage: slot.hvaPage + slot.npages, baseGfn: slot.baseGfn + OTHER_SLOT.baseGfn },
    ]),
    hostThreads: Math.max(0, others(options).length - 1),
    mmu: shadowMmu,
    split: splitLazy,
    era: ERAS['2013'],
    hasAdBits: false,
    writeProtect: 'lockless',
    poisonsFreedTables: true,
    requestedMmuPages: 64,
    tableCapacity: 12,
    descCapacity: 4,
    ...config,
  };
}

function loggedVmWords(options: ProtocolOptions, plan: LoggedVmPlan): number {
  return kvmArenaWords(loggedVmConfig(options, plan)) + HostMemory.arenaWords(plan.slot.npages + OTHER_SLOT.npages) + plan.slot.npages + LINE_WORDS;
}

export class LoggedVm {
  readonly kvm: Kvm;
  readonly memory: HostMemory;
  readonly vcpus: readonly Vcpu[];
  readonly ioctl: Cpu;
  readonly #slot: MemslotPlan;
  /** First word of the pages' contents, and what user space copied last: at first, all. */
  readonly #contents: Word;
  readonly #copied: number[];

  constructor(parts: ProtocolParts, options: ProtocolOptions, plan: LoggedVmPlan, { config, initialize }: { config: KvmConfig; initialize: boolean }) {
    const { slot } = plan;
    this.#slot = slot;
    this.kvm = new Kvm(parts.arena, parts.locks, config, initialize);
    this.memory = new HostMemory(parts.arena, slot.npages + OTHER_SLOT.npages);
    this.kvm.hostMemory = this.memory;
    this.#contents = parts.arena.carve('contents', slot.npages);
    this.#copied = Array.from(parts.arena.words.subarray(this.#contents, this.#contents + slot.npages));
    this.vcpus = vcpusOf(parts.cpus, options);
    // Set-up borrows a vCPU's CPU for the ioctls where no thread makes any.
    this.ioctl = parts.cpus[options.vcpus] ?? parts.cpus[options.vcpus - 1];
    if (initialize) this.#layOut(plan);
  }

  #layOut({ written, logsLater, isProtected, hasFewPages, slot }: LoggedVmPlan): void {
    const { kvm } = this;
    layOut(kvm);
    for (let page = 0; page < slot.npages + OTHER_SLOT.npages; page++) this.memory.add(page);
    runToCompletion(this.guest(0, written));
    if (logsLater === true) runToCompletion(enableDirtyLogging(kvm, this.ioctl, SLOT_ID));
    if (isProtected === true) runToCompletion(getDirtyLog(kvm, this.ioctl, SLOT_ID));
    if (hasFewPages === true) kvm.words[kvm.maxMmuPages] = kvm.words[kvm.usedMmuPages] + FEW_PAGES;
  }

  /** A guest that writes to these pages, or to `OTHER_PAGE`, one after the other. */
  guest(index: number, pages: readonly number[]): KernelPath {
    const vcpu = this.vcpus[index];
    const { baseGfn } = this.#slot;
    const accesses = pages.map((page) => ({ gfn: baseGfn + (page === OTHER_PAGE ? OTHER_SLOT.baseGfn : page), write: true }));
    return vcpuRun(this.kvm, vcpu, new FewAccesses(vcpu.cpu, accesses, (gfn) => this.#write(vcpu.cpu, gfn)), { process: 0, stopAt: 0 });
  }

  #write(cpu: Cpu, gfn: number): void {
    const page = gfn - this.#slot.baseGfn;
    if (page >= this.#slot.npages) return;
    if (!this.memory.isPresent(page, cpu)) throw new BrokenClaim('tlb', `vCPU ${cpu.id} writes to page ${page}, which the host has dropped`);
    cpu.fetchAdd(this.#contents + page, 1);
  }

  /** User space gets the log, and copies what it says. */
  *collect(pages: readonly number[]): KernelPath {
    const { kvm, ioctl } = this;
    yield* getDirtyLog(kvm, ioctl, SLOT_ID);
    for (const page of pages) {
      if (ioctl.touch(this.#contents + page)) yield;
      this.#checkTlbs(page);
      if (this.#bit(ioctl, userBitmap, page)) this.#copied[page] = ioctl.load(this.#contents + page);
    }
  }

  /** The memslot, looked up beside what runs. */
  get memslot(): Memslot {
    return this.kvm.memslots.idToMemslot(new Observer(this.kvm.words), SLOT_ID);
  }

  #bit(cpu: Pick<Cpu, 'load'>, bitmapOf: (words: Int32Array, memslot: Memslot) => Word, page: number): boolean {
    const bitmap = bitmapOf(this.kvm.words, this.memslot);
    return ((cpu.load(bitmap + (page >>> 5)) >>> (page & 31)) & 1) === 1;
  }

  /** What it reads of vCPUs it reads as the ioctl's CPU, so that the search knows what the answer depends on. */
  #checkTlbs(page: number): void {
    const { kvm, ioctl } = this;
    if (this.#bit(ioctl, dirtyBitmap, page)) return;
    const modes = this.vcpus.map(({ cpu }) => ioctl.load(kvm.inGuestMode + cpu.id));
    const generation = ioctl.load(kvm.tlbGeneration);
    if (this.vcpus.some(({ srcuIndex }, index) => modes[index] !== GuestMode.inside && modes[index] !== GuestMode.kicked && srcuIndex >= 0)) return;
    for (const [index, vcpu] of this.vcpus.entries()) {
      const isFlushed = modes[index] !== GuestMode.inside || vcpu.tlbGeneration !== generation;
      if (!isFlushed && vcpu.tlb.hits(this.#slot.baseGfn + page, true))
        throw new BrokenClaim('tlb', `vCPU ${vcpu.cpu.id} may write to page ${page} through its TLB, and the dirty bit is clear`);
    }
  }

  /** What a word is: of the memslot, of the host's memory, or of the rest of the VM. */
  nameOf(word: Word): string | undefined {
    const { kvm, memslot } = this;
    const page = word - this.#contents;
    if (page >= 0 && page < this.#copied.length) return `contents of page ${page}`;
    const head = word - gfnToRmap(kvm.words, memslot, this.#slot.baseGfn, 1);
    if (head >= 0 && head < this.#slot.npages) return `rmap of page ${head}`;
    const bits = bitmapWords(this.#slot.npages);
    if (word >= dirtyBitmap(kvm.words, memslot) && word < dirtyBitmap(kvm.words, memslot) + bits) return 'dirty bitmap';
    if (word >= userBitmap(kvm.words, memslot) && word < userBitmap(kvm.words, memslot) + bits) return "user space's bitmap";
    if (word === kvm.rcuFreeShadowPage) return 'rcu_free_shadow_page';
    return word === this.memory.wordOf(0) ? 'host pages' : wordName(kvm, word);
  }

  checkAtEnd(): void {
    const { kvm } = this;
    for (let page = 0; page < this.#copied.length; page++) {
      const written = kvm.words[this.#contents + page];
      if (written !== this.#copied[page] && !this.#bit(new Observer(kvm.words), dirtyBitmap, page))
        throw new BrokenClaim('copied', `page ${page} was written ${written} times, copied after ${this.#copied[page]}, and its dirty bit is clear`);
    }
    claimThat('tables', () => {
      kvm.mmu.checkInvariants(kvm);
      checkWriteProtection(kvm, this.vcpus);
      checkFreedTables(kvm);
    });
  }
}

/** User space, which fetches the log and copies these pages. */
export function collects(pages: readonly number[]): OtherActor {
  return { name: 'ioctl', path: (vm) => vm.collect(pages) };
}

/** The host drops a page. */
export function dropsPage(page: number): OtherActor {
  return { name: 'host', path: (vm, cpu) => madviseDontneed(vm.kvm, cpu, vm.memory, { first: page, count: 1 }) };
}

/** The protocol of a logged VM: `plan` says who does what to it. */
export function loggedVmProtocol(about: Pick<Protocol, 'name' | 'summary' | 'plants' | 'vcpus'>, plan: LoggedVmPlan): Protocol {
  // A VM is built anew for each schedule: by the same configuration, since making one takes a tenth of the time.
  const configs = new WeakMap<ProtocolOptions, KvmConfig>();
  const configOf = (options: ProtocolOptions): KvmConfig => {
    const config = configs.get(options) ?? loggedVmConfig(options, plan);
    configs.set(options, config);
    return config;
  };
  return {
    ...about,
    claims: plan.hasFewPages === true ? [...LOGGED_CLAIMS, FREED_CLAIM] : LOGGED_CLAIMS,
    interruptible: ['mmu_lock'],
    actors: (options) => actorNames(options, ...plan.others(options).map(({ name }) => name)),
    arenaWords: (options) => loggedVmWords(options, plan),
    build: (parts, options, initialize) => {
      const vm = new LoggedVm(parts, options, plan, { config: configOf(options), initialize });
      return {
        paths: () => [
          ...vm.vcpus.map((_, index) => vm.guest(index, plan.writes[index])),
          ...plan.others(options).map(({ path }, index) => path(vm, parts.cpus[options.vcpus + index])),
        ],
        atEnd: () => vm.checkAtEnd(),
        nameOf: (word) => vm.nameOf(word),
      };
    },
  };
}
