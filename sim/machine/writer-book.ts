// What vCPUs that write memory got done beside an ioctl thread, and what held them up: taken down vCPU by vCPU in the arena, so that the numbers of all
// worker threads meet in one place.

import type { Cpu, Word } from '../engine/cpu.js';
import { HISTOGRAM_BUCKETS } from '../engine/histogram.js';
import { Stalls, type Vcpu } from '../kvm/vcpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import { type StallSummary, summarizeStalls } from './stall-rows.js';
import { loadWide, storeWide, WIDE_WORDS } from './wide-words.js';

// One row per vCPU. Times are picoseconds.
const WRITES = 0;
const BESIDE = WRITES + WIDE_WORDS;
const RUN_PS = BESIDE + WIDE_WORDS;
const LOCK_WAIT_PS = RUN_PS + WIDE_WORDS;
const STALLED_PS = LOCK_WAIT_PS + WIDE_WORDS;
const STALL_MAX_PS = STALLED_PS + WIDE_WORDS;
const HISTOGRAM = STALL_MAX_PS + WIDE_WORDS;
const ROW_WORDS = carvedWords(HISTOGRAM + HISTOGRAM_BUCKETS);

/** Sums over all vCPUs. Times are picoseconds. */
export interface WriterSums {
  writes: number;
  /** Writes while an ioctl was at work. */
  writesBeside: number;
  runPs: number;
  lockWaitPs: number;
  stalledPs: number;
}

export class WriterBook {
  readonly #words: Int32Array;
  readonly #vcpus: number;
  readonly #rows: Word;
  /** Word: 1 while an ioctl is at work. */
  readonly #atWork: Word;

  constructor(arena: Arena, vcpus: number) {
    this.#words = arena.words;
    this.#vcpus = vcpus;
    this.#rows = arena.carve('writerBook', vcpus * ROW_WORDS);
    this.#atWork = arena.carveLine('ioctlAtWork');
  }

  static arenaWords(vcpus: number): number {
    return vcpus * ROW_WORDS + LINE_WORDS;
  }

  /** The ioctl thread begins or ends what writes are counted beside. */
  setAtWork(cpu: Cpu, isAtWork: boolean): void {
    cpu.store(this.#atWork, isAtWork ? 1 : 0);
  }

  /** Takes down one vCPU's run, which begins now. `waitedPs` tells how long it has waited for mmu_lock so far. */
  open(vcpu: Vcpu, waitedPs: () => number): WriterRecord {
    return new WriterRecord({ vcpu, waitedPs, words: this.#words, row: this.#rows + vcpu.cpu.id * ROW_WORDS, atWork: this.#atWork });
  }

  sums(): WriterSums {
    const sum = (field: number): number => {
      let total = 0;
      for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) total += loadWide(this.#words, this.#rows + vcpu * ROW_WORDS + field);
      return total;
    };
    return { writes: sum(WRITES), writesBeside: sum(BESIDE), runPs: sum(RUN_PS), lockWaitPs: sum(LOCK_WAIT_PS), stalledPs: sum(STALLED_PS) };
  }

  stalls(): StallSummary {
    const rows = Array.from({ length: this.#vcpus }, (_, vcpu) => this.#rows + vcpu * ROW_WORDS);
    return summarizeStalls(this.#words, rows, { maxPs: STALL_MAX_PS, totalPs: STALLED_PS, histogram: HISTOGRAM });
  }
}

interface RecordParts {
  vcpu: Vcpu;
  waitedPs(): number;
  words: Int32Array;
  row: Word;
  atWork: Word;
}

/** One vCPU's run. */
export class WriterRecord {
  readonly #parts: RecordParts;
  readonly #stalls = new Stalls();
  readonly #startPs: number;
  readonly #waitedPs: number;
  #writes = 0;
  #writesBeside = 0;

  constructor(parts: RecordParts) {
    this.#parts = parts;
    this.#startPs = parts.vcpu.cpu.now();
    this.#waitedPs = parts.waitedPs();
    parts.vcpu.writeStalls = this.#stalls;
  }

  /** Counts writes; fewer than none are taken back. */
  count(writes: number): void {
    const { vcpu, atWork } = this.#parts;
    this.#writes += writes;
    if (vcpu.cpu.load(atWork) !== 0) this.#writesBeside += writes;
  }

  /** The run is over: the sums go to the arena. */
  close(): void {
    const { vcpu, words, row, waitedPs } = this.#parts;
    const { totalPs, maxPs, histogram } = this.#stalls;
    storeWide(words, row + WRITES, this.#writes);
    storeWide(words, row + BESIDE, Math.max(0, this.#writesBeside));
    storeWide(words, row + RUN_PS, vcpu.cpu.now() - this.#startPs);
    storeWide(words, row + LOCK_WAIT_PS, waitedPs() - this.#waitedPs);
    storeWide(words, row + STALLED_PS, totalPs);
    storeWide(words, row + STALL_MAX_PS, maxPs);
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) words[row + HISTOGRAM + bucket] = histogram[bucket];
  }
}
