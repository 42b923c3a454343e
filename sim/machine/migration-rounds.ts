// The thread that migrates a guest (pre-copy), as QEMU's does: turn logging on, send all memory, then read the log and send what was written meanwhile, round
// after round, until the rest can be sent within the downtime that is asked for, or there were enough rounds; then stop the guest and send the rest.
// With manual protection the log is read as it is, and pages are protected (KVM_CLEAR_DIRTY_LOG) chunk by chunk, right before they are sent.
// Left out: compression, zero pages, the device state, throttling of vCPUs, the destination's side. A link carries one page at a time.

import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import { clearDirtyLog, enableDirtyLogging, getDirtyLog } from '../kvm/dirty-log.js';
import type { Kvm } from '../kvm/kvm.js';
import { awaitKickedVcpus, kickVcpus } from '../kvm/vcpu.js';
import { stopVcpus } from '../kvm/vcpu-run.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { PAGE_BYTES } from '../units.js';
import type { MigrationOptions } from './cell.js';
import { eachLoggedPage } from './dirty-pages.js';
import { regionPages } from './memstress.js';
import type { PageVersions } from './page-versions.js';
import { loadWide, storeWide, WIDE_WORDS } from './wide-words.js';

const MEMSLOT = 1;
const PS_PER_NS = 1000;
const PS_PER_SECOND = 1e12;
/** Pages that are copied at once and then pass the link: a multiple of 64, as KVM_CLEAR_DIRTY_LOG asks for. */
const SENT_AT_ONCE = 64;
/** Time between two looks at whether the vCPUs have stopped. */
const POLL_PS = 1_000_000;

// What it tells, two words each. Times are picoseconds.
const ROUNDS = 0;
const PAGES_SENT = ROUNDS + WIDE_WORDS;
const IOCTL_PS = PAGES_SENT + WIDE_WORDS;
const DOWNTIME_PS = IOCTL_PS + WIDE_WORDS;
const TOTAL_PS = DOWNTIME_PS + WIDE_WORDS;
const CONVERGED = TOTAL_PS + WIDE_WORDS;

/** How a migration went. Times are picoseconds. */
export interface MigrationSums {
  rounds: number;
  pagesSent: number;
  ioctlPs: number;
  downtimePs: number;
  totalPs: number;
  /** The rest fitted the downtime before there were enough rounds. */
  converged: boolean;
}

export class MigrationRounds {
  readonly #kvm: Kvm;
  readonly #options: MigrationOptions;
  readonly #versions: PageVersions;
  /** 1 for each page that has still to be sent. The migration thread's own. */
  readonly #pending: Uint8Array;
  #pendingCount = 0;
  readonly #pagePs: number;
  readonly #sums: Word;
  /** Word: vCPUs that still run. */
  readonly #running: Word;

