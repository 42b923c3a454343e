// The memslots of a VM behind one interface: what readers look up, and the steps in which an update is made.
//
// Readers see the active set, whole, in an SRCU read section (or under slots_lock). The updater, alone under slots_lock, edits what
// readers cannot see, publishes it with one store, waits for a grace period, and then settles what is left:
//
//     begin, [stageInvalid..., publish, (grace period), settle, (zap)], stage..., publish, (grace period), settle, finish
//
// To give up after the first publish: publish, (grace period), settle, finish, with nothing staged in between.
//
// Invariant 4: between a publish and the end of its grace period, nothing that the earlier active set can reach is written.
// Invariant 5: both sets describe the same memslots whenever no update is in flight.

import type { Cpu, Word } from '../engine/cpu.js';
import type { Memslot, MemslotFields } from './memslot.js';

export const MEMSLOT_STRUCTURES = ['array', 'tree', 'array-hva-tree', 'btree'] as const;
export type MemslotStructure = (typeof MEMSLOT_STRUCTURES)[number];

/** KVM_CAP_NR_MEMSLOTS on x86: SHRT_MAX less the three that KVM keeps for itself. */
export const KVM_USER_MEM_SLOTS = 32764;

/** One change of one memslot. `memslot` is its state afterwards (before, for a delete). */
export interface MemslotChange {
  kind: 'create' | 'delete' | 'move' | 'flags';
  memslot: MemslotFields;
}

export interface MemslotSetsConfig {
  /** Memslots to make room for; ids are below it. A structure that pays for the maximum pays for this. */
  capacity: number;
  /** CPUs that look up: vCPUs and the ioctl thread. */
  cpuCount: number;
  /** Who keeps the memslot found last: the set, in one word for all (lru_slot), or each CPU for itself (last_used_slot). */
  lastUsed: 'shared' | 'vcpu';
}

export interface GfnSpan {
  baseGfn: number;
  npages: number;
}

/** Host pages, both ends included, as the kernel's interval tree has them. */
export interface HvaPageRange {
  first: number;
  last: number;
}

export interface MemslotSets {
  readonly name: MemslotStructure;
  /** True when the hva index is one tree that is edited in place: then readers by hva and its edits both hold mmu_lock. */
  readonly hvaInPlace: boolean;

  // Readers: the active set. They never suspend, and charge the work that they count to the CPU.
  /** Number of memslots. */
  count(cpu: Cpu): number;
  /** Generation of the active set: another after each publish. */
  generation(cpu: Cpu): number;
  /** Word of the generation. */
  readonly generationWord: Word;
  /**
   * The memslot that holds `gfn`, INVALID ones included, or NO_MEMSLOT. `generation`: of the set to look in, as the caller read it in its section; the
   * active set's when left out. Models search_memslots().
   */
  gfnToMemslot(cpu: Cpu, gfn: number, generation?: number): Memslot;
  /** As above, but for a gfn in a hole one of the memslots that border it (s390). NO_MEMSLOT only when there are none. */
  gfnToMemslotApprox(cpu: Cpu, gfn: number): Memslot;
  /** Models id_to_memslot(). */
  idToMemslot(cpu: Cpu, id: number): Memslot;
  /** Every memslot that overlaps the range, each once; they may overlap each other in hva. */
  forEachInHvaRange(cpu: Cpu, range: HvaPageRange, visit: (slot: Memslot) => void): void;
  /** Every memslot that overlaps the span, as kvm_zap_gfn_range() finds them: the array looks at all. */
  forEachInGfnRange(cpu: Cpu, span: GfnSpan, visit: (slot: Memslot) => void): void;
  /** Every memslot, each once. */
  forEach(cpu: Cpu, visit: (slot: Memslot) => void): void;
  /** Whether a memslot other than `exceptId` overlaps the span: the check of create and move. */
  overlaps(cpu: Cpu, span: GfnSpan, exceptId: number): boolean;
  /** Pages of all memslots, for the quota of MMU pages: kept up to date, or counted by a walk over all. */
  totalPages(cpu: Cpu): number;

  // The updater, under slots_lock.
  /** Makes an inactive set that can be edited. The array copies itself whole. */
  begin(cpu: Cpu): void;
  /** In the inactive set: memslot `id` becomes a copy with KVM_MEMSLOT_INVALID. */
  stageInvalid(cpu: Cpu, id: number): void;
  /** In the inactive set: the change. */
  stage(cpu: Cpu, change: MemslotChange): void;
  /** Readers see the inactive set from now on. One store. */
  publish(cpu: Cpu): void;
  /** After the grace period: the retired set, which nobody reads any more, becomes like the active one; what it held alone is freed. */
  settle(cpu: Cpu): void;
  /** The end of the update. */
  finish(cpu: Cpu): void;
  /** With `hvaInPlace`, under mmu_lock: the hva index learns of a create before, or of a delete after, the memslot is published. */
  editHva(cpu: Cpu, change: MemslotChange): void;

  /** The state after creating all of these one by one, in this order. For set-up that is not measured: charges nothing. */
  load(memslots: readonly MemslotFields[]): void;
  /** Throws when an invariant of the structure does not hold. No update is in flight. */
  checkInvariants(): void;
  /** Memory of the structure as it is now, in bytes: what the VM has with no memslot at all, and everything (both sets, indices, records). */
  footprint(): { emptyBytes: number; totalBytes: number };
}
