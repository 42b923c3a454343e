// Test readers: vCPUs look memslots up as fast as they can, alone and then beside an updater that moves, deletes, creates and relabels
// memslots as fast as it can. Every lookup is checked: no torn set, no half-moved memslot, no freed one.

import { assert } from '../assert.js';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { Kvm } from '../kvm/kvm.js';
import { LockSite } from '../kvm/lock-sites.js';
import { KVM_MEM_LOG_DIRTY_PAGES, LIVE, type Memslot, MS_BASE_GFN, MS_HVA_PAGE, MS_ID, MS_NPAGES, MS_STATE } from '../kvm/memslot.js';
import { setUserMemoryRegion } from '../kvm/set-memory-region.js';
import { stopVcpus } from '../kvm/vcpu-run.js';
import { Prng } from '../prng.js';
import { PAGE_BYTES } from '../units.js';
import { BASE_GFN, type MemslotPlace, memslotPlace, movedMemslot, type TestMemory } from './memslots-geometry.js';

/** Lookups by gfn to each one by hva. */
const GFN_PER_HVA = 15;
/** Lookups between two looks at the clock. */
const BURST = 256;

export interface ReaderPlan {
  /** How long readers look up alone, picoseconds, unless `lookups` is reached first. */
  aloneUntilPs: number;
  /** Lookups of each reader while alone, at most. */
  lookups: number;
  /** Updates, at most, and when the last may begin. */
  updates: number;
  updateUntilPs: number;
}

export class MemslotReaders {
  readonly #kvm: Kvm;
  readonly #memory: TestMemory;
  readonly #moved: ReturnType<typeof movedMemslot>;
  /** The memslot that comes and goes. */
  readonly #fleeting: MemslotPlace;

  constructor(kvm: Kvm, memory: TestMemory) {
    this.#kvm = kvm;
    this.#memory = memory;
    this.#moved = movedMemslot(memory);
    this.#fleeting = memslotPlace(memory, memory.nslots - 1);
  }

  /** Looks up until the plan's time or number is over. */
  *readAlone(cpu: Cpu, plan: ReaderPlan): KernelPath {
    const prng = new Prng(cpu.id + 1);
    const endPs = cpu.now() + plan.aloneUntilPs;
    for (let lookups = 0; lookups < plan.lookups && cpu.now() < endPs; lookups += BURST) {
      yield* this.#burst(cpu, prng);
      if (cpu.id === 0) cpu.counters.lookupsAlone += BURST;
    }
  }

