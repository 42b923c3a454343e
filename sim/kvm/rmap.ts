// Reverse maps: for each gfn and level, the sptes that map it. Models pte_list_add(), pte_list_remove() and rmap walks of mmu.c.
//
// A head word is 0 (empty), an sptep (one spte), or a descriptor with the MANY bit. A descriptor holds 14 sptes, as the kernel's;
// new entries go into the head descriptor, so that all others are full. Guarded by mmu_lock held for write; for walks without it see rmap-nulls.ts.
//
// Invariant 3: each present leaf spte of the shadow MMU is on the rmap of its gfn and level exactly once.

import { assert } from '../assert.js';
import type { Cpu } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import type { RmapOps } from './rmap-ops.js';

/** Entries of a pte_list_desc. */
export const PTE_LIST_EXT = 14;
/** Words of a descriptor: next, count, entries. */
export const DESC_WORDS = 16;

const MANY = 1;
const DESC_MORE = 0;
const DESC_COUNT = 1;
const DESC_ENTRIES = 2;

function allocDesc(kvm: Kvm, cpu: Cpu): number {
  const { words } = kvm;
  cpu.spend(cpu.cost.desc_alloc);
  cpu.counters.rmapDescsAllocated++;
  const free = words[kvm.freeDesc];
  if (free !== 0) {
    words[kvm.freeDesc] = words[free + DESC_MORE];
    return free;
  }
  const index = words[kvm.nextDesc]++;
  assert(index < kvm.descCapacity, `out of rmap descriptors: ${kvm.descCapacity} in use`);
  return kvm.descBase + index * DESC_WORDS;
}

function freeDesc(kvm: Kvm, desc: number): void {
  kvm.words[desc + DESC_MORE] = kvm.words[kvm.freeDesc];
  kvm.words[kvm.freeDesc] = desc;
}

/** True when adding to `head` takes a new descriptor. */
export function needsDesc(kvm: Kvm, _cpu: Cpu, head: number): boolean {
  const value = kvm.words[head];
  if (value === 0) return false;
  return (value & MANY) === 0 || kvm.words[(value >>> 1) + DESC_COUNT] === PTE_LIST_EXT;
}

/** Adds `sptep` to the list at `head`. Locks: mmu_lock for write. Suspends: never. */
export function pteListAdd(kvm: Kvm, cpu: Cpu, head: number, sptep: number): void {
  const { words } = kvm;
  const value = words[head];
  if (value === 0) {
    words[head] = sptep << 1;
    return;
  }
  let desc = value >>> 1;
  if ((value & MANY) === 0) {
    const first = desc;
    desc = allocDesc(kvm, cpu);
    words[desc + DESC_MORE] = 0;
    words[desc + DESC_COUNT] = 1;
    words[desc + DESC_ENTRIES] = first;
  } else if (words[desc + DESC_COUNT] === PTE_LIST_EXT) {
    const full = desc;
    desc = allocDesc(kvm, cpu);
    words[desc + DESC_MORE] = full;
    words[desc + DESC_COUNT] = 0;
  }
  words[desc + DESC_ENTRIES + words[desc + DESC_COUNT]++] = sptep;
  words[head] = (desc << 1) | MANY;
}

/** Removes `sptep` from the list at `head`; it must be there. Locks: mmu_lock for write. Suspends: never. */
export function pteListRemove(kvm: Kvm, _cpu: Cpu, head: number, sptep: number): void {
  const { words } = kvm;
  const value = words[head];
  if ((value & MANY) === 0) {
    if (value !== sptep << 1) assert(false, `spte ${sptep} is not on its rmap, which holds ${value >>> 1}`);
    words[head] = 0;
    return;
  }
  const first = value >>> 1;
  for (let desc = first; desc !== 0; desc = words[desc + DESC_MORE]) {
    const count = words[desc + DESC_COUNT];
    for (let i = 0; i < count; i++) {
      if (words[desc + DESC_ENTRIES + i] !== sptep) continue;
      fillHole(kvm, head, { first, desc, index: i });
      return;
    }
  }
  assert(false, `spte ${sptep} is not on its rmap`);
}

/** The head descriptor's last entry moves into the hole, so that only the head is ever partly filled. */
function fillHole(kvm: Kvm, head: number, hole: { first: number; desc: number; index: number }): void {
  const { words } = kvm;
  const { first, desc, index } = hole;
  const last = --words[first + DESC_COUNT];
  words[desc + DESC_ENTRIES + index] = words[first + DESC_ENTRIES + last];
  if (last > 0 && !(last === 1 && words[first + DESC_MORE] === 0)) return;
  const more = words[first + DESC_MORE];
  words[head] = last === 1 ? words[first + DESC_ENTRIES] << 1 : more === 0 ? 0 : (more << 1) | MANY;
  freeDesc(kvm, first);
}

/** The `index`th spte of the list at `head`, or 0 past its end. Lists are short: 0 or 1 entry almost always. */
export function pteListGet(kvm: Kvm, _cpu: Cpu, head: number, index: number): number {
  const { words } = kvm;
  const value = words[head];
  if ((value & MANY) === 0) return index === 0 ? value >>> 1 : 0;
  let skip = index;
  for (let desc = value >>> 1; desc !== 0; desc = words[desc + DESC_MORE]) {
    const count = words[desc + DESC_COUNT];
    if (skip < count) return words[desc + DESC_ENTRIES + skip];
    skip -= count;
  }
  return 0;
}

/** Entries of the list at `head`. */
export function pteListCount(kvm: Kvm, _cpu: Cpu, head: number): number {
  const { words } = kvm;
  const value = words[head];
  if (value === 0) return 0;
  if ((value & MANY) === 0) return 1;
  let count = 0;
  for (let desc = value >>> 1; desc !== 0; desc = words[desc + DESC_MORE]) count += words[desc + DESC_COUNT];
  return count;
}

/** These lists behind the interface. */
export const plainRmaps: RmapOps = { add: pteListAdd, remove: pteListRemove, get: pteListGet, count: pteListCount, needsDesc };
