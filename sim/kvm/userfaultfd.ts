// One userfaultfd: faults that sleep in it, readers that learn of them, and the wakeup of those whose page has come.
//
//     fault_pending_wqh   faults that nobody has read yet      newest first; read() takes the oldest
//     fault_wqh           faults that were read                newest first
//     fd_wqh              readers, in the order in which they registered
//
// Lock order: fd_wqh.lock, then fault_pending_wqh.lock, then fault_wqh.lock. The last is only ever taken inside the second, so nobody waits for
// it; its cost is part of the work under the second. A wakeup visits every entry of both fault queues, because none is exclusive. An entry that
// was written since this CPU's last walk has to be fetched from the CPU that wrote it.
// Models fs/userfaultfd.c. Left out: events (fork, remap, unmap), write-protect mode, several contexts of one vma, signals.

import { assert } from '../assert.js';
import type { AtomicLine, Cpu, LockFactory, RwLock, SpinLock, Word } from '../engine/cpu.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import type { KvmPlant } from './plants.js';

export type UffdMode = 'missing' | 'minor';

/** How readers wait: with poll(), with an epoll instance each, or with one that asked for EPOLLEXCLUSIVE. */
export type ReaderWait = 'poll' | 'epoll' | 'epoll-exclusive';

// A waiter is one line per thread: a thread sleeps for one fault at a time (struct userfault_wait_queue).
const NEXT = 0;
const PREV = 1;
const UNIT = 2;
const QUEUE = 3;
const SEQ = 4;
const THREAD = 5;

const NOT_QUEUED = 0;
const PENDING = 1;
const READ = 2;

// What a thread knows of its last walk over waiters.
const WALKED_CTX = 6;
const WALKED_SEQ = 7;

/** A reader's epoll instance, or its entry of poll(): one line each. */
const READER_OWNER = 0;
const READER_STATE = 1;
const READER_THREAD = 2;

/** Bits of a reader's state. */
export const ReaderState = { ready: 1, waiting: 2, queued: 4, quit: 8 } as const;

// Local names: the host's compiler folds them, where it loads a property anew at each use.
const { ready: READY, waiting: WAITING, queued: QUEUED } = ReaderState;

/** One waiter per thread: carved once for all userfaultfds of a process. */
export class UserfaultWaiters {
  readonly words: Int32Array;
  readonly #first: Word;

  constructor(arena: Arena, threadCount: number) {
    this.words = arena.words;
    this.#first = arena.carve('userfaultWaiters', threadCount * LINE_WORDS);
  }

  static arenaWords(threadCount: number): number {
    return threadCount * LINE_WORDS;
  }

  of(thread: number): Word {
    return this.#first + thread * LINE_WORDS;
  }
}

export interface UserfaultfdParts {
  index: number;
  mode: UffdMode;
  wait: ReaderWait;
  /** Thread numbers of the readers, in the order in which they register. */
  readers: readonly number[];
  waiters: UserfaultWaiters;
  initialize: boolean;
  /** A bug to plant; none when left out. */
  plant?: KvmPlant | undefined;
}

export class Userfaultfd {
  readonly index: number;
  readonly mode: UffdMode;
  readonly wait: ReaderWait;
  readonly plant: KvmPlant | null;
  readonly words: Int32Array;
  readonly fdLock: SpinLock;
  readonly pendingTarget: SpinLock;
  /** ctx->map_changing_lock; ctx->mmap_changing, which its holders read, stands beside it. */
  readonly mapChangingLock: RwLock;
  /** f_count of the file, which each system call on it takes and drops. */
  readonly file: AtomicLine;
  readonly readerCount: number;
  readonly #waiters: UserfaultWaiters;
  /** Heads of the two fault queues, and the number of faults so far. */
  readonly #pending: Word;
  readonly #read: Word;
  readonly #seq: Word;
  /** Odd while an entry moves from one queue to the other. */
  readonly #refiles: Word;
  readonly #readers: Word;

  static arenaWords(readerCount: number): number {
    return (2 + readerCount) * LINE_WORDS;
  }

  constructor(arena: Arena, locks: LockFactory, parts: UserfaultfdParts) {
    this.index = parts.index;
    this.mode = parts.mode;
    this.wait = parts.wait;
    this.plant = parts.plant ?? null;
    this.words = arena.words;
    this.readerCount = parts.readers.length;
    this.#waiters = parts.waiters;
    this.fdLock = locks.spinLock('fd_wqh', 'queued');
    this.pendingTarget = locks.spinLock('fault_pending_wqh', 'queued');
    this.mapChangingLock = locks.rwSem('map_changing_lock', true);
    this.file = locks.atomicLine('f_count');
    this.#pending = arena.carveLine('faultPendingWqh');
    this.#read = arena.carveLine('faultWqh');
    this.#seq = this.#pending + SEQ;
    this.#refiles = this.#read + REFILES;
    this.#readers = arena.carve('userfaultReaders', this.readerCount * LINE_WORDS);
    if (parts.initialize) this.#initialize(parts.readers);
  }

