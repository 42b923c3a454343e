// The queued spinlock of this engine: the algorithm of the seam over real Atomics.

import type { Arena } from '../../memory/arena.js';
import { runToCompletion, type Word } from '../cpu.js';
import type { QueueNodes } from '../queue-nodes.js';
import { QueuedSpinlock } from '../queued-spinlock.js';
import { type RawLock, waitedSince } from './raw-lock.js';
import type { ThreadsCpu } from './threads-cpu.js';
import { ThreadsLockCpu } from './threads-lock-cpu.js';
import type { WaitPolicy } from './wait.js';

export class ThreadsQueuedSpinlock implements RawLock {
  readonly ownerWord: Word;
  readonly policy: WaitPolicy;
  readonly #name: string;
  readonly #words: Int32Array;
  readonly #lock: QueuedSpinlock;

  constructor(arena: Arena, parts: { name: string; nodes: QueueNodes; policy: WaitPolicy }) {
    const { name, nodes, policy } = parts;
    this.#words = arena.words;
    this.#lock = new QueuedSpinlock(arena, { name, nodes });
    this.ownerWord = this.#lock.word + 1;
    this.#name = name;
    this.policy = policy;
  }

  acquire(cpu: ThreadsCpu): number {
    const seen = this.#lock.tryLock(cpu);
    if (seen === 0) return 0;
    const start = cpu.now();
    runToCompletion(this.#lock.lockSlow(new ThreadsLockCpu(cpu, this), seen));
    return waitedSince(cpu, start);
  }

  release(cpu: ThreadsCpu): void {
    if (this.#lock.release(cpu) && this.policy.park) Atomics.notify(this.#words, this.#lock.word);
  }

  nameOf(): string {
    return this.#name;
  }

  get waiters(): number {
    return this.#lock.countWaiters(this.#words);
  }
}
