// Reverse maps that may be walked without mmu_lock. Models what patches 5 to 8 of Xiao Guangrong's series of 2013 make of pte_list.
//
// Writers hold mmu_lock for write, as with rmap.ts. A head word is 0 (empty), an sptep (one spte), or a descriptor with the MANY bit. A descriptor
// holds 3 sptes, as the kernel's did in 2013, filled from index 0 without holes; all but the first are full.
//
// Descriptors are reused at once when freed (SLAB_DESTROY_BY_RCU), perhaps for another list, while a walker is on them. So `more` of the last one
// is a *nulls* marker that names the head of the list, and a walker that ends at another list's marker starts again.
//
// Invariant 10: an entry that is on a list from before a walk begins until it ends is seen by it. This holds since such an entry is never behind
// the walker, who goes from the first descriptor to the last and down through each:
//   - It is copied to its new place before it is taken from the old one, and stores are seen in order: at no instant is it on none.
//   - It moves forward only: from the first descriptor into a hole in a later one, or within the first to a lower index.
//   - New descriptors come in front. A freed one keeps its `more`, so it leads to where the list went on; once reused it leads to another list's
//     marker, or is the front of the same list.
//   - A descriptor is freed when it is empty, not when it holds one entry. The kernel then puts that entry into the head; the next add moves it
//     into a descriptor again, which may be the very one that a walker is on and has read: that entry would have moved backward.
// A head that is empty or holds one spte needs no second look: all of the list is in the one word that was read.
//
// Left out: the slab; descriptors never go back to the allocator.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import type { Kvm } from './kvm.js';
import type { RmapOps } from './rmap-ops.js';

/** Entries of a descriptor (PTE_LIST_EXT of 2013). */
export const NULLS_EXT = 3;

/** Bit 0 of a head: a descriptor and not an spte. */
const MANY = 1;
/** Bit 0 of `more`: a marker and not a descriptor. */
const NULLS = 1;

// Words of a descriptor, DESC_WORDS in all.
const DESC_MORE = 0;
const DESC_ENTRIES = 1;
/** Not `more`: that one has to last while walkers may be on a freed descriptor. */
const DESC_FREE_NEXT = DESC_ENTRIES + NULLS_EXT;

/** Restarts of one walk, at most. */
const MAX_RESTARTS = 1_000_000;

/** The list operations under mmu_lock. */
export const nullsRmaps: RmapOps = { add, remove, get, count, needsDesc };

function allocDesc(kvm: Kvm, cpu: Cpu): Word {
  const { words } = kvm;
  cpu.spend(cpu.cost.desc_alloc);
  cpu.counters.rmapDescsAllocated++;
  const free = words[kvm.freeDesc];
  if (free !== 0) {
    words[kvm.freeDesc] = words[free + DESC_FREE_NEXT];
    return free;
  }
  const index = words[kvm.nextDesc]++;
  assert(index < kvm.descCapacity, `out of rmap descriptors: ${kvm.descCapacity} in use`);
  return kvm.descBase + index * (DESC_FREE_NEXT + 1);
}

function freeDesc(kvm: Kvm, desc: Word): void {
  kvm.words[desc + DESC_FREE_NEXT] = kvm.words[kvm.freeDesc];
  kvm.words[kvm.freeDesc] = desc;
}

/** Sptes in `desc`. */
function filled(cpu: Cpu, desc: Word): number {
  let entries = 0;
  while (entries < NULLS_EXT && cpu.load(desc + DESC_ENTRIES + entries) !== 0) entries++;
  return entries;
}

/** The descriptor after `desc`, 0 after the last. */
function nextDesc(cpu: Cpu, desc: Word): Word {
  const more = cpu.load(desc + DESC_MORE);
  return (more & NULLS) !== 0 ? 0 : more >>> 1;
}

/** The first descriptor of a list, 0 where it has none. */
function firstDesc(cpu: Cpu, head: Word): Word {
  const value = cpu.load(head);
  return (value & MANY) !== 0 ? value >>> 1 : 0;
}

function needsDesc(_kvm: Kvm, cpu: Cpu, head: Word): boolean {
  const value = cpu.load(head);
  if (value === 0) return false;
  return (value & MANY) === 0 || filled(cpu, value >>> 1) === NULLS_EXT;
}

function add(kvm: Kvm, cpu: Cpu, head: Word, sptep: Word): void {
  const value = cpu.load(head);
  if (value === 0) cpu.store(head, sptep << 1);
  else if ((value & MANY) === 0) putInFront(kvm, cpu, head, { more: (head << 1) | NULLS, entries: [value >>> 1, sptep] });
  else {
    const first = value >>> 1;
    const entries = filled(cpu, first);
    if (entries < NULLS_EXT) cpu.store(first + DESC_ENTRIES + entries, sptep);
    else putInFront(kvm, cpu, head, { more: first << 1, entries: [sptep] });
  }
}

/** A descriptor is complete before the head leads to it. Its other entries are 0 already: all were when it was freed. */
function putInFront(kvm: Kvm, cpu: Cpu, head: Word, content: { more: number; entries: readonly Word[] }): void {
  const desc = allocDesc(kvm, cpu);
  cpu.store(desc + DESC_MORE, content.more);
  content.entries.forEach((sptep, index) => {
    cpu.store(desc + DESC_ENTRIES + index, sptep);
  });
  cpu.store(head, (desc << 1) | MANY);
}

