// The queued spinlock of kernel/locking/qspinlock.c: a locked byte, a pending bit and the tail of an MCS queue in one word.
//
// The second CPU sets the pending bit and polls the word; the third and later queue up, each polling its own node, and only the head
// of the queue polls the word. Invariant: whoever may sleep on the word has set the pending bit or the tail before, so an unlock that
// sees neither wakes nobody.

import { type Arena, LINE_WORDS } from '../../memory/arena.js';
import type { Word } from '../cpu.js';
import { type RawLock, waitedSince } from './raw-lock.js';
import type { ThreadsCpu } from './threads-cpu.js';
import { type Waiter, type WaitPolicy, waitForChange } from './wait.js';

const LOCKED = 1;
const PENDING = 1 << 8;
const TAIL_SHIFT = 16;
const LOCKED_OR_PENDING = LOCKED | PENDING;

/** `_Q_PENDING_LOOPS` of x86. */
const PENDING_LOOPS = 512;

const NESTING_LEVELS = 4;
const NODE_GRANTED = 0;
const NODE_NEXT = 1;
const NODE_WAITS_FOR = 2;

/** Words of the MCS nodes of `cpuCount` CPUs: four each, as in the kernel, each on its own line. */
export function queueNodeWords(cpuCount: number): number {
  return cpuCount * NESTING_LEVELS * LINE_WORDS;
}

/** The MCS nodes that all queued spinlocks share. A tail is 1 + the index of a node. One object per thread. */
export class QueueNodes {
  readonly base: Word;
  readonly count: number;
  /** Nodes that this thread's CPU has in use. */
  #depth = 0;

  constructor(arena: Arena, cpuCount: number) {
    this.base = arena.carve('queue nodes', queueNodeWords(cpuCount));
    this.count = cpuCount * NESTING_LEVELS;
  }

  /** Tail code of a free node of this CPU. */
  take(cpuId: number): number {
    if (this.#depth === NESTING_LEVELS) throw new Error(`Invariant broken: CPU ${cpuId} waits for more than ${NESTING_LEVELS} queued spinlocks`);
    return cpuId * NESTING_LEVELS + this.#depth++ + 1;
  }

  giveBack(): void {
    this.#depth--;
  }

  wordOf(tail: number): Word {
    return this.base + (tail - 1) * LINE_WORDS;
  }
}

export class QueuedSpinlock implements RawLock {
  readonly ownerWord: Word;
  readonly #words: Int32Array;
  readonly #word: Word;
  readonly #name: string;
  readonly #nodes: QueueNodes;
  readonly #policy: WaitPolicy;

  constructor(arena: Arena, parts: { name: string; nodes: QueueNodes; policy: WaitPolicy }) {
    this.#words = arena.words;
    this.#word = arena.carveLine(parts.name);
    this.ownerWord = this.#word + 1;
    this.#name = parts.name;
    this.#nodes = parts.nodes;
    this.#policy = parts.policy;
  }

  acquire(cpu: ThreadsCpu): number {
    const seen = Atomics.compareExchange(this.#words, this.#word, 0, LOCKED);
    if (seen === 0) return 0;
    const start = cpu.now();
    const waiter = { lock: this.#name, cpuId: cpu.id };
    if (!this.#waitAsPending(seen, waiter)) this.#waitInQueue(waiter);
    return waitedSince(cpu, start);
  }

  /** False when others wait already. */
  #waitAsPending(seen: number, waiter: Waiter): boolean {
    const words = this.#words;
    const word = this.#word;
    for (let i = 0; seen === PENDING && i < PENDING_LOOPS; i++) seen = Atomics.load(words, word);
    if ((seen & ~LOCKED) !== 0) return false;
    let value = Atomics.or(words, word, PENDING);
    if ((value & ~LOCKED) !== 0) {
      if ((value & PENDING) === 0) this.#withdrawPending();
      return false;
    }
    while ((value & LOCKED) !== 0) value = this.#changed(value, waiter);
    Atomics.add(words, word, LOCKED - PENDING);
    return true;
  }

  /** The head of the queue may have gone to sleep over our pending bit. */
  #withdrawPending(): void {
    Atomics.and(this.#words, this.#word, ~PENDING);
    this.#wake(this.#word);
  }

  #waitInQueue(waiter: Waiter): void {
    const words = this.#words;
    const tail = this.#nodes.take(waiter.cpuId);
    const node = this.#nodes.wordOf(tail);
    Atomics.store(words, node + NODE_GRANTED, 0);
    Atomics.store(words, node + NODE_NEXT, 0);
    const previous = this.#exchangeTail(tail);
    Atomics.store(words, node + NODE_WAITS_FOR, this.#word);
    if (previous !== 0) {
      Atomics.store(words, this.#nodes.wordOf(previous) + NODE_NEXT, tail);
      this.#wake(this.#nodes.wordOf(previous) + NODE_NEXT);
      waitForChange(words, { word: node + NODE_GRANTED, seen: 0 }, waiter, this.#policy);
    }
    this.#lockAsHead(tail, waiter);
    Atomics.store(words, node + NODE_WAITS_FOR, 0);
    this.#nodes.giveBack();
  }

  #exchangeTail(tail: number): number {
    const words = this.#words;
    for (;;) {
      const value = Atomics.load(words, this.#word);
      const next = (value & LOCKED_OR_PENDING) | (tail << TAIL_SHIFT);
      if (Atomics.compareExchange(words, this.#word, value, next) === value) return value >>> TAIL_SHIFT;
    }
  }

  /** Takes the lock once it is free and nobody is pending, then makes the next node the head. */
  #lockAsHead(tail: number, waiter: Waiter): void {
    const words = this.#words;
    let value = Atomics.load(words, this.#word);
    while ((value & LOCKED_OR_PENDING) !== 0) value = this.#changed(value, waiter);
    if (value >>> TAIL_SHIFT === tail && Atomics.compareExchange(words, this.#word, value, LOCKED) === value) return;
    Atomics.or(words, this.#word, LOCKED);
    const next = waitForChange(words, { word: this.#nodes.wordOf(tail) + NODE_NEXT, seen: 0 }, waiter, this.#policy);
    Atomics.store(words, this.#nodes.wordOf(next) + NODE_GRANTED, 1);
    this.#wake(this.#nodes.wordOf(next) + NODE_GRANTED);
  }

  release(_cpu: ThreadsCpu): void {
    const old = Atomics.and(this.#words, this.#word, ~LOCKED);
    if (old !== LOCKED) this.#wake(this.#word);
  }

  #changed(seen: number, waiter: Waiter): number {
    return waitForChange(this.#words, { word: this.#word, seen }, waiter, this.#policy);
  }

  #wake(word: Word): void {
    if (this.#policy.park) Atomics.notify(this.#words, word);
  }

  isLocked(): boolean {
    return Atomics.load(this.#words, this.#word) !== 0;
  }

  get waiters(): number {
    const words = this.#words;
    let queued = (Atomics.load(words, this.#word) & PENDING) !== 0 ? 1 : 0;
    for (let tail = 1; tail <= this.#nodes.count; tail++) {
      if (Atomics.load(words, this.#nodes.wordOf(tail) + NODE_WAITS_FOR) === this.#word) queued++;
    }
    return queued;
  }
}
