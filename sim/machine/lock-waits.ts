// How long each vCPU has waited for mmu_lock in its faults: from asking for the lock until the fault goes on. In virtual time that includes what taking an
// uncontended lock costs.

import type { Mmu } from '../kvm/mmu.js';
import type { Vcpu } from '../kvm/vcpu.js';

export class LockWaits {
  /** By vCPU, picoseconds: when it asked, -1 while it does not wait; and all waits so far. */
  readonly #sincePs: Float64Array;
  readonly #waitedPs: Float64Array;

  constructor(vcpus: number) {
    this.#sincePs = new Float64Array(vcpus).fill(-1);
    this.#waitedPs = new Float64Array(vcpus);
  }

  /** Waits of one vCPU up to now, picoseconds. */
  of(vcpu: number): number {
    return this.#waitedPs[vcpu];
  }

  /** The same MMU, with a clock at its lock. A fault that has the lock goes on with `prepareMap`, or is stale and gives it back. */
  meter(mmu: Mmu): Mmu {
    return {
      ...mmu,
      lockForFault: (kvm, vcpu, write) => {
        this.#sincePs[vcpu.cpu.id] = vcpu.cpu.now();
        return mmu.lockForFault(kvm, vcpu, write);
      },
      prepareMap: (kvm, vcpu, gfn) => {
        this.#end(vcpu);
        return mmu.prepareMap(kvm, vcpu, gfn);
      },
      unlockAfterFault: (kvm, vcpu) => {
        this.#end(vcpu);
        return mmu.unlockAfterFault(kvm, vcpu);
      },
    };
  }

  #end({ cpu }: Vcpu): void {
    const since = this.#sincePs[cpu.id];
    if (since < 0) return;
    this.#waitedPs[cpu.id] += cpu.now() - since;
    this.#sincePs[cpu.id] = -1;
  }
}
