// What user space asks of the memslots, and whether KVM lets it: the checks of KVM_SET_USER_MEMORY_REGION, and of the two calls that the
// thread proposed to change several memslots at once. Models __kvm_set_memory_region() of virt/kvm/kvm_main.c.

import type { Cpu } from '../engine/cpu.js';
import { PAGE_BYTES } from '../units.js';
import { GUEST_TABLE_GFN } from './guest-paging.js';
import type { Kvm } from './kvm.js';
import { type Memslot, type MemslotFields, MS_BASE_GFN, MS_ID, MS_NPAGES, NO_MEMSLOT, readMemslot } from './memslot.js';
import { flagsChangeProblem, flagsProblem } from './memslot-flags.js';
import type { GfnSpan, MemslotChange } from './memslot-sets.js';
import { Observer } from './observer.js';
import { MAX_PAYLOAD } from './spte.js';

/** struct kvm_userspace_memory_region: addresses and sizes in bytes. A size of 0 deletes. */
export interface MemoryRegion {
  slot: number;
  flags: number;
  guestPhysAddr: number;
  memorySize: number;
  userspaceAddr: number;
}

export type Errno = 'EINVAL' | 'EEXIST' | 'ENOMEM';

/** Why an ioctl changed nothing: `slot` names the region. `message` begins with the errno's name, and states no address: user space may have others. */
export interface Refusal {
  errno: Errno;
  slot: number;
  message: string;
}

/** A region that may be set: what changes, or nothing. `before` is the memslot as it was. */
export interface PlannedChange {
  change: MemslotChange;
  before: MemslotFields | undefined;
}

/** KVM_MEM_MAX_NR_PAGES. */
const MAX_PAGES = 2 ** 31 - 1;

/** The id of a memslot in the ioctl's `slot`; the bits above it are the number of an address space. */
const ID_BITS = 16;

export function refuse(errno: Errno, slot: number, reason: string): Refusal {
  return { errno, slot, message: `${errno}: ${reason}` };
}

export function isRefusal(plan: object | null): plan is Refusal {
  return plan !== null && 'errno' in plan;
}

/** One region checked against the active set; no change when it alters nothing. Locks: slots_lock. */
export function planRegion(kvm: Kvm, cpu: Cpu, region: MemoryRegion): PlannedChange[] | Refusal {
  const plan = planChange(kvm, cpu, region);
  if (plan === null) return [];
  if (isRefusal(plan)) return plan;
  const { memslot } = plan.change;
  if (claimsGfns(plan) && kvm.memslots.overlaps(cpu, memslot, memslot.id)) return overlap(memslot.id, lowestOverlapping(kvm, memslot));
  return [plan];
}

/**
 * Several regions at once, each memslot at most once. Changes that alter nothing are left out. What is deleted or moved away makes room for
 * the others, since readers see all changes at the same time. Locks: slots_lock.
 */
export function planRegions(kvm: Kvm, cpu: Cpu, regions: readonly MemoryRegion[]): PlannedChange[] | Refusal {
  const plans = new Map<number, PlannedChange>();
  const named = new Set<number>();
  for (const region of regions) {
    if (named.has(region.slot)) return refuse('EINVAL', region.slot, `memslot ${region.slot} is named twice in one call, expected once`);
    named.add(region.slot);
    const plan = planChange(kvm, cpu, region);
    if (isRefusal(plan)) return plan;
    if (plan !== null) plans.set(region.slot, plan);
  }
  return overlapAmong(kvm, cpu, plans) ?? [...plans.values()];
}

/** All memslots at once: those that `regions` does not name are deleted. Walks every memslot and every region: O(k + n). Locks: slots_lock. */
export function planWholeSet(kvm: Kvm, cpu: Cpu, regions: readonly MemoryRegion[]): PlannedChange[] | Refusal {
  const named = new Set(regions.map(({ slot }) => slot));
  const gone: MemoryRegion[] = [];
  kvm.memslots.forEach(cpu, (memslot) => {
    const id = kvm.words[memslot + MS_ID];
    if (!named.has(id)) gone.push({ slot: id, flags: 0, guestPhysAddr: 0, memorySize: 0, userspaceAddr: 0 });
  });
  return planRegions(kvm, cpu, [...gone, ...regions]);
}

function planChange(kvm: Kvm, cpu: Cpu, region: MemoryRegion): PlannedChange | Refusal | null {
  const invalid = checkRegion(kvm, region);
  if (invalid !== null) return invalid;
  const old = kvm.memslots.idToMemslot(cpu, region.slot);
  const before = old === 0 ? undefined : readMemslot(kvm.words, old);
  if (region.memorySize === 0) {
    if (before === undefined)
      return refuse('EINVAL', region.slot, `memslot ${region.slot} has memory_size 0, which deletes it, but there is none with that id`);
    return { change: { kind: 'delete', memslot: before }, before };
  }
  const memslot = fieldsOf(region, before?.arch ?? 0);
  if (before === undefined) return { change: { kind: 'create', memslot }, before };
  return planUpdate(before, memslot);
}