  /** Looks up until the updater has stored `stopAt`. */
  *readUntil(cpu: Cpu, stopAt: number): KernelPath {
    const prng = new Prng(cpu.id + 101);
    do {
      yield* this.#burst(cpu, prng);
      if (cpu.id === 0) cpu.counters.lookupsBeside += BURST;
      if (cpu.touch(this.#kvm.stopWord)) yield;
    } while (cpu.load(this.#kvm.stopWord) !== stopAt);
  }

  /** Moves, relabels, deletes and creates until the plan's time or number is over, then stops the readers. */
  *update(cpu: Cpu, plan: ReaderPlan, stopAt: number): KernelPath {
    const prng = new Prng(7);
    const endPs = cpu.now() + plan.updateUntilPs;
    for (let update = 0; update < plan.updates && cpu.now() < endPs; update += 4) yield* this.#fourUpdates(cpu, prng, update % 8 === 0);
    yield* stopVcpus(this.#kvm, cpu, stopAt);
  }

  *#fourUpdates(cpu: Cpu, prng: Prng, away: boolean): KernelPath {
    const { id, homeGfn, awayGfn } = this.#moved;
    const last = memslotPlace(this.#memory, id);
    const other = memslotPlace(this.#memory, prng.below(Math.max(1, this.#memory.nslots - 1)));
    yield* this.#set(cpu, { ...last, baseGfn: away ? awayGfn : homeGfn }, 0);
    yield* this.#set(cpu, other, away ? KVM_MEM_LOG_DIRTY_PAGES : 0);
    yield* this.#set(cpu, { ...this.#fleeting, npages: 0 }, 0);
    yield* this.#set(cpu, this.#fleeting, 0);
  }

  *#set(cpu: Cpu, place: MemslotPlace, flags: number): KernelPath {
    const at = { guestPhysAddr: place.baseGfn * PAGE_BYTES, memorySize: place.npages * PAGE_BYTES, userspaceAddr: place.hvaPage * PAGE_BYTES };
    const startPs = cpu.now();
    const refusal = yield* setUserMemoryRegion(this.#kvm, cpu, { slot: place.id, flags, ...at });
    if (refusal !== null) assert(false, refusal.message);
    cpu.counters.timedUpdates++;
    cpu.counters.timedUpdatePs += cpu.now() - startPs;
  }

  *#burst(cpu: Cpu, prng: Prng): KernelPath {
    const span = this.#memory.totalPages + this.#moved.npages;
    for (let i = 0; i < BURST; i++) {
      const page = prng.below(span);
      if (i % (GFN_PER_HVA + 1) === GFN_PER_HVA) yield* this.#lookUpHva(cpu, memslotPlace(this.#memory, prng.below(this.#memory.nslots - 1)));
      else yield* this.#lookUpGfn(cpu, BASE_GFN + page);
    }
  }

  *#lookUpGfn(cpu: Cpu, gfn: number): KernelPath {
    const kvm = this.#kvm;
    const section = kvm.srcu.readLock(cpu);
    const memslot = kvm.memslots.gfnToMemslot(cpu, gfn);
    if (cpu.touch(kvm.slotsWord)) yield; // what was found must last as long as the section, whatever the updater does
    if (memslot === 0) this.#expectHole(gfn);
    else {
      this.#verify(cpu, memslot);
      const base = cpu.words[memslot + MS_BASE_GFN];
      if (gfn < base || gfn >= base + cpu.words[memslot + MS_NPAGES]) assert(false, `a lookup of gfn ${gfn} found a memslot at ${base}`);
    }
    kvm.srcu.readUnlock(cpu, section);
  }

  /** By hva, where what is looked for is always there. An hva index that is edited in place is read under mmu_lock. */
  *#lookUpHva(cpu: Cpu, place: MemslotPlace): KernelPath {
    const kvm = this.#kvm;
    const section = kvm.srcu.readLock(cpu);
    if (kvm.memslots.hvaInPlace && kvm.mmuLock.writeLock(cpu, LockSite.mmuNotifier)) yield;
    const found: Memslot[] = [];
    kvm.memslots.forEachInHvaRange(cpu, { first: place.hvaPage, last: place.hvaPage }, (memslot) => {
      this.#verify(cpu, memslot);
      if (cpu.words[memslot + MS_ID] === place.id) found.push(memslot);
    });
    if (found.length !== 1) assert(false, `memslot ${place.id} was found ${found.length} times by its hva`);
    if (kvm.memslots.hvaInPlace && kvm.mmuLock.writeUnlock(cpu)) yield;
    if (cpu.touch(kvm.slotsWord)) yield;
    this.#verify(cpu, found[0]);
    if (cpu.words[found[0] + MS_ID] !== place.id) assert(false, `memslot ${place.id} became another while a reader held it`);
    kvm.srcu.readUnlock(cpu, section);
  }

  /** A memslot is live and has the fields of one of the states that the updater publishes. */
  #verify(cpu: Cpu, memslot: Memslot): void {
    const { words } = cpu;
    if (cpu.load(memslot + MS_STATE) !== LIVE) assert(false, `a reader was given a freed memslot`);
    const id = words[memslot + MS_ID];
    if (id < 0 || id > this.#memory.nslots) assert(false, `a reader saw memslot id ${id}`);
    const place = memslotPlace(this.#memory, id);
    const base = words[memslot + MS_BASE_GFN];
    const atHome = base === place.baseGfn || (id === this.#moved.id && base === this.#moved.awayGfn);
    if (!atHome || words[memslot + MS_NPAGES] !== place.npages || words[memslot + MS_HVA_PAGE] !== place.hvaPage)
      assert(false, `memslot ${id} is torn: base gfn ${base}`);
  }

  /** Only the moved memslot's two places and the fleeting one may be empty. */
  #expectHole(gfn: number): void {
    const { homeGfn, awayGfn, npages } = this.#moved;
    const { baseGfn, npages: fleetingPages } = this.#fleeting;
    const inside = (base: number, pages: number): boolean => gfn >= base && gfn < base + pages;
    if (!inside(homeGfn, npages) && !inside(awayGfn, npages) && !inside(baseGfn, fleetingPages)) assert(false, `gfn ${gfn} has lost its memslot`);
  }
}
