// What becomes of a huge page when dirty logging needs smaller ones. One file per policy.

import type { Cpu } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';

/** A huge spte: where it is and at which level (2 or 3). */
export interface HugeSpte {
  sptep: number;
  level: number;
}

export interface SplitPolicy {
  readonly name: string;
  /** The ioctl thread splits, when logging is enabled or cleared. */
  readonly eager: boolean;
  /** A fault that meets a huge spte populates the smaller ones, instead of dropping it. */
  readonly splitsOnFault: boolean;
  /** A split may link a lower-level table that exists already. */
  readonly reusesTables: boolean;
  /** A split may allocate rmap descriptors. */
  readonly allocatesDescs: boolean;
  /** The shadow MMU's fault path needs a smaller page than `huge`. Locks: mmu_lock for write. Suspends: never. */
  onFault(kvm: Kvm, cpu: Cpu, huge: HugeSpte): void;
}
