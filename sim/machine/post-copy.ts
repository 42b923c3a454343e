// A post-copy migration as a scenario: the guest runs on the new host while its pages are still on the old one. Whoever is in charge of a page's
// fault (a reader of a userfaultfd, or the vCPU's own thread with KVM Userfault) fetches it over the network, and pushers bring the rest.
//
// Phases: the migration, until every guest has made its accesses; then the same accesses again, not timed, to learn the guests' normal speed.
// Invariants checked after each run: every page was asked for once and installed once; no access found a page without its contents; every guest made
// all its accesses; nobody is left waiting.
// Left out: the precopy before it, dirty pages, the device state, the source's side.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import { DeferringGuest } from '../guest/deferring-guest.js';
import { type AccessLog, PageGuest } from '../guest/page-guest.js';
import { type PagePattern, SequentialPattern, UniformPattern, ZipfPattern, ZipfRanks } from '../guest/page-pattern.js';
import { writeUserPage } from '../kvm/gup.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import { Contents } from '../kvm/mm.js';
import { stateHash } from '../kvm/state-hash.js';
import { Stalls, Vcpu } from '../kvm/vcpu.js';
import { type GuestCode, type RunPlan, vcpuRun } from '../kvm/vcpu-run.js';
import type { Arena } from '../memory/arena.js';
import { PAGE_BYTES } from '../units.js';
import type { MeasuredValue, PostCopyOptions, StallReport } from './cell.js';
import { IncomingPages } from './incoming-pages.js';
import { regionOf, regionPages } from './memstress.js';
import { Network } from './network.js';
import { AsyncFaults, type AsyncGuest, GUEST_TASKS } from './post-copy-async.js';
import { MigrationLog, PostCopyBook, WarmLog } from './post-copy-book.js';
import { PageFetch } from './post-copy-fetch.js';
import { Pushers } from './post-copy-push.js';
import { timeToShare } from './post-copy-speed.js';
import type { Phase, Scenario, World } from './scenario.js';
import { type ConfigOptions, readerCount, UserfaultWorld, userfaultArenaWords, userfaultLockCount } from './userfault-world.js';

const PS_PER_NS = 1000;
const COMPLETION = 'time_to_completion';
/** Shares of the normal speed that are timed, in percent. */
const SPEED_PERCENTS = [50, 90, 99];

/** The scenario of one cell. `options` have passed `checkPostCopyOptions`. */
export function postCopyScenario(options: PostCopyOptions): Scenario {
  return {
    vcpuCount: options.vcpus,
    serviceCount: serviceCount(options),
    lockCount: userfaultLockCount(configOf(options)) + 1,
    arenaWords: arenaWords(options),
    build: (arena, locks, initialize) => new PostCopyWorld(options, arena, { locks, initialize }),
  };
}

/** Bytes of shared memory that a cell takes. */
export function postCopyArenaBytes(options: PostCopyOptions): number {
  return arenaWords(options) * Int32Array.BYTES_PER_ELEMENT;
}

/** For minor faults the page cache holds the pages of the guest as they were before their last change. */
function configOf(options: PostCopyOptions): ConfigOptions {
  return { ...options, preallocate: options.uffd === 'minor' };
}

/** Readers, then pushers, then a fetcher for each vCPU that does not wait for its pages. */
function serviceCount(options: PostCopyOptions): number {
  return readerCount(options) + options.pushers + (isAsync(options) ? options.vcpus : 0);
}

function isAsync({ asyncPf }: PostCopyOptions): boolean {
  return asyncPf === 'user';
}

function threadCount(options: PostCopyOptions): number {
  return options.vcpus + 1 + serviceCount(options);
}

function incomingParts(options: PostCopyOptions, pages: number) {
  return { pages, threads: threadCount(options), vcpus: options.vcpus, tasksPerVcpu: isAsync(options) ? GUEST_TASKS : 0 };
}

function arenaWords(options: PostCopyOptions): number {
  const pages = regionPages(options);
  const threads = threadCount(options);
  const own = IncomingPages.arenaWords(incomingParts(options, pages)) + PageFetch.arenaWords(pages, threads) + PostCopyBook.arenaWords(options.vcpus);
  const async = isAsync(options) ? AsyncFaults.arenaWords(options.vcpus) : 0;
  return userfaultArenaWords(configOf(options), threads) + own + async + Network.arenaWords() + Pushers.arenaWords();
}

/** What one vCPU runs. */
interface Customer {
  vcpu: Vcpu;
  guest: GuestCode & { logTo(log: AccessLog): unknown };
  log: MigrationLog;
  async: AsyncGuest | undefined;
}

class PostCopyWorld implements World {
  readonly phases: Phase[];
  readonly lockSites = [...LOCK_SITE_NAMES, 'network send'];
  readonly #options: PostCopyOptions;
  readonly #shared: UserfaultWorld;
  readonly #fetch: PageFetch;
  readonly #pushers: Pushers;
  readonly #book: PostCopyBook;
  readonly #async: AsyncFaults | undefined;
  readonly #customers = new Map<number, Customer>();
  readonly #ranks: ZipfRanks | undefined;
  readonly #firstGfn: number;

