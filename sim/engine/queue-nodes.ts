// The MCS nodes of kernel/locking/qspinlock.c: four for each CPU (task, softirq, hardirq, nmi), shared by all queued spinlocks.
//
// A node is a line of three words. A tail code is 1 + the index of a node, so that 0 is no node.

import { type Arena, LINE_WORDS } from '../memory/arena.js';
import type { Word } from './cpu.js';

const NESTING_LEVELS = 4;

/** 1 from when the CPU in front made this one the head of the queue. */
export const NODE_GRANTED = 0;
/** Tail code of the node behind; 0 while there is none, or its CPU has not linked it yet. */
export const NODE_NEXT = 1;
/** Word of the lock that the CPU queues for, 0 for none: who counts waiters looks at it, the algorithm does not. */
export const NODE_WAITS_FOR = 2;

const FIELDS = ['granted', 'next', 'waits for'];

/** Words of the nodes of `cpuCount` CPUs. */
export function queueNodeWords(cpuCount: number): number {
  return cpuCount * NESTING_LEVELS * LINE_WORDS;
}

/** The nodes that all queued spinlocks share. Every thread, or every run, has its own object; the words are shared. */
export class QueueNodes {
  /** Nodes in all. */
  readonly count: number;
  readonly #base: Word;
  /** Nodes in use, by CPU. */
  readonly #depth: Uint8Array;

  constructor(arena: Arena, cpuCount: number) {
    this.#base = arena.carve('queue nodes', queueNodeWords(cpuCount));
    this.count = cpuCount * NESTING_LEVELS;
    this.#depth = new Uint8Array(cpuCount);
  }

  /** Tail code of a free node of this CPU. Throws when it has none left. */
  take(cpuId: number): number {
    const depth = this.#depth[cpuId];
    if (depth === NESTING_LEVELS) throw new Error(`Invariant broken: CPU ${cpuId} waits for more than ${NESTING_LEVELS} queued spinlocks`);
    this.#depth[cpuId] = depth + 1;
    return cpuId * NESTING_LEVELS + depth + 1;
  }

  /** Ends the use of the node that this CPU took last. */
  giveBack(cpuId: number): void {
    this.#depth[cpuId]--;
  }

  /** First word of the node with this tail code. */
  wordOf(tail: number): Word {
    return this.#base + (tail - 1) * LINE_WORDS;
  }

  /** What a word of the nodes is, for a report: "granted of CPU 1's node". Undefined for any other word. */
  nameOf(word: Word): string | undefined {
    const index = Math.floor((word - this.#base) / LINE_WORDS);
    const field = FIELDS[word - this.#base - index * LINE_WORDS];
    if (index < 0 || index >= this.count || field === undefined) return undefined;
    const level = index % NESTING_LEVELS;
    return `${field} of CPU ${Math.floor(index / NESTING_LEVELS)}'s node${level === 0 ? '' : ` ${level}`}`;
  }
}