function planUpdate(before: MemslotFields, memslot: MemslotFields): PlannedChange | Refusal | null {
  const { id } = memslot;
  if (memslot.npages !== before.npages)
    return refuse('EINVAL', id, `memslot ${id} cannot change its memory_size: current ${before.npages} pages, asked for ${memslot.npages} (delete it first)`);
  if (memslot.hvaPage !== before.hvaPage) return refuse('EINVAL', id, `memslot ${id} cannot change its userspace_addr (delete it first)`);
  const problem = flagsChangeProblem(before, memslot);
  if (problem !== null) return refuse('EINVAL', id, problem);
  if (memslot.baseGfn !== before.baseGfn) return { change: { kind: 'move', memslot }, before };
  return memslot.flags === before.flags ? null : { change: { kind: 'flags', memslot }, before };
}

function checkRegion(kvm: Kvm, region: MemoryRegion): Refusal | null {
  const { slot, guestPhysAddr, memorySize, userspaceAddr } = region;
  const limit = kvm.config.maxMemslots;
  if (!Number.isInteger(slot) || slot < 0 || slot >= limit) return refuse('EINVAL', slot, `memslot id ${slot} is out of range, ${expectedIds(slot, limit)}`);
  const problem = flagsProblem(kvm.config, region);
  if (problem !== null) return refuse('EINVAL', slot, problem);
  for (const [name, bytes] of Object.entries({ memory_size: memorySize, guest_phys_addr: guestPhysAddr, userspace_addr: userspaceAddr })) {
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes % PAGE_BYTES !== 0)
      return refuse('EINVAL', slot, `${name} of memslot ${slot} is no multiple of ${PAGE_BYTES}`);
  }
  if (memorySize / PAGE_BYTES > MAX_PAGES) return refuse('EINVAL', slot, `memslot ${slot} has more than ${MAX_PAGES} pages`);
  const beyond = (what: string, limit: number): Refusal =>
    refuse('EINVAL', slot, `memslot ${slot} ends beyond the ${limit} pages of ${what} that are simulated`);
  if ((guestPhysAddr + memorySize) / PAGE_BYTES > GUEST_TABLE_GFN) return beyond('the guest', GUEST_TABLE_GFN);
  return (userspaceAddr + memorySize) / PAGE_BYTES > MAX_PAYLOAD ? beyond('the host', MAX_PAYLOAD) : null;
}

function expectedIds(slot: number, limit: number): string {
  const space = Math.floor(slot / 2 ** ID_BITS);
  return `expected 0 to ${limit - 1}${space > 0 ? ` (bits ${ID_BITS} and up name address space ${space}: only 0 is simulated)` : ''}`;
}

function fieldsOf(region: MemoryRegion, arch: number): MemslotFields {
  return {
    id: region.slot,
    baseGfn: region.guestPhysAddr / PAGE_BYTES,
    npages: region.memorySize / PAGE_BYTES,
    hvaPage: region.userspaceAddr / PAGE_BYTES,
    flags: region.flags,
    arch,
  };
}

function claimsGfns({ change }: PlannedChange): boolean {
  return change.kind === 'create' || change.kind === 'move';
}

function overlap(id: number, other: number): Refusal {
  return refuse('EEXIST', id, `memslot ${id} overlaps memslot ${other}`);
}

/** For the message alone: KVM stops at the first that it meets, whichever that is in its structure. */
function lowestOverlapping(kvm: Kvm, { id, baseGfn, npages }: MemslotFields): number {
  const { words } = kvm;
  let lowest: Memslot = NO_MEMSLOT;
  kvm.memslots.forEach(new Observer(words), (other) => {
    const meets = words[other + MS_BASE_GFN] < baseGfn + npages && baseGfn < words[other + MS_BASE_GFN] + words[other + MS_NPAGES];
    if (meets && words[other + MS_ID] !== id && (lowest === NO_MEMSLOT || words[other + MS_BASE_GFN] < words[lowest + MS_BASE_GFN])) lowest = other;
  });
  return words[lowest + MS_ID];
}

/** Against memslots that stay where they are, and against each other. */
function overlapAmong(kvm: Kvm, cpu: Cpu, plans: ReadonlyMap<number, PlannedChange>): Refusal | null {
  const claims = [...plans.values()].filter(claimsGfns).map(({ change }) => change.memslot);
  claims.sort((a, b) => a.baseGfn - b.baseGfn);
  for (const [index, memslot] of claims.entries()) {
    const below = index === 0 ? undefined : claims[index - 1];
    if (below !== undefined && below.baseGfn + below.npages > memslot.baseGfn) return overlap(memslot.id, below.id);
    const taken = lowestThatStays(kvm, cpu, memslot, plans);
    if (taken !== NO_MEMSLOT) return overlap(memslot.id, kvm.words[taken + MS_ID]);
  }
  return null;
}

/** The lowest memslot in the span that is neither deleted nor moved, or NO_MEMSLOT. */
function lowestThatStays(kvm: Kvm, cpu: Cpu, span: GfnSpan, plans: ReadonlyMap<number, PlannedChange>): Memslot {
  const { words } = kvm;
  let lowest: Memslot = NO_MEMSLOT;
  kvm.memslots.forEachInGfnRange(cpu, span, (other) => {
    const leaves = plans.get(words[other + MS_ID])?.change.kind;
    if (leaves === 'delete' || leaves === 'move') return;
    if (lowest === NO_MEMSLOT || words[other + MS_BASE_GFN] < words[lowest + MS_BASE_GFN]) lowest = other;
  });
  return lowest;
}