  #initialize(readers: readonly number[]): void {
    for (const head of [this.#pending, this.#read]) {
      this.words[head + NEXT] = head;
      this.words[head + PREV] = head;
    }
    for (const [index, thread] of readers.entries()) {
      const reader = this.reader(index);
      this.words[reader + READER_THREAD] = thread;
      this.words[reader + READER_STATE] = this.wait === 'poll' ? 0 : ReaderState.queued;
    }
  }

  /** Record of a reader. */
  reader(index: number): Word {
    return this.#readers + index * LINE_WORDS;
  }

  /** Word of a reader's state: touch it before `readerState`. */
  readerStateWord(reader: Word): Word {
    return reader + READER_STATE;
  }

  /** The reader's own look at its epoll instance. */
  readerState(cpu: Cpu, reader: Word): number {
    cpu.chargeLines(reader + READER_OWNER, 1);
    return cpu.load(reader + READER_STATE);
  }

  /** Word to touch before `hasPending`, and before the first look for waiters. */
  get queueWord(): Word {
    return this.#pending + NEXT;
  }

  /** Word that `hasRead` reads. */
  get readQueueWord(): Word {
    return this.#read + NEXT;
  }

  /** Odd while an entry moves from one queue to the other (ctx->refile_seq): who finds both queues empty without a lock looks again if it was, or has changed. */
  get refilesWord(): Word {
    return this.#refiles;
  }