  constructor(options: PostCopyOptions, arena: Arena, parts: { locks: LockFactory; initialize: boolean }) {
    this.#options = options;
    const { locks, initialize } = parts;
    const threads = threadCount(options);
    this.#shared = new UserfaultWorld(arena, locks, { options: configOf(options), threadCount: threads, source: undefined, initialize });
    this.#firstGfn = regionOf(options, 0).firstGfn;
    const { unitCount, unitPages } = this.#shared.mm;
    const network = new Network(arena, locks, { options, pageBytes: unitPages * PAGE_BYTES, site: LOCK_SITE_NAMES.length });
    const incoming = new IncomingPages(arena, incomingParts(options, unitCount));
    const { prefetch, vcpus } = options;
    this.#fetch = new PageFetch(arena, { network, incoming, prefetch, threads, install: (cpu, unit) => this.#install(cpu, unit) });
    this.#pushers = new Pushers(arena, this.#fetch);
    this.#book = new PostCopyBook(arena, vcpus);
    const firstFetcher = vcpus + 1 + readerCount(options) + options.pushers;
    if (isAsync(options)) this.#async = new AsyncFaults(arena, { vcpus, fetch: this.#fetch, firstFetcher });
    if (options.pattern === 'zipf') this.#ranks = new ZipfRanks(this.#unitsOf(0));
    this.phases = [
      ...this.#shared.setUpPhases(),
      { metric: COMPLETION, crew: 'served', orderSensitive: true, path: (cpu) => this.#migrate(cpu) },
      { metric: '', crew: 'vcpus', orderSensitive: true, path: (cpu) => this.#runWarm(cpu) },
    ];
  }

  #unitsOf(vcpu: number): number {
    return this.#shared.mm.unitOf(regionOf(this.#options, vcpu).pages);
  }

  #migrate(cpu: Cpu): KernelPath {
    const { vcpus, pushers } = this.#options;
    if (cpu.id < vcpus) return this.#runCustomer(cpu);
    if (cpu.id === vcpus) return this.#shared.joinVcpus(cpu);
    const service = cpu.id - vcpus - 1;
    const readers = readerCount(this.#options);
    if (service < readers) return this.#shared.reader(cpu, (_ctx, own, unit) => this.#fetch.demand(own, unit, { waits: false }));
    if (service < readers + pushers) return this.#pushers.run(cpu);
    return (this.#async as AsyncFaults).runFetcher(cpu);
  }

  *#runCustomer(cpu: Cpu): KernelPath {
    const { vcpu, guest, log } = this.#customerOf(cpu);
    log.start();
    const { runPlan } = this.#shared;
    yield* vcpuRun(this.#shared.kvm, vcpu, guest, {
      ...runPlan,
      onMemoryFault: (own, gfn) => this.#onMemoryFault(own, gfn),
      onFinish: (own) => this.#finish(own, log, runPlan),
    });
  }

  *#finish(cpu: Cpu, log: MigrationLog, { onFinish }: RunPlan): KernelPath {
    log.finish();
    if (this.#async !== undefined) yield* this.#async.finish(cpu);
    if (onFinish !== undefined) yield* onFinish(cpu);
  }

  *#runWarm(cpu: Cpu): KernelPath {
    const { vcpu, guest } = this.#customerOf(cpu);
    const log = new WarmLog(cpu, this.#book);
    guest.logTo(log);
    log.start();
    yield* vcpuRun(this.#shared.kvm, vcpu, guest, { process: 0, stopAt: 0 });
    log.finish();
  }

  #customerOf(cpu: Cpu): Customer {
    const customer = this.#customers.get(cpu.id) ?? this.#makeCustomer(cpu);
    this.#customers.set(cpu.id, customer);
    return customer;
  }

