// memslot_perf_test as a scenario, with the tests that its thread left open. What is timed, and what host and guest do in an iteration, is the
// selftest's (memslot_perf_test.c of early 2021); where the memslots lie is in memslots-geometry.ts.
//
// Host and guest of the selftest meet through flags in shared memory; here they meet at the ends of phases.
// Left out: the handshake itself, the guest's checks of values, MMIO that user space answers with more than a return.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import { Kvm } from '../kvm/kvm.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import { madviseDontneed } from '../kvm/madvise.js';
import { checkMappings } from '../kvm/mapping-invariant.js';
import type { MemoryRegion, Refusal } from '../kvm/memory-region.js';
import { KVM_MEM_LOG_DIRTY_PAGES } from '../kvm/memslot.js';
import { changeUserMemoryRegions, setUserMemoryRegion, setUserMemoryRegions } from '../kvm/set-memory-region.js';
import { stateHash } from '../kvm/state-hash.js';
import { stopVcpus, vcpuRun } from '../kvm/vcpu-run.js';
import type { Arena } from '../memory/arena.js';
import { HostMemory } from '../memory/host-memory.js';
import { PAGE_BYTES } from '../units.js';
import type { MeasuredValue, MemslotsOptions, StallReport } from './cell.js';
import { Guests } from './guests.js';
import { addsMemslots, hostPageCount, memslotsArenaWords, memslotsKvmConfig } from './memslots-config.js';
import { footprintValues } from './memslots-footprint.js';
import {
  type GuestSpan,
  iterationHalves,
  memslotPlace,
  movedMemslot,
  moveWindow,
  type TestMemory,
  testMemory,
  unmapCalls,
  vcpuSpan,
  writtenSpan,
} from './memslots-geometry.js';
import { MemslotReaders } from './memslots-readers.js';
import { type Phase, rootsPhase, type Scenario, type World } from './scenario.js';
import { StallBook } from './stall-book.js';

const PS_PER_SECOND = 1e12;
/** Iterations that make a mean steady: two where the second already repeats the first, more where host and guest drift past each other. */
const STEADY_LOOPS = 2;
const STEADY_MOVES = 100;
/** Memslots whose flags change in test `flags`, at most: spread evenly over all. */
const FLAG_CHANGES = 64;
/** Test readers: loops, and what one of them is. */
const STEADY_LOOKUP_LOOPS = 20;
const LOOKUPS_PER_LOOP = 1024;
const UPDATES_PER_LOOP = 16;
/** Test zap: passes of each vCPU, moves beside them, and the pause after each move. */
const ZAP_PASSES = 16;
const ZAP_MOVES = 4;
const ZAP_PAUSE_PS = 1e9;

/** The scenario of one cell. `options` have passed `checkMemslotsOptions`. */
export function memslotsScenario(options: MemslotsOptions): Scenario {
  return {
    vcpuCount: options.vcpus,
    arenaWords: memslotsArenaWords(options),
    build: (arena, locks, initialize) => new MemslotsWorld(options, { arena, locks, initialize }),
  };
}

export class MemslotsWorld implements World {
  readonly phases: Phase[] = [];
  readonly lockSites = LOCK_SITE_NAMES;
  readonly kvm: Kvm;
  readonly #options: MemslotsOptions;
  readonly #memory: TestMemory;
  readonly #host: HostMemory;
  readonly #guests = new Guests(1);
  readonly #stalls = new StallBook();
  /** Arena word: 1 once the time for iterations is over. */
  readonly #over: number;
  /** When the first timed iteration began; the ioctl thread's own note. */
  #startPs = -1;

