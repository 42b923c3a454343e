// A userfaultfd: a vCPU sleeps for a page, a reader thread learns of it and resolves it by UFFDIO_COPY, and another thread copies the same page unasked.
// The page of a second vCPU is the reader's alone. Whoever installs a page wakes those who wait for it, and finds without a lock whether anybody does.
// The real paths run: KVM_RUN with get_user_pages(), the reader's poll and read, UFFDIO_COPY. A wakeup that is lost shows as a deadlock.

import type { Cpu, KernelPath, Word } from '../../engine/cpu.js';
import { type ReaderPlan, runReader } from '../../kvm/eventpoll.js';
import { Kvm, kvmArenaWords } from '../../kvm/kvm.js';
import { Contents, Mm, type MmConfig, mmArenaWords } from '../../kvm/mm.js';
import type { KvmPlant } from '../../kvm/plants.js';
import { Userfaultfd, UserfaultWaiters } from '../../kvm/userfaultfd.js';
import { uffdioResolve } from '../../kvm/userfaultfd-ioctl.js';
import type { Vcpu } from '../../kvm/vcpu.js';
import { vcpuRun } from '../../kvm/vcpu-run.js';
import { LINE_WORDS } from '../../memory/arena.js';
import { plantsOf, tsoPlantsOf } from './plants-of.js';
import { BrokenClaim, type Protocol, type ProtocolOptions, type ProtocolParts, type ProtocolRun } from './protocol.js';
import { actorNames, claimThat, FewAccesses, layOut, smallVmConfig, vcpusOf, wordName } from './small-vm.js';

const GFN = 8;
/** A page for each vCPU, and the one that is pushed. */
const PAGES = 2;
const PUSHED = 0;
const SLOT = { id: 1, baseGfn: GFN, npages: PAGES, hvaPage: 0 };
const MM: MmConfig = { pageCount: PAGES, hostPageShift: 0, backing: 'anonymous', preallocated: false, vmaCount: 1, vmaLocks: false };

/** Threads after the vCPUs. */
const SERVICES = 2;

class UserfaultRun implements ProtocolRun {
  readonly #kvm: Kvm;
  readonly #mm: Mm;
  readonly #ctx: Userfaultfd;
  readonly #vcpus: readonly Vcpu[];
  readonly #reader: Cpu;
  readonly #pusher: Cpu;
  /** vCPUs that have not finished. */
  readonly #running: Word;
  /** By page. */
  readonly #installed = new Array<number>(PAGES).fill(0);
  readonly #reads = new Array<number>(PAGES).fill(0);

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    const { arena, locks, cpus } = parts;
    this.#kvm = new Kvm(arena, locks, smallVmConfig(options, [SLOT]), initialize);
    this.#mm = new Mm(arena, locks, MM, initialize);
    this.#kvm.mm = this.#mm;
    const waiters = new UserfaultWaiters(arena, options.vcpus + SERVICES);
    const plant = (options.plant ?? undefined) as KvmPlant | undefined;
    this.#ctx = new Userfaultfd(arena, locks, { index: 0, mode: 'missing', wait: 'poll', readers: [options.vcpus], waiters, initialize, plant });
    this.#mm.userfaultfds.push(this.#ctx);
    this.#running = arena.carveLine('runningVcpus');
    if (initialize) {
      layOut(this.#kvm);
      arena.words[this.#running] = options.vcpus;
    }
    this.#vcpus = vcpusOf(cpus, options);
    [this.#reader, this.#pusher] = cpus.slice(options.vcpus);
  }

  paths(): KernelPath[] {
    const plan: ReaderPlan = { index: 0, resolve: (cpu, unit) => this.#onRead(cpu, unit) };
    return [...this.#vcpus.map((vcpu) => this.#guest(vcpu)), runReader(this.#ctx, this.#reader, plan), this.#copy(this.#pusher, PUSHED)];
  }

  #guest(vcpu: Vcpu): KernelPath {
    const guest = new FewAccesses(vcpu.cpu, [{ gfn: GFN + vcpu.cpu.id, write: true }], () => undefined);
    return vcpuRun(this.#kvm, vcpu, guest, { process: 0, stopAt: 0, onFinish: (cpu) => this.#finish(cpu) });
  }

  /** The last vCPU to end tells the reader to end. */
  *#finish(cpu: Cpu): KernelPath {
    if (cpu.touch(this.#running)) yield;
    if (cpu.fetchAdd(this.#running, -1) > 1) return;
    if (cpu.touch(this.#ctx.readerStateWord(this.#ctx.reader(0)))) yield;
    this.#ctx.quitReader(cpu, 0);
  }

  #onRead(cpu: Cpu, unit: number): KernelPath {
    if (++this.#reads[unit] > 1) throw new BrokenClaim('one-fault', `${this.#reads[unit]} faults on host page ${unit} were read, of one vCPU`);
    return this.#copy(cpu, unit);
  }

  *#copy(cpu: Cpu, unit: number): KernelPath {
    if (yield* uffdioResolve(this.#mm, this.#ctx, cpu, { unit, how: 'copy' })) this.#installed[unit]++;
  }

  nameOf(word: number): string | undefined {
    return wordName(this.#kvm, word);
  }

  atEnd(): void {
    for (const { cpu } of this.#vcpus) {
      const times = this.#installed[cpu.id];
      if (times !== 1) throw new BrokenClaim('install-once', `UFFDIO_COPY installed host page ${cpu.id} ${times} times`);
    }
    claimThat('queues', () => this.#ctx.assertEmpty());
    claimThat('contents', () => this.#mm.assertFilled({ first: 0, count: this.#vcpus.length }, Contents.prototype));
  }
}

function arenaWords(options: ProtocolOptions): number {
  const threads = options.vcpus + SERVICES;
  return kvmArenaWords(smallVmConfig(options, [SLOT])) + mmArenaWords(MM) + Userfaultfd.arenaWords(1) + UserfaultWaiters.arenaWords(threads) + LINE_WORDS;
}

/** A missing page is waited for, read, and resolved. */
export const userfaultfd: Protocol = {
  name: 'userfaultfd',
  summary: 'vCPUs sleep for missing pages, which a reader thread resolves, and one of them another thread too',
  claims: [
    { name: 'install-once', claim: 'each page is installed once; who comes second is told so' },
    { name: 'one-fault', claim: 'each fault is read at most once, and who wakes up finds its page: no vCPU faults twice' },
    { name: 'queues', claim: 'in the end nobody is left in a queue; a wakeup that is lost is a deadlock' },
    { name: 'contents', claim: 'each page holds what UFFDIO_COPY put there' },
  ],
  plants: [
    ...plantsOf('no-recheck', 'late-prepare', 'wake-before-install', 'no-refile-seq'),
    { ...plantsOf('poll-lost-ready')[0], vcpus: 2, foundByPct: true },
    { ...tsoPlantsOf('prepare-before-queue')[0], foundByPct: true },
  ],
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: ['fault_pending_wqh'],
  actors: (options) => actorNames(options, 'reader', 'pusher'),
  arenaWords,
  build: (parts, options, initialize) => new UserfaultRun(parts, options, initialize),
};