  constructor(arena: Arena, kvm: Kvm, parts: { options: MigrationOptions; versions: PageVersions; initialize: boolean }) {
    this.#kvm = kvm;
    this.#options = parts.options;
    this.#versions = parts.versions;
    this.#pending = new Uint8Array(regionPages(parts.options));
    this.#pagePs = Math.round((PAGE_BYTES * PS_PER_SECOND) / parts.options.bandwidth);
    this.#sums = arena.carve('migrationSums', LINE_WORDS);
    this.#running = arena.carveLine('runningVcpus');
    if (parts.initialize) arena.words[this.#running] = parts.options.vcpus;
  }

  /** A vCPU has stopped for good. Suspends: before it says so. */
  *stopped(cpu: Cpu): KernelPath {
    if (cpu.touch(this.#running)) yield;
    cpu.fetchAdd(this.#running, -1);
  }

  /** The migration. vCPUs are asked to stop by `stopAt` in the stop word. */
  *run(cpu: Cpu, stopAt: number): KernelPath {
    const startPs = cpu.now();
    yield* this.#ioctl(cpu, enableDirtyLogging(this.#kvm, cpu, MEMSLOT));
    this.#pending.fill(1);
    this.#pendingCount = this.#pending.length;
    if (this.#options.manualProtect) yield* this.#readLog(cpu); // all set: what is to be cleared as it is sent
    let rounds = 0;
    do {
      yield* this.#send(cpu);
      yield* this.#readLog(cpu);
      rounds++;
    } while (!this.#fits && rounds < this.#options.maxRounds);
    this.#set(cpu, CONVERGED, this.#fits ? 1 : 0);
    const stopPs = cpu.now();
    yield* this.#stopVcpus(cpu, stopAt);
    yield* this.#readLog(cpu);
    yield* this.#send(cpu);
    this.#set(cpu, ROUNDS, rounds + 1);
    this.#set(cpu, DOWNTIME_PS, cpu.now() - stopPs);
    this.#set(cpu, TOTAL_PS, cpu.now() - startPs);
  }

  /** What is left can be sent within the downtime that is asked for. */
  get #fits(): boolean {
    return this.#pendingCount * this.#pagePs <= this.#options.downtimeNs * PS_PER_NS;
  }

  #set(cpu: Cpu, field: number, value: number): void {
    storeWide(cpu.words, this.#sums + field, value);
  }

  #add(cpu: Cpu, field: number, value: number): void {
    this.#set(cpu, field, loadWide(cpu.words, this.#sums + field) + value);
  }

  /** An ioctl returns once no vCPU uses a TLB entry from before it: kvm_flush_remote_tlbs() waits for them. */
  *#ioctl(cpu: Cpu, path: KernelPath): KernelPath {
    const startPs = cpu.now();
    yield* path;
    yield* awaitKickedVcpus(this.#kvm, cpu);
    this.#add(cpu, IOCTL_PS, cpu.now() - startPs);
  }

  *#readLog(cpu: Cpu): KernelPath {
    yield* this.#ioctl(cpu, getDirtyLog(this.#kvm, cpu, MEMSLOT));
    eachLoggedPage(this.#kvm, MEMSLOT, (page) => {
      this.#pendingCount += 1 - this.#pending[page];
      this.#pending[page] = 1;
    });
  }

  /** Sends what is pending, in order. */
  *#send(cpu: Cpu): KernelPath {
    const { manualProtect, clearChunkBytes } = this.#options;
    const chunk = clearChunkBytes / PAGE_BYTES;
    const pages = this.#pending.length;
    for (let first = 0; first < pages; first += SENT_AT_ONCE) {
      if (manualProtect && first % chunk === 0) yield* this.#clear(cpu, first, Math.min(pages, first + chunk));
      const sent = this.#copy(cpu, first, Math.min(pages, first + SENT_AT_ONCE));
      if (sent > 0) if (cpu.sleepFor(sent * this.#pagePs)) yield;
    }
    this.#pendingCount = 0;
  }

  /** The pages of one chunk are protected again, if one of them is to be sent. */
  *#clear(cpu: Cpu, first: number, end: number): KernelPath {
    if (this.#pending.subarray(first, end).indexOf(1) < 0) return;
    const part = { first: first / 32, end: Math.ceil(end / 32) };
    yield* this.#ioctl(cpu, clearDirtyLog(this.#kvm, cpu, MEMSLOT, part));
  }

  #copy(cpu: Cpu, first: number, end: number): number {
    let sent = 0;
    for (let page = first; page < end; page++) {
      if (this.#pending[page] === 0) continue;
      this.#pending[page] = 0;
      this.#versions.copy(cpu, page);
      sent++;
    }
    this.#add(cpu, PAGES_SENT, sent);
    return sent;
  }

  *#stopVcpus(cpu: Cpu, stopAt: number): KernelPath {
    yield* stopVcpus(this.#kvm, cpu, stopAt);
    kickVcpus(this.#kvm, cpu);
    if (cpu.touch(this.#running)) yield;
    while (cpu.load(this.#running) > 0) {
      if (cpu.sleepFor(POLL_PS)) yield;
      if (cpu.touch(this.#running)) yield;
    }
  }

  sums(): MigrationSums {
    const [rounds, pagesSent, ioctlPs, downtimePs, totalPs, converged] = [ROUNDS, PAGES_SENT, IOCTL_PS, DOWNTIME_PS, TOTAL_PS, CONVERGED].map((field) =>
      loadWide(this.#kvm.words, this.#sums + field),
    );
    return { rounds, pagesSent, ioctlPs, downtimePs, totalPs, converged: converged === 1 };
  }
}
