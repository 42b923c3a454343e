// The mmu notifier: the host drops a page while vCPUs fault on it. A fault that looked the page up before or during the invalidation must not map what
// it found, and no TLB may serve it afterwards. The real paths run: KVM_RUN under the TDP MMU, and madvise(MADV_DONTNEED) with the notifier's calls.

import type { Cpu, KernelPath } from '../../engine/cpu.js';
import { Kvm, kvmArenaWords } from '../../kvm/kvm.js';
import { madviseDontneed } from '../../kvm/madvise.js';
import type { Vcpu } from '../../kvm/vcpu.js';
import { vcpuRun } from '../../kvm/vcpu-run.js';
import { HostMemory } from '../../memory/host-memory.js';
import { plantsOf, tsoPlantsOf } from './plants-of.js';
import { BrokenClaim, type Protocol, type ProtocolOptions, type ProtocolParts, type ProtocolRun } from './protocol.js';
import { actorNames, claimThat, FewAccesses, layOut, mappedPage, smallVmConfig, vcpusOf, wordName } from './small-vm.js';

const GFN = 8;
const PAGE = 0;
const SLOT = { id: 1, baseGfn: GFN, npages: 1, hvaPage: PAGE };

/** Accesses of each vCPU: those of the first vCPU after its first may be served by its TLB, and one of them may find that it was kicked. */
const ACCESSES = [3, 1];

class MmuNotifier implements ProtocolRun {
  readonly #kvm: Kvm;
  readonly #memory: HostMemory;
  readonly #vcpus: readonly Vcpu[];
  readonly #host: Cpu;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#kvm = new Kvm(parts.arena, parts.locks, smallVmConfig(options, [SLOT]), initialize);
    this.#memory = new HostMemory(parts.arena, SLOT.npages);
    this.#kvm.hostMemory = this.#memory;
    if (initialize) {
      layOut(this.#kvm);
      this.#memory.add(PAGE);
    }
    this.#vcpus = vcpusOf(parts.cpus, options);
    this.#host = parts.cpus[options.vcpus];
  }

  paths(): KernelPath[] {
    return [...this.#vcpus.map((vcpu) => this.#guest(vcpu)), madviseDontneed(this.#kvm, this.#host, this.#memory, { first: PAGE, count: 1 })];
  }

  #guest(vcpu: Vcpu): KernelPath {
    const accesses = Array.from({ length: ACCESSES[vcpu.cpu.id] }, () => ({ gfn: GFN, write: true }));
    return vcpuRun(this.#kvm, vcpu, new FewAccesses(vcpu.cpu, accesses, () => this.#onAccess(vcpu.cpu)), { process: 0, stopAt: 0 });
  }

  #onAccess(cpu: Cpu): void {
    if (!this.#memory.isPresent(PAGE, cpu)) throw new BrokenClaim('access', `vCPU ${cpu.id} writes to host page ${PAGE}, which the host has dropped`);
  }

  afterStep(): void {
    if (!this.#memory.isPresent(PAGE) && mappedPage(this.#kvm, GFN) === PAGE)
      throw new BrokenClaim('spte', `gfn ${GFN} is mapped to host page ${PAGE}, which the host has dropped`);
  }

  nameOf(word: number): string | undefined {
    return wordName(this.#kvm, word);
  }

  atEnd(): void {
    const kvm = this.#kvm;
    const running = kvm.words[kvm.invalidateInProgress];
    if (running !== 0) throw new BrokenClaim('balance', `${running} invalidations are in progress in the end`);
    claimThat('spte', () => kvm.mmu.checkInvariants(kvm));
  }
}

/** A page of the host goes away under the guest. */
export const mmuNotifier: Protocol = {
  name: 'mmu-notifier',
  summary: 'the host drops a page, by the mmu notifier, while vCPUs fault on it',
  claims: [
    { name: 'spte', claim: 'no spte maps a page that the host has dropped' },
    { name: 'access', claim: 'no vCPU reaches a page that the host has dropped, through its TLB or otherwise' },
    { name: 'balance', claim: 'in the end no invalidation is in progress, so faults no longer retry' },
  ],
  plants: [
    ...plantsOf('no-retry', 'no-in-progress-check', 'seq-at-start', 'seq-read-late', 'end-before-unmap', 'no-flush', 'kick-before-request'),
    ...tsoPlantsOf('entry-no-fence'),
  ],
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: ['mmu_lock'],
  actors: (options) => actorNames(options, 'host'),
  arenaWords: (options) => kvmArenaWords(smallVmConfig(options, [SLOT])) + HostMemory.arenaWords(SLOT.npages),
  build: (parts, options, initialize) => new MmuNotifier(parts, options, initialize),
};
