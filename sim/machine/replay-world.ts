// A VM without a guest whose ioctl thread replays a VMM's memory-region ioctls one by one and notes what each took. What KVM refuses takes its
// time too, and changes nothing. `check` holds the memslots at the end against what the ioctls asked for.
//
// Left out: vCPUs (nobody maps memory that would have to be zapped, nobody is kicked), and what the VMM does between its ioctls.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import { Kvm, type KvmConfig } from '../kvm/kvm.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import type { MemoryRegion, Refusal } from '../kvm/memory-region.js';
import { KVM_MEM_LOG_DIRTY_PAGES, MS_ID } from '../kvm/memslot.js';
import { changeUserMemoryRegions, setUserMemoryRegion, setUserMemoryRegions } from '../kvm/set-memory-region.js';
import type { Arena } from '../memory/arena.js';
import { type Phase, rootsPhase, type World } from './scenario.js';

/** One ioctl: `region` is KVM_SET_USER_MEMORY_REGION, `change` is KVM_CHANGE_USER_MEMORY_REGIONS, `set` is KVM_SET_USER_MEMORY_REGIONS. */
export interface RegionsCall {
  kind: 'region' | 'change' | 'set';
  /** One of them for `region`. Addresses and sizes in bytes. */
  regions: readonly MemoryRegion[];
}

/** What an ioctl did to the memslots; `none`: they were so already. */
export const IOCTL_KINDS = ['create', 'delete', 'move', 'flags', 'batch', 'none', 'refused'] as const;
export type IoctlKind = (typeof IOCTL_KINDS)[number];

export interface ReplayedIoctl {
  kind: IoctlKind;
  ns: number;
  refusal: Refusal | null;
}

export interface ReplayPlan {
  calls: readonly RegionsCall[];
  /** Go on after an ioctl that KVM refuses. */
  keepGoing: boolean;
  kvm: KvmConfig;
}

export class ReplayWorld implements World {
  readonly phases: Phase[];
  readonly lockSites = LOCK_SITE_NAMES;
  readonly kvm: Kvm;
  readonly ioctls: ReplayedIoctl[] = [];
  /** Picoseconds of all ioctls together. */
  totalPs = 0;
  readonly #plan: ReplayPlan;
  /** What the ioctls that were not refused have asked for, by id. */
  #asked = new Map<number, MemoryRegion>();

  constructor(plan: ReplayPlan, place: { arena: Arena; locks: LockFactory; initialize: boolean }) {
    this.#plan = plan;
    this.kvm = new Kvm(place.arena, place.locks, plan.kvm, place.initialize);
    this.phases = [rootsPhase(this.kvm), { metric: 'replay', crew: 'ioctl', orderSensitive: false, path: (cpu) => this.#replay(cpu) }];
  }

  /** Memslots that the ioctls have left. */
  get memslotCount(): number {
    return this.#asked.size;
  }

  *#replay(cpu: Cpu): KernelPath {
    for (const call of this.#plan.calls) {
      const start = cpu.now();
      const refusal = yield* issueCall(this.kvm, cpu, call);
      const ps = cpu.now() - start;
      this.totalPs += ps;
      this.ioctls.push({ kind: refusal === null ? this.#kindOf(call) : 'refused', ns: Math.round(ps / 1000), refusal });
      if (refusal === null) this.#note(call);
      else if (!this.#plan.keepGoing) return;
    }
  }

  /** Of a call that is not in `#asked` yet. */
  #kindOf({ kind, regions }: RegionsCall): IoctlKind {
    if (kind !== 'region') return 'batch';
    const [region] = regions;
    const before = this.#asked.get(region.slot);
    if (before === undefined) return 'create';
    if (region.memorySize === 0) return 'delete';
    if (region.guestPhysAddr !== before.guestPhysAddr) return 'move';
    return region.flags === before.flags ? 'none' : 'flags';
  }

  #note({ kind, regions }: RegionsCall): void {
    if (kind === 'set') this.#asked = new Map();
    for (const region of regions) {
      if (region.memorySize === 0) this.#asked.delete(region.slot);
      else this.#asked.set(region.slot, region);
    }
  }

  check(): void {
    const { kvm } = this;
    kvm.memslots.checkInvariants();
    kvm.mmu.checkInvariants(kvm);
    let count = 0;
    let logged = 0;
    kvm.eachMemslot((memslot) => {
      const id = kvm.words[memslot + MS_ID];
      const [is, asked] = [kvm.regionOf(id), this.#asked.get(id)].map((region) => JSON.stringify(region, REGION_KEYS));
      assert(is === asked, `memslot ${id} is ${is}, asked for ${asked}`);
      count++;
      logged += kvm.regionOf(id).flags & KVM_MEM_LOG_DIRTY_PAGES;
    });
    assert(count === this.#asked.size, `${count} memslots at the end, expected ${this.#asked.size}`);
    assert(kvm.words[kvm.dirtyLoggingCount] === logged, `${kvm.words[kvm.dirtyLoggingCount]} memslots count as logged, expected ${logged}`);
  }
}

const REGION_KEYS: (keyof MemoryRegion)[] = ['slot', 'flags', 'guestPhysAddr', 'memorySize', 'userspaceAddr'];

/** The ioctl. Returns null, or why nothing was changed. Locks, suspends: as the call does. */
export function* issueCall(kvm: Kvm, cpu: Cpu, { kind, regions }: RegionsCall): KernelPath<Refusal | null> {
  if (kind === 'region') return yield* setUserMemoryRegion(kvm, cpu, regions[0]);
  if (kind === 'change') return yield* changeUserMemoryRegions(kvm, cpu, regions);
  return yield* setUserMemoryRegions(kvm, cpu, regions);
}
