// vCPUs that write their own memory over and over, and what is taken down of it: how much they wrote, how long they stood still, which page is how new.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { SteadyWriter } from '../guest/steady-writer.js';
import type { Kvm } from '../kvm/kvm.js';
import { vcpuRun } from '../kvm/vcpu-run.js';
import type { StallReport } from './cell.js';
import { Guests } from './guests.js';
import type { LockWaits } from './lock-waits.js';
import { regionOf } from './memstress.js';
import type { PageVersions } from './page-versions.js';
import type { WriterBook } from './writer-book.js';

export interface WritersOptions {
  vcpus: number;
  vcpuBytes: number;
  randomAccess: boolean;
  guestSeed: number;
}

export interface WritersParts {
  options: WritersOptions;
  /** What the guest computes after each write, picoseconds. */
  computePs: number;
  waits: LockWaits;
  versions: PageVersions;
}

export class Writers {
  readonly #kvm: Kvm;
  readonly #parts: WritersParts;
  readonly #guests: Guests;
  /** vCPU 0 has run in this world: of all threads, one. */
  #hasFirst = false;

  constructor(kvm: Kvm, parts: WritersParts) {
    this.#kvm = kvm;
    this.#parts = parts;
    this.#guests = new Guests(parts.options.guestSeed);
  }

  /** Writes every page once, in order. */
  populate(cpu: Cpu): KernelPath {
    const { vcpu, pattern } = this.#guests.of(cpu);
    pattern.plan({ ...this.#regionOf(cpu), random: false, writePercent: 100, writeEvery: 0 });
    return vcpuRun(this.#kvm, vcpu, pattern, { process: 0, stopAt: 0 });
  }

  #regionOf(cpu: Cpu) {
    return regionOf({ ...this.#parts.options, overlap: false }, cpu.id);
  }

  /** Writes until the stop word is `stopAt`; what comes of it goes into `book`. */
  *write(cpu: Cpu, book: WriterBook, stopAt: number): KernelPath {
    const { options, computePs, waits, versions } = this.#parts;
    const { vcpu } = this.#guests.of(cpu);
    this.#hasFirst ||= cpu.id === 0;
    const record = book.open(vcpu, () => waits.of(cpu.id));
    const log = versions.logOf(cpu);
    const writer = new SteadyWriter(
      { ...this.#regionOf(cpu), random: options.randomAccess, computePs, now: () => cpu.now() },
      options.guestSeed + cpu.id,
      (gfn, pages, times) => {
        log(gfn, pages, times);
        record.count(times * pages);
      },
    );
    yield* vcpuRun(this.#kvm, vcpu, writer, { process: 0, stopAt });
    record.close();
  }

  /** Stalls of all vCPUs, told by one thread for all: the book has everybody's. */
  stalls(phase: string, book: WriterBook): StallReport[] {
    return this.#hasFirst ? [{ phase, kind: 'write', ...book.stalls() }] : [];
  }
}
