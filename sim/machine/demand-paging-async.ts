// demand_paging_test with asynchronous page faults that user space drives: a vCPU that leaves for a page goes on with its next ones, while a fetcher
// thread of its own brings the page. The selftest has no such mode; a migration's machinery serves it, with `-d` for the network.

import type { Cpu, KernelPath, LockFactory } from '../engine/cpu.js';
import { DeferringGuest } from '../guest/deferring-guest.js';
import { type AccessLog, PageGuest } from '../guest/page-guest.js';
import { SequentialPattern } from '../guest/page-pattern.js';
import { LOCK_SITE_NAMES } from '../kvm/lock-sites.js';
import type { Vcpu } from '../kvm/vcpu.js';
import { type RunPlan, vcpuRun } from '../kvm/vcpu-run.js';
import type { Arena } from '../memory/arena.js';
import { PAGE_BYTES } from '../units.js';
import type { DemandPagingOptions } from './cell.js';
import { IncomingPages, type IncomingPagesParts } from './incoming-pages.js';
import { regionOf, regionPages } from './memstress.js';
import { Network } from './network.js';
import { AsyncFaults, type AsyncGuest, GUEST_TASKS } from './post-copy-async.js';
import { PageFetch } from './post-copy-fetch.js';
import type { UserfaultWorld } from './userfault-world.js';

const NS_PER_US = 1000;

/** Nobody takes down how a guest of the selftest fares. */
const NO_LOG: AccessLog & AsyncGuest['log'] = { turnedPs: 0, resume() {}, next() {}, done() {}, putAside() {} };

function incomingParts(options: DemandPagingOptions, threads: number): IncomingPagesParts {
  return { pages: regionPages(options), threads, vcpus: options.vcpus, tasksPerVcpu: GUEST_TASKS };
}

/** Threads of a cell that fetch pages for vCPUs which run on. */
export function fetcherCount({ asyncPf, vcpus }: DemandPagingOptions): number {
  return asyncPf === 'user' ? vcpus : 0;
}

export class AsyncDemandPaging {
  readonly #options: DemandPagingOptions;
  readonly #shared: UserfaultWorld;
  readonly #faults: AsyncFaults;

  constructor(arena: Arena, locks: LockFactory, parts: { options: DemandPagingOptions; shared: UserfaultWorld; threads: number; firstFetcher: number }) {
    const { options, shared, threads, firstFetcher } = parts;
    this.#options = options;
    this.#shared = shared;
    const { delayUs, guestSeed, vcpus } = options;
    const delay = { latencyNs: delayUs * NS_PER_US, bandwidth: 0, jitter: 'none', jitterPercent: 0, guestSeed } as const;
    const network = new Network(arena, locks, { options: delay, pageBytes: PAGE_BYTES, site: LOCK_SITE_NAMES.length });
    const incoming = new IncomingPages(arena, incomingParts(options, threads));
    const install = (cpu: Cpu, page: number): KernelPath => shared.bringPage(cpu, shared.firstGfn + page);
    this.#faults = new AsyncFaults(arena, { vcpus, fetch: new PageFetch(arena, { network, incoming, prefetch: 0, threads, install }), firstFetcher });
  }

  static arenaWords(options: DemandPagingOptions, threads: number): number {
    if (options.asyncPf !== 'user') return 0;
    const pages = IncomingPages.arenaWords(incomingParts(options, threads)) + PageFetch.arenaWords(regionPages(options), threads);
    return pages + Network.arenaWords() + AsyncFaults.arenaWords(options.vcpus);
  }

  /** One pass of a vCPU over its pages. */
  runVcpu(cpu: Cpu, vcpu: Vcpu, plan: RunPlan): KernelPath {
    const { firstGfn, pages } = regionOf(this.#options, cpu.id);
    const single = new PageGuest(new SequentialPattern(pages), { firstGfn, pageFrames: 1, accesses: pages, computePs: 0 }, NO_LOG);
    const guest = new DeferringGuest({ guest: single, log: NO_LOG, tasks: GUEST_TASKS, poll: () => this.#faults.poll(cpu, own) });
    const own: AsyncGuest = { guest, log: NO_LOG, readySeen: 0 };
    return vcpuRun(this.#shared.kvm, vcpu, guest, {
      ...plan,
      onMemoryFault: (_vcpu, gfn) => this.#faults.onMemoryFault(cpu, own, gfn - this.#shared.firstGfn),
      onFinish: (thread) => this.#finish(thread, plan),
    });
  }

  *#finish(cpu: Cpu, { onFinish }: RunPlan): KernelPath {
    yield* this.#faults.finish(cpu);
    if (onFinish !== undefined) yield* onFinish(cpu);
  }

  /** The path of a fetcher thread. */
  runFetcher(cpu: Cpu): KernelPath {
    return this.#faults.runFetcher(cpu);
  }
}