  #makeCustomer(cpu: Cpu): Customer {
    const vcpu = new Vcpu(cpu);
    const stalls = new Stalls();
    vcpu.readStalls = stalls;
    vcpu.writeStalls = stalls;
    const unitPages = this.#shared.mm.unitPages;
    const accesses = this.#accesses;
    const { firstGfn } = regionOf(this.#options, cpu.id);
    const plan = { firstGfn, pageFrames: unitPages, accesses, computePs: this.#options.computeNs * PS_PER_NS };
    const tasks = this.#async === undefined ? 0 : GUEST_TASKS;
    const log = new MigrationLog({ cpu, book: this.#book, tasks, faults: () => stalls.count, verify: (gfn) => this.#verify(gfn) });
    const single = new PageGuest(this.#patternOf(cpu), plan, log);
    if (this.#async === undefined) return { vcpu, guest: single, log, async: undefined };
    const { async, guest } = this.#withTasks(cpu, this.#async, { single, log });
    return { vcpu, guest, log, async };
  }

  #withTasks(cpu: Cpu, faults: AsyncFaults, parts: { single: PageGuest; log: MigrationLog }): { guest: DeferringGuest; async: AsyncGuest } {
    const { single, log } = parts;
    const guest = new DeferringGuest({ guest: single, log, tasks: GUEST_TASKS, poll: () => faults.poll(cpu, async) });
    const async: AsyncGuest = { guest, log, readySeen: 0 };
    return { guest, async };
  }

  get #accesses(): number {
    return this.#options.accesses * this.#unitsOf(0);
  }

  #patternOf(cpu: Cpu): PagePattern {
    const pages = this.#unitsOf(cpu.id);
    const seed = this.#options.guestSeed + cpu.id;
    if (this.#ranks !== undefined) return new ZipfPattern(this.#ranks, seed);
    return this.#options.pattern === 'uniform' ? new UniformPattern(pages, seed) : new SequentialPattern(pages);
  }

  #verify(gfn: number): void {
    const unit = this.#unitOf(gfn);
    if (!this.#fetch.hasContents(unit)) assert(false, `the guest has used page ${unit} before its contents came`);
  }

  #unitOf(gfn: number): number {
    return this.#shared.mm.unitOf(gfn - this.#firstGfn);
  }

  /** What a vCPU's thread does with an exit of KVM Userfault. */
  #onMemoryFault(vcpu: Vcpu, gfn: number): KernelPath {
    const { cpu } = vcpu;
    const unit = this.#unitOf(gfn);
    if (this.#async === undefined) return this.#fetch.demand(cpu, unit, { waits: true });
    return this.#async.onMemoryFault(cpu, this.#customerOf(cpu).async as AsyncGuest, unit);
  }

  /** Puts the contents of a page where the guest will find them, wakes who waits in a userfaultfd, and lets KVM have the page. */
  *#install(cpu: Cpu, unit: number): KernelPath {
    const { mm } = this.#shared;
    const { uffd, kvmUserfault } = this.#options;
    // For minor faults the copy goes to the page cache, through a mapping that no userfaultfd guards.
    if (uffd === 'minor') cpu.spend(mm.unitPages * cpu.cost.page_copy);
    if (cpu.call(this.#shared.fill(cpu, unit) ?? this.#write(cpu, unit))) yield;
    if (!kvmUserfault) return;
    const first = this.#firstGfn + unit * mm.unitPages;
    for (let gfn = first; gfn < first + mm.unitPages; gfn++) {
      if (cpu.touch(this.#shared.userfaultWord(gfn))) yield;
      this.#shared.clearUserfault(cpu, gfn);
    }
  }

  #write(cpu: Cpu, unit: number): KernelPath {
    const { mm } = this.#shared;
    cpu.spend((mm.unitPages - 1) * cpu.cost.page_copy); // besides the first 4 KiB of a host page
    return writeUserPage(mm, cpu, unit);
  }

  values(): MeasuredValue[] {
    const { startPs } = this.#book;
    const here = this.#fetch.incoming.countHere();
    const lastNs = Math.max(0, Math.round((this.#fetch.lastInstallPs(this.#book.words) - startPs) / PS_PER_NS));
    const { maxNs, histogram } = this.#book.stalls();
    const { windowPs, runs } = this.#book.runs();
    const values: Record<string, number> = {
      pages_per_second: lastNs === 0 ? 0 : here / (lastNs / 1e9),
      time_to_last_page: lastNs,
      running_share: this.#book.runningShare(),
      stall_p50: histogram.p50Ns,
      stall_p99: histogram.p99Ns,
      stall_p999: histogram.p999Ns,
      stall_max: maxNs,
    };
    for (const percent of SPEED_PERCENTS) values[`time_to_${percent}_percent`] = Math.round(timeToShare(runs, windowPs, percent / 100) / PS_PER_NS);
    return Object.entries(values).map(([metric, value]) => ({ metric, value, orderSensitive: this.#options.vcpus > 1 }));
  }

  stalls(): StallReport[] {
    return this.#customers.has(0) ? [{ phase: COMPLETION, kind: 'write', ...this.#book.stalls() }] : [];
  }

  stateHash(): string {
    return stateHash(this.#shared.kvm);
  }

  check(counters: Record<string, number>): void {
    const { mm } = this.#shared;
    const here = this.#fetch.incoming.countHere();
    if (this.#options.pushers > 0) assert(here === mm.unitCount, `${here} pages have come, expected all ${mm.unitCount} of them`);
    this.#shared.check(counters, here);
    assert(counters.uffdEexists === 0, `${counters.uffdEexists} pages brought twice`);
    this.#checkContents();
    this.#book.assertDone(this.#accesses);
  }

  #checkContents(): void {
    const { mm } = this.#shared;
    for (let unit = 0; unit < mm.unitCount; unit++) {
      if (this.#fetch.incoming.hasArrived(unit)) mm.assertFilled({ first: unit, count: 1 }, Contents.prototype);
    }
  }
}