function remove(kvm: Kvm, cpu: Cpu, head: Word, sptep: Word): void {
  const value = cpu.load(head);
  if ((value & MANY) === 0) {
    if (value !== sptep << 1) assert(false, `spte ${sptep} is not on its rmap, which holds ${value >>> 1}`);
    cpu.store(head, 0);
    return;
  }
  const first = value >>> 1;
  for (let desc = first; desc !== 0; desc = nextDesc(cpu, desc)) {
    for (let index = 0; index < NULLS_EXT; index++) {
      if (cpu.load(desc + DESC_ENTRIES + index) !== sptep) continue;
      const donor = kvm.plant === 'backward-move' ? lastDesc(cpu, first) : first;
      fillHole(cpu, desc + DESC_ENTRIES + index, donor);
      if (cpu.load(donor + DESC_ENTRIES) === 0) unlinkDesc(kvm, cpu, head, donor);
      return;
    }
  }
  assert(false, `spte ${sptep} is not on its rmap`);
}

function lastDesc(cpu: Cpu, first: Word): Word {
  let last = first;
  for (let desc = first; desc !== 0; desc = nextDesc(cpu, desc)) last = desc;
  return last;
}

/** The highest entry of `donor` moves into the hole: first it stands in both places, then in the new one alone. */
function fillHole(cpu: Cpu, hole: Word, donor: Word): void {
  const highest = donor + DESC_ENTRIES + filled(cpu, donor) - 1;
  if (highest !== hole) cpu.store(hole, cpu.load(highest));
  cpu.store(highest, 0);
}

/** Takes an empty descriptor off its list. It keeps its `more`. */
function unlinkDesc(kvm: Kvm, cpu: Cpu, head: Word, desc: Word): void {
  const more = cpu.load(desc + DESC_MORE);
  const first = firstDesc(cpu, head);
  if (desc === first) cpu.store(head, (more & NULLS) !== 0 ? 0 : more | MANY);
  else {
    let before = first;
    while (nextDesc(cpu, before) !== desc) before = nextDesc(cpu, before);
    cpu.store(before + DESC_MORE, more);
  }
  freeDesc(kvm, desc);
}

function get(_kvm: Kvm, cpu: Cpu, head: Word, index: number): Word {
  const value = cpu.load(head);
  if ((value & MANY) === 0) return index === 0 ? value >>> 1 : 0;
  let skip = index;
  for (let desc = value >>> 1; desc !== 0; desc = nextDesc(cpu, desc)) {
    const entries = filled(cpu, desc);
    if (skip < entries) return cpu.load(desc + DESC_ENTRIES + skip);
    skip -= entries;
  }
  return 0;
}

function count(_kvm: Kvm, cpu: Cpu, head: Word): number {
  const value = cpu.load(head);
  if (value === 0) return 0;
  let entries = 0;
  for (let desc = firstDesc(cpu, head); desc !== 0; desc = nextDesc(cpu, desc)) entries += filled(cpu, desc);
  return entries || 1;
}

/**
 * A walk without mmu_lock, word by word, so that whoever drives it may suspend before each:
 *
 *     for (walk.begin(head); walk.at !== 0; ) {
 *       if (cpu.touch(walk.at)) yield;
 *       walk.read(cpu);
 *       if (walk.sptep !== 0) ...
 *     }
 *
 * It may show an spte twice, or one that is on another list: descriptors are reused under the walker.
 */
export class LocklessRmapWalk {
  /** The word to read next; 0 when the walk is over. */
  at: Word = 0;
  /** What the last read has found; 0 for nothing. */
  sptep: Word = 0;
  readonly #kvm: Kvm;
  #head: Word = 0;
  #desc: Word = 0;
  /** Entries of the descriptor that are still to be read. */
  #left = 0;
  #restarts = 0;

  constructor(kvm: Kvm) {
    this.#kvm = kvm;
  }

  begin(head: Word): void {
    this.#head = head;
    this.#restarts = 0;
    this.at = head;
  }

  read(cpu: Cpu): void {
    const { at } = this;
    const value = cpu.load(at);
    this.sptep = 0;
    if (at === this.#head) {
      if ((value & MANY) !== 0) this.#enter(value >>> 1);
      else this.#show(cpu, value >>> 1, 0);
    } else if (this.#left > 0) {
      this.#left--;
      this.#show(cpu, value, this.#next());
    } else if ((value & NULLS) === 0) this.#enter(value >>> 1);
    else if (value >>> 1 === this.#head || this.#kvm.plant === 'no-nulls-check') this.at = 0;
    else this.#restart(cpu);
  }

  #enter(desc: Word): void {
    this.#desc = desc;
    this.#left = NULLS_EXT;
    this.at = this.#next();
  }

  /** Down through the entries: within the first descriptor they move to lower indices. */
  #next(): Word {
    if (this.#left === 0) return this.#desc + DESC_MORE;
    const index = this.#kvm.plant === 'walk-upward' ? NULLS_EXT - this.#left : this.#left - 1;
    return this.#desc + DESC_ENTRIES + index;
  }

  #show(cpu: Cpu, sptep: Word, next: Word): void {
    this.sptep = sptep;
    this.at = next;
    if (sptep !== 0) cpu.counters.rmapEntriesLockless++;
  }

  #restart(cpu: Cpu): void {
    cpu.counters.rmapWalksRestarted++;
    if (++this.#restarts > MAX_RESTARTS) assert(false, `the walk of rmap ${this.#head} never ends`);
    this.at = this.#head;
  }
}