  constructor(options: MemslotsOptions, place: { arena: Arena; locks: LockFactory; initialize: boolean }) {
    this.#options = options;
    this.#memory = testMemory(options);
    this.kvm = new Kvm(place.arena, place.locks, memslotsKvmConfig(options, this.#memory), place.initialize);
    this.#host = new HostMemory(place.arena, hostPageCount(this.#memory));
    this.kvm.hostMemory = this.#host;
    this.#over = place.arena.carveLine('memslotsOver');
    if (place.initialize) for (let page = 0; page < this.#host.pageCount; page++) this.#host.add(page);
    this.phases.push(rootsPhase(this.kvm));
    if (addsMemslots(options)) this.#addPhase('slot_setup', 'ioctl', (cpu) => this.#addMemslots(cpu));
    this.#planTest();
  }

  #planTest(): void {
    switch (this.#options.test) {
      case 'map':
      case 'unmap':
      case 'unmap-chunked':
        this.#planUnmaps();
        break;
      case 'rw':
        this.#planReadsAndWrites();
        break;
      case 'move-active':
      case 'move-inactive':
        this.#planMoves();
        break;
      case 'setup':
        break;
      case 'flags':
        this.#addPhase('', 'vcpus', (cpu) => this.#guestPass(cpu, '', writtenSpan({ ...this.#memory, test: 'rw' }, 0)));
        this.#addPhase('flag_change', 'ioctl', (cpu) => this.#toggleLogging(cpu), { per: 'timedUpdates' });
        break;
      case 'batch':
        this.#addPhase('batch', 'ioctl', (cpu) => this.#changeSeveral(cpu));
        break;
      case 'zap':
        this.#planZap();
        break;
      case 'share':
        this.#addPhase('guest_pass', 'vcpus', (cpu) => this.#guestPass(cpu, 'guest_pass', vcpuSpan(this.#memory, cpu.id)), { orderSensitive: true });
        break;
      case 'readers':
        this.#planReaders();
        break;
    }
  }

  #addPhase(metric: string, crew: Phase['crew'], path: Phase['path'], more: Partial<Pick<Phase, 'per' | 'orderSensitive' | 'handshake'>> = {}): void {
    this.phases.push({ metric, crew, orderSensitive: false, path, ...more });
  }

  // Tests map, unmap and unmap-chunked: the host unmaps one half while the guest writes the other.

  #planUnmaps(): void {
    const halves = iterationHalves(this.#options.test);
    const calls = [unmapCalls(this.#memory, 0), unmapCalls(this.#memory, 1)];
    this.#addPhase('', 'vcpus', (cpu) => this.#guestPass(cpu, '', writtenSpan(this.#memory, halves[0].unmapped)));
    this.#planLoops(
      halves.map(({ unmapped, written }) => ({
        host: (cpu) => this.#unmap(cpu, calls[unmapped]),
        guest: writtenSpan(this.#memory, written),
      })),
    );
  }

  *#unmap(cpu: Cpu, calls: Int32Array): KernelPath {
    for (let i = 0; i < calls.length; i += 2) yield* madviseDontneed(this.kvm, cpu, this.#host, { first: calls[i], count: calls[i + 1] });
  }

  /** Test rw: both sides write the whole area, then check what the other has written. */
  #planReadsAndWrites(): void {
    const span = writtenSpan(this.#memory, 0);
    const half = { host: (cpu: Cpu) => this.#hostPass(cpu, span.npages), guest: span };
    this.#addPhase('', 'vcpus', (cpu) => this.#guestPass(cpu, '', span));
    this.#planLoops([half, half]);
  }

  *#hostPass(cpu: Cpu, npages: number): KernelPath {
    cpu.spend(npages * cpu.cost.host_access);
  }

  /** One iteration to warm up, then those that are timed. */
  #planLoops(halves: readonly { host(cpu: Cpu): KernelPath; guest: GuestSpan }[]): void {
    const loops = this.#options.loops || STEADY_LOOPS;
    for (let loop = 0; loop <= loops; loop++) {
      for (const [index, { host, guest }] of halves.entries()) {
        const last = loop > 0 && index === halves.length - 1;
        const path = (cpu: Cpu) => (cpu.id < this.#options.vcpus ? this.#guestPass(cpu, 'iteration', guest) : this.#hostHalf(cpu, host(cpu), loop > 0, last));
        this.#addPhase(loop > 0 ? 'iteration' : '', 'together', (cpu) => this.#unlessOver(cpu, path), { per: 'loops', handshake: true });
      }
    }
  }

  *#unlessOver(cpu: Cpu, path: (cpu: Cpu) => KernelPath): KernelPath {
    if (cpu.touch(this.#over)) yield;
    if (cpu.load(this.#over) === 0) yield* path(cpu);
  }

  *#hostHalf(cpu: Cpu, work: KernelPath, timed: boolean, last: boolean): KernelPath {
    if (timed && this.#startPs < 0) this.#startPs = cpu.now();
    yield* work;
    if (!last) return;
    cpu.counters.loops++;
    if (this.#isTimeOver(cpu)) cpu.store(this.#over, 1);
  }

  #isTimeOver(cpu: Cpu): boolean {
    return cpu.now() - this.#startPs >= this.#options.seconds * PS_PER_SECOND;
  }

  // Tests move-active and move-inactive: the guest writes its window while the last memslot goes away and comes back.

  #planMoves(): void {
    const loops = this.#options.loops || STEADY_MOVES;
    this.#addMovePhase('', 1);
    this.#addMovePhase('iteration', loops);
  }

  #addMovePhase(metric: string, loops: number): void {
    const number = this.phases.length + 1;
    const path = (cpu: Cpu) => (cpu.id < this.#options.vcpus ? this.#guestUntil(cpu, number) : this.#moveBackAndForth(cpu, loops, number));
    this.#addPhase(metric, 'all', path, { handshake: true, ...(metric === '' ? {} : { per: 'loops' }) });
  }

  *#moveBackAndForth(cpu: Cpu, loops: number, phaseNumber: number): KernelPath {
    const { id, homeGfn, awayGfn } = movedMemslot(this.#memory);
    this.#startPs = cpu.now();
    for (let loop = 0; loop < loops && (loop === 0 || !this.#isTimeOver(cpu)); loop++) {
      yield* this.#setRegion(cpu, { ...this.kvm.regionOf(id), guestPhysAddr: awayGfn * PAGE_BYTES });
      yield* this.#setRegion(cpu, { ...this.kvm.regionOf(id), guestPhysAddr: homeGfn * PAGE_BYTES });
      if (this.phases[phaseNumber - 1].metric !== '') cpu.counters.loops++;
    }
    yield* stopVcpus(this.kvm, cpu, phaseNumber);
  }

  *#guestUntil(cpu: Cpu, phaseNumber: number): KernelPath {
    const { vcpu, pattern } = this.#guests.of(cpu);
    const { gfn, npages } = moveWindow(this.#memory);
    pattern.plan({ firstGfn: gfn, pages: npages, random: false, writePercent: 100, writeEvery: 0 });
    yield* vcpuRun(this.kvm, vcpu, pattern, { process: 0, stopAt: phaseNumber });
  }

  // Test zap: vCPUs work on memory of their own, alone, and then beside moves of a memslot that none of them uses.

  #planZap(): void {
    const passes = (cpu: Cpu, phase: string, count: number) => this.#guestPasses(cpu, phase, vcpuSpan(this.#memory, cpu.id), count);
    this.#addPhase('', 'vcpus', (cpu) => passes(cpu, '', 1));
    this.#addPhase('guest_pass_alone', 'vcpus', (cpu) => passes(cpu, 'guest_pass_alone', ZAP_PASSES), { orderSensitive: true });
    const path = (cpu: Cpu) => (cpu.id < this.#options.vcpus ? passes(cpu, 'guest_pass', ZAP_PASSES) : this.#moveWithPauses(cpu));
    this.#addPhase('guest_pass', 'together', path, { orderSensitive: true });
  }

  *#moveWithPauses(cpu: Cpu): KernelPath {
    const { id, homeGfn, awayGfn } = movedMemslot(this.#memory);
    for (let move = 0; move < ZAP_MOVES; move++) {
      yield* this.#timedSetRegion(cpu, { ...this.kvm.regionOf(id), guestPhysAddr: (move % 2 === 0 ? awayGfn : homeGfn) * PAGE_BYTES });
      if (cpu.run(ZAP_PAUSE_PS)) yield;
    }
  }

  #planReaders(): void {
    const { seconds, vcpus } = this.#options;
    const loops = this.#options.loops || STEADY_LOOKUP_LOOPS;
    const untilPs = seconds * PS_PER_SECOND;
    const plan = { aloneUntilPs: untilPs, lookups: loops * LOOKUPS_PER_LOOP, updates: loops * UPDATES_PER_LOOP, updateUntilPs: untilPs };
    const readers = new MemslotReaders(this.kvm, this.#memory);
    this.#addPhase('lookup_alone', 'vcpus', (cpu) => readers.readAlone(cpu, plan), { per: 'lookupsAlone', orderSensitive: true });
    const stopAt = this.phases.length + 1;
    const path = (cpu: Cpu) => (cpu.id < vcpus ? readers.readUntil(cpu, stopAt) : readers.update(cpu, plan, stopAt));
    this.#addPhase('lookup', 'all', path, { per: 'lookupsBeside', orderSensitive: true });
  }

  // Tests setup, flags and batch: the ioctl thread alone.

  *#addMemslots(cpu: Cpu): KernelPath {
    for (let id = 1; id <= this.#memory.nslots; id++) {
      const { baseGfn, npages, hvaPage } = memslotPlace(this.#memory, id);
      cpu.spend(cpu.cost.slot_create_user);
      const place = { guestPhysAddr: baseGfn * PAGE_BYTES, memorySize: npages * PAGE_BYTES, userspaceAddr: hvaPage * PAGE_BYTES };
      yield* this.#setRegion(cpu, { slot: id, flags: 0, ...place });
    }
  }

  *#toggleLogging(cpu: Cpu): KernelPath {
    for (const flags of [KVM_MEM_LOG_DIRTY_PAGES, 0]) {
      for (const id of this.#spreadIds(FLAG_CHANGES)) yield* this.#timedSetRegion(cpu, { ...this.kvm.regionOf(id), flags });
    }
  }

  *#changeSeveral(cpu: Cpu): KernelPath {
    const ids = new Set(this.#spreadIds(this.#options.changes));
    const changed = (id: number): MemoryRegion => ({ ...this.kvm.regionOf(id), flags: ids.has(id) ? KVM_MEM_LOG_DIRTY_PAGES : 0 });
    const { call } = this.#options;
    if (call === 'one-by-one') for (const id of ids) yield* this.#setRegion(cpu, changed(id));
    else if (call === 'change-regions') expectDone(yield* changeUserMemoryRegions(this.kvm, cpu, [...ids].map(changed)));
    else {
      const all = Array.from({ length: this.#memory.nslots + 1 }, (_, id) => changed(id));
      expectDone(yield* setUserMemoryRegions(this.kvm, cpu, all));
    }
  }

  /** Ids of at most `count` memslots, spread evenly from the first to the last. */
  #spreadIds(count: number): number[] {
    const { nslots } = this.#memory;
    const taken = Math.min(count, nslots);
    return Array.from({ length: taken }, (_, index) => 1 + Math.floor((index * nslots) / taken));
  }

  *#timedSetRegion(cpu: Cpu, region: MemoryRegion): KernelPath {
    const startPs = cpu.now();
    yield* this.#setRegion(cpu, region);
    cpu.counters.timedUpdates++;
    cpu.counters.timedUpdatePs += cpu.now() - startPs;
  }

  *#setRegion(cpu: Cpu, region: MemoryRegion): KernelPath {
    expectDone(yield* setUserMemoryRegion(this.kvm, cpu, region));
  }

  #guestPass(cpu: Cpu, phase: string, span: GuestSpan): KernelPath {
    return this.#guestPasses(cpu, phase, span, 1);
  }

  /** Writes each page of the span, in order, so many times. */
  *#guestPasses(cpu: Cpu, phase: string, span: GuestSpan, count: number): KernelPath {
    const { vcpu, pattern } = this.#guests.of(cpu);
    this.#stalls.collect(phase, vcpu);
    pattern.plan({ firstGfn: span.gfn, pages: span.npages, random: false, writePercent: 100, writeEvery: 0 });
    for (let pass = 0; pass < count; pass++) yield* vcpuRun(this.kvm, vcpu, pattern, { process: 0, stopAt: 0 });
  }

  stalls(): StallReport[] {
    return this.#stalls.reports().filter(({ phase }) => phase !== '');
  }

  values(counters: Record<string, number>): MeasuredValue[] {
    if (this.#options.test === 'setup') return footprintValues(this.kvm, this.#memory);
    const metric = { zap: 'move', readers: 'update' }[this.#options.test as string];
    if (metric === undefined) return counters.loops > 0 ? [{ metric: 'iterations', value: counters.loops }] : [];
    return [{ metric, value: Math.round(counters.timedUpdatePs / counters.timedUpdates / 1000) }];
  }

  stateHash(): string {
    return stateHash(this.kvm);
  }

  check(counters: Record<string, number>): void {
    this.kvm.memslots.checkInvariants();
    this.kvm.mmu.checkInvariants(this.kvm);
    checkMappings(this.kvm);
    assert(this.kvm.words[this.kvm.invalidateInProgress] === 0, 'an invalidation never ended');
    const expected = this.#memory.nslots + 1;
    let count = 0;
    this.kvm.eachMemslot(() => {
      count++;
    });
    assert(count === expected, `${count} memslots at the end, expected ${expected}`);
    assert(counters.hostFaults <= counters.hostPagesDropped, `${counters.hostFaults} host pages came, but only ${counters.hostPagesDropped} had gone`);
  }
}

function expectDone(refusal: Refusal | null): void {
  if (refusal !== null) assert(false, refusal.message);
}
