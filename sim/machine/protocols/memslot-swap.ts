// How the memslots change under vCPUs: a memslot moves while vCPUs fault on it. Readers look memslots up in SRCU read sections; the ioctl thread
// publishes a set in which the memslot is INVALID, drops its mappings, and publishes one in which it stands elsewhere, with a grace period after
// each (sim/kvm/set-memory-region.ts). The real paths run: KVM_RUN and KVM_SET_USER_MEMORY_REGION.
// Left out: lookups are one step each (the trees' nodes are plain words); the array.

import type { Cpu, KernelPath } from '../../engine/cpu.js';
import { Kvm, kvmArenaWords } from '../../kvm/kvm.js';
import { LIVE, MS_STATE, NO_MEMSLOT, readMemslot } from '../../kvm/memslot.js';
import { setUserMemoryRegion } from '../../kvm/set-memory-region.js';
import type { Vcpu } from '../../kvm/vcpu.js';
import { vcpuRun } from '../../kvm/vcpu-run.js';
import { PAGE_BYTES } from '../../units.js';
import { plantsOf, tsoPlantsOf } from './plants-of.js';
import { BrokenClaim, type Protocol, type ProtocolOptions, type ProtocolParts, type ProtocolRun } from './protocol.js';
import { actorNames, claimThat, FewAccesses, layOut, mappedPage, smallVmConfig, vcpusOf, wordName } from './small-vm.js';

/** The memslot that moves, where it goes, and one that stays. */
const MOVES = { id: 1, baseGfn: 8, npages: 2, hvaPage: 0 };
const NEW_BASE_GFN = 24;
const STAYS = { id: 2, baseGfn: 16, npages: 1, hvaPage: 8 };

/** Each vCPU reads gfns of both: the first of the one that moves, the second of the one that stays before that. */
const ACCESSES = [[MOVES.baseGfn, MOVES.baseGfn + 1], [STAYS.baseGfn]];

class MemslotSwap implements ProtocolRun {
  readonly #kvm: Kvm;
  readonly #vcpus: readonly Vcpu[];
  readonly #ioctl: Cpu;
  readonly #guests: readonly FewAccesses[];
  #hasMoved = false;

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#kvm = new Kvm(parts.arena, parts.locks, smallVmConfig(options, [MOVES, STAYS]), initialize);
    if (initialize) layOut(this.#kvm);
    this.#vcpus = vcpusOf(parts.cpus, options);
    this.#ioctl = parts.cpus[options.vcpus];
    this.#guests = this.#vcpus.map((vcpu) => this.#guest(vcpu));
  }

  paths(): KernelPath[] {
    return [...this.#vcpus.map((vcpu, id) => vcpuRun(this.#kvm, vcpu, this.#guests[id], { process: 0, stopAt: 0 })), this.#move()];
  }

  #guest(vcpu: Vcpu): FewAccesses {
    const accesses = ACCESSES[vcpu.cpu.id].map((gfn) => ({ gfn, write: false }));
    return new FewAccesses(vcpu.cpu, accesses, (gfn) => this.#onAccess(vcpu, gfn));
  }

  /** Within a read section the access has ended as an exit for MMIO. */
  #onAccess(vcpu: Vcpu, gfn: number): void {
    if (vcpu.srcuIndex < 0 || gfn !== STAYS.baseGfn) return;
    throw new BrokenClaim('lookup', `vCPU ${vcpu.cpu.id} finds no memslot for gfn ${gfn}, which memslot ${STAYS.id} has in every set`);
  }

  *#move(): KernelPath {
    const { id, npages, hvaPage } = MOVES;
    const region = { slot: id, flags: 0, guestPhysAddr: NEW_BASE_GFN * PAGE_BYTES, memorySize: npages * PAGE_BYTES, userspaceAddr: hvaPage * PAGE_BYTES };
    const refusal = yield* setUserMemoryRegion(this.#kvm, this.#ioctl, region);
    if (refusal !== null) throw new Error(refusal.message);
    this.#hasMoved = true;
  }

  afterStep(): void {
    for (const [id, vcpu] of this.#vcpus.entries()) this.#checkUse(id, vcpu);
    if (!this.#hasMoved) return;
    for (let gfn = MOVES.baseGfn; gfn < MOVES.baseGfn + MOVES.npages; gfn++) {
      if (mappedPage(this.#kvm, gfn) >= 0) throw new BrokenClaim('unmapped', `gfn ${gfn} is mapped, though its memslot had left when the ioctl returned`);
    }
  }

  /** What a vCPU found in its read section, and has not given up, is still a memslot that holds the gfn of its access. */
  #checkUse(id: number, { srcuIndex, memslot }: Vcpu): void {
    if (srcuIndex < 0 || memslot === NO_MEMSLOT) return;
    const { words } = this.#kvm;
    if (words[memslot + MS_STATE] !== LIVE) throw new BrokenClaim('read-section', `the memslot that vCPU ${id} uses has been freed`);
    if (this.#guests[id].remaining === 0) return;
    const { gfn } = this.#guests[id];
    const { baseGfn, npages } = readMemslot(words, memslot);
    if (gfn < baseGfn || gfn >= baseGfn + npages)
      throw new BrokenClaim('read-section', `the memslot that vCPU ${id} uses for gfn ${gfn} has become one of gfns ${baseGfn} to ${baseGfn + npages - 1}`);
  }

  nameOf(word: number): string | undefined {
    return wordName(this.#kvm, word);
  }

  atEnd(): void {
    claimThat('sets', () => this.#kvm.memslots.checkInvariants());
    claimThat('sets', () => this.#kvm.mmu.checkInvariants(this.#kvm));
  }
}

/** A memslot set is swapped under SRCU. */
export const memslotSwap: Protocol = {
  name: 'memslot-swap',
  summary: 'a memslot moves, by swaps of the memslot sets under SRCU, while vCPUs fault on it',
  claims: [
    { name: 'read-section', claim: 'the memslot that a fault has found is neither freed nor changed until its SRCU read section ends' },
    { name: 'lookup', claim: 'a gfn that is in the old set and in the new one is always found' },
    { name: 'unmapped', claim: 'once the ioctl has returned, nothing maps what the memslot has left' },
    { name: 'sets', claim: 'in the end both sets describe the same memslots' },
  ],
  plants: [...plantsOf('no-grace-period', 'one-grace-index', 'zap-before-invalid', 'stale-last-used'), ...tsoPlantsOf('srcu-no-fence')],
  vcpus: { min: 1, max: 2, usual: 1, also: [2] },
  interruptible: [],
  actors: (options) => actorNames(options, 'ioctl'),
  arenaWords: (options) => kvmArenaWords(smallVmConfig(options, [MOVES, STAYS])),
  build: (parts, options, initialize) => new MemslotSwap(parts, options, initialize),
};