  /** What poll asks. Models userfaultfd_poll(). */
  hasPending(cpu: Cpu): boolean {
    return cpu.load(this.#pending + NEXT) !== this.#pending;
  }

  /** Whether anybody waits whose fault was read. */
  hasRead(cpu: Cpu): boolean {
    return cpu.load(this.#read + NEXT) !== this.#read;
  }

  /** The CPU's thread stands in the pending queue from now on. Locks: fault_pending_wqh. */
  enqueue(cpu: Cpu, unit: number): void {
    this.pendingTarget.assertHeld(cpu);
    const { words } = this;
    const waiter = this.#waiters.of(cpu.id);
    words[waiter + UNIT] = unit;
    words[waiter + THREAD] = cpu.id;
    words[waiter + SEQ] = ++words[this.#seq];
    this.#link(cpu, this.#pending, waiter, PENDING);
    cpu.chargeLines(this.#pending + HEAD_OWNER, 1);
  }

  /** Word that `isQueued` reads. */
  waiterWord(cpu: Cpu): Word {
    return this.#waiters.of(cpu.id) + QUEUE;
  }

  /** Whether the CPU's thread still stands in a queue, read without a lock or an order: once it is out, nobody but itself puts it in again. Models list_empty_careful(). */
  isQueued(cpu: Cpu): boolean {
    return cpu.load(this.waiterWord(cpu)) !== NOT_QUEUED;
  }

  /** Takes the CPU's thread out, if nobody has yet. Locks: fault_pending_wqh. */
  dequeue(cpu: Cpu): void {
    this.pendingTarget.assertHeld(cpu);
    const waiter = this.#waiters.of(cpu.id);
    if (cpu.load(waiter + QUEUE) !== NOT_QUEUED) this.#unlink(cpu, waiter);
  }

  /** The oldest fault that nobody has read goes to the other queue: its unit, or -1 for none. Locks: fd_wqh, fault_pending_wqh. */
  readOldest(cpu: Cpu): number {
    this.fdLock.assertHeld(cpu);
    this.pendingTarget.assertHeld(cpu);
    const { words } = this;
    const waiter = words[this.#pending + PREV];
    if (waiter === this.#pending) return -1;
    cpu.chargeRead(words[waiter + THREAD]);
    // Between the queues it is in neither: who looks without a lock looks again.
    cpu.store(this.#refiles, cpu.load(this.#refiles) + 1);
    this.#unchain(cpu, waiter);
    this.#link(cpu, this.#read, waiter, READ);
    cpu.store(this.#refiles, cpu.load(this.#refiles) + 1);
    return words[waiter + UNIT];
  }

  /** Wakes every thread that waits for a unit of the range. Locks: fault_pending_wqh. Models __wake_userfault(). */
  wakeWaiters(cpu: Cpu, unit: number): void {
    this.pendingTarget.assertHeld(cpu);
    const { words } = this;
    const own = this.#waiters.of(cpu.id);
    const since = words[own + WALKED_CTX] === this.index + 1 ? words[own + WALKED_SEQ] : 0;
    words[own + WALKED_CTX] = this.index + 1;
    words[own + WALKED_SEQ] = words[this.#seq];
    cpu.chargeLines(this.#pending + HEAD_OWNER, 1);
    const visited = this.#wakeIn(cpu, this.#pending, { unit, since }) + this.#wakeIn(cpu, this.#read, { unit, since });
    cpu.spend(visited * cpu.cost.uffd_waiter);
    cpu.counters.userfaultWaitersWalked += visited;
    cpu.counters.userfaultWakes++;
  }

  #wakeIn(cpu: Cpu, head: Word, look: { unit: number; since: number }): number {
    const { words } = this;
    let visited = 0;
    for (let waiter = cpu.load(head + NEXT), next = 0; waiter !== head; waiter = next) {
      next = cpu.load(waiter + NEXT);
      visited++;
      if (words[waiter + SEQ] > look.since) cpu.chargeRead(words[waiter + THREAD]);
      if (words[waiter + UNIT] !== look.unit) continue;
      this.#unlink(cpu, waiter);
      cpu.wake(words[waiter + THREAD]);
    }
    return visited;
  }

  /** A fault tells the readers: all of them, or as many as it takes to find one that sleeps. Locks: fd_wqh. Models wake_up_poll(). */
  wakeReaders(cpu: Cpu): void {
    this.fdLock.assertHeld(cpu);
    const { words } = this;
    const exclusive = this.wait === 'epoll-exclusive';
    let told = 0;
    for (let reader = this.#readers, end = this.reader(this.readerCount); reader < end; reader += LINE_WORDS) {
      const seen = cpu.load(reader + READER_STATE);
      if ((seen & QUEUED) === 0) continue;
      told++;
      cpu.chargeLines(reader + READER_OWNER, 1);
      // One that is ready already looks at the queue again before it sleeps, and the fault is in it.
      if ((seen & READY) !== 0) continue;
      // In one step with the look: a reader that begins to wait after it sees that it is ready, and one that began before is seen here.
      if ((cpu.fetchOr(reader + READER_STATE, READY) & WAITING) === 0) continue;
      cpu.fetchAnd(reader + READER_STATE, ~WAITING);
      cpu.spend(told * cpu.cost.poll_callback);
      cpu.counters.pollCallbacks += told;
      told = 0;
      cpu.wake(words[reader + READER_THREAD]);
      if (exclusive) return;
    }
    cpu.spend(told * cpu.cost.poll_callback);
    cpu.counters.pollCallbacks += told;
  }

  /** Tells a reader to end, as a byte in its pipe does. The caller has just touched `readerStateWord`. */
  quitReader(cpu: Cpu, index: number): void {
    const reader = this.reader(index);
    cpu.fetchOr(reader + READER_STATE, ReaderState.quit);
    cpu.fetchAnd(reader + READER_STATE, ~ReaderState.waiting);
    cpu.wake(this.words[reader + READER_THREAD]);
  }

  /** What is looked at without a lock is stored by the CPU: the head's first entry, and whether an entry is in a queue. */
  #link(cpu: Cpu, head: Word, waiter: Word, queue: number): void {
    const { words } = this;
    const first = cpu.load(head + NEXT);
    cpu.store(waiter + NEXT, first);
    words[waiter + PREV] = head;
    cpu.store(waiter + QUEUE, queue);
    words[first + PREV] = waiter;
    cpu.store(head + NEXT, waiter);
  }

  /** The last word is who sleeps here may look at without a lock: nothing of the entry is touched after it. */
  #unlink(cpu: Cpu, waiter: Word): void {
    this.#unchain(cpu, waiter);
    cpu.store(waiter + QUEUE, NOT_QUEUED);
  }

  #unchain(cpu: Cpu, waiter: Word): void {
    const { words } = this;
    cpu.store(words[waiter + PREV] + NEXT, cpu.load(waiter + NEXT));
    words[cpu.load(waiter + NEXT) + PREV] = words[waiter + PREV];
  }

  /** Throws when somebody is left in a queue. No CPU may be running. */
  assertEmpty(): void {
    for (const head of [this.#pending, this.#read]) {
      const waiter = this.words[head + NEXT];
      if (waiter !== head)
        assert(false, `thread ${this.words[waiter + THREAD]} is left in userfaultfd ${this.index}, waiting for host page ${this.words[waiter + UNIT]}`);
    }
  }
}

/** On the line of the pending queue's head: who wrote it last. */
const HEAD_OWNER = 8;

/** On the line of the other queue's head. */
const REFILES = 8;
