// The queued spinlock under test: CPUs that lock, count, and unlock.
//
// Order of arrival is what the kernel's lock promises to keep. A CPU arrives by the one atomic operation after which nobody who comes later
// gets in first: it takes the free lock by the fast path; or it sets the pending bit of a lock that is held and has neither a pending CPU nor a queue;
// or it makes its node the tail of the queue. A pending bit that was set in vain and is withdrawn is no arrival.

import type { KernelPath, Word } from '../../engine/cpu.js';
import type { LockCpu } from '../../engine/lock-cpu.js';
import { QueueNodes, queueNodeWords } from '../../engine/queue-nodes.js';
import { Q_LOCKED, Q_PENDING, Q_TAIL_SHIFT, QueuedSpinlock, type QueuedSpinlockPlant } from '../../engine/queued-spinlock.js';
import { LINE_WORDS } from '../../memory/arena.js';
import { GuardedWords, MUTUAL_EXCLUSION } from './guarded-words.js';
import { BrokenClaim, type Protocol, type ProtocolOptions, type ProtocolParts, type ProtocolRun } from './protocol.js';
import { WatchedLockCpu } from './watched-lock-cpu.js';

const CLAIMS = [
  { name: MUTUAL_EXCLUSION, claim: 'one CPU at a time is between lock and unlock' },
  { name: 'fifo', claim: 'CPUs get the lock in order of arrival: the pending CPU before the queue, the queue from head to tail' },
  { name: 'no-lost-hand-off', claim: 'who waits is let in (or the run ends in a deadlock), and the lock is free once all have left' },
];

const PLANTS: Readonly<Record<QueuedSpinlockPlant, string>> = {
  'lost-pending-withdraw': 'a pending bit that was set while others queue is never withdrawn',
  'no-wake-after-withdraw': 'the head of the queue, asleep over a pending bit, is not woken when it is withdrawn',
  'pending-past-queue': 'a CPU may wait as the pending one although others queue',
  'head-ignores-pending': 'the head of the queue takes the free lock while a CPU is pending',
  'head-grants-before-locking': 'the head of the queue makes the next one head before it has set the locked byte',
  'tail-not-rechecked': 'the last of the queue takes the lock by a plain store, which wipes out a tail that came meanwhile',
  'mcs-node-not-cleared': 'a CPU queues up with what the last use left in its node',
};

/** Times that each CPU takes the lock, by how many CPUs there are: four arrivals fill every place of the lock at once (holder, pending, head, next). */
const ROUNDS: Readonly<Record<number, readonly number[]>> = { 2: [2, 2], 3: [2, 1, 1], 4: [1, 1, 1, 1] };

/** A queued spinlock of the case; who waits looks once for a hand-over, since a look more has no other outcome. */
function layOut({ arena, cpus }: ProtocolParts, { plant }: ProtocolOptions): Case {
  const nodes = new QueueNodes(arena, cpus.length);
  const lock = new QueuedSpinlock(arena, { name: 'lock', nodes, pendingLoops: 1, plant: plant as QueuedSpinlockPlant | null });
  return { nodes, lock, guarded: new GuardedWords(arena) };
}

interface Case {
  nodes: QueueNodes;
  lock: QueuedSpinlock;
  guarded: GuardedWords;
}

/** The protocol `queued-spinlock`. */
export const queuedSpinlockProtocol: Protocol = {
  name: 'queued-spinlock',
  summary: 'The queued spinlock: fast path, pending bit, MCS queue, and sleeping waiters',
  claims: CLAIMS,
  plants: Object.entries(PLANTS).map(([name, what]) => ({ name, what })),
  vcpus: { min: 2, max: 4, usual: 3, also: [2] },
  interruptible: [],
  actors: ({ vcpus }) => Array.from({ length: vcpus }, (_, id) => `cpu${id}`),
  arenaWords: ({ vcpus }) => queueNodeWords(vcpus) + 2 * LINE_WORDS,
  build(parts, options, initialize) {
    const laidOut = layOut(parts, options);
    if (initialize) soilNodes(parts.arena.words, laidOut.nodes);
    return new QueuedSpinlockRun(parts, laidOut);
  },
};

/** A node bears what its last use, for any lock, left in it. */
function soilNodes(words: Int32Array, nodes: QueueNodes): void {
  for (let tail = 1; tail <= nodes.count; tail++) words.fill(1, nodes.wordOf(tail), nodes.wordOf(tail) + 2);
}

class QueuedSpinlockRun implements ProtocolRun {
  readonly #case: Case;
  readonly #cpus: readonly LockCpu[];
  readonly #words: Int32Array;
  readonly #line: ArrivalLine;

  constructor(parts: ProtocolParts, laidOut: Case) {
    this.#case = laidOut;
    this.#words = parts.arena.words;
    this.#line = new ArrivalLine();
    this.#cpus = parts.cpus.map((cpu) => new ArrivingCpu(cpu, laidOut.lock.word, this.#line));
  }

  paths(): KernelPath[] {
    return this.#cpus.map((cpu) => this.#path(cpu, roundsOf(this.#cpus.length)[cpu.id]));
  }

  *#path(cpu: LockCpu, rounds: number): KernelPath {
    const { lock, guarded } = this.#case;
    for (let round = 0; round < rounds; round++) {
      yield* lock.lock(cpu);
      this.#line.enter(cpu.id);
      yield* guarded.write(cpu);
      yield* lock.unlock(cpu);
    }
  }

  nameOf(word: Word): string | undefined {
    const { lock, guarded, nodes } = this.#case;
    if (word === lock.word) return 'lock word';
    return guarded.nameOf(word) ?? nodes.nameOf(word);
  }

  atEnd(): void {
    const { lock, guarded } = this.#case;
    guarded.expectCount(roundsOf(this.#cpus.length).reduce((sum, rounds) => sum + rounds, 0));
    const word = this.#words[lock.word];
    if (word !== 0) throw new BrokenClaim('no-lost-hand-off', `all CPUs have left and the lock word is 0x${(word >>> 0).toString(16)}, expected 0`);
  }
}

function roundsOf(cpuCount: number): readonly number[] {
  return ROUNDS[cpuCount];
}

/** CPUs that have arrived and not got the lock yet, first come first. */
class ArrivalLine {
  readonly #waiting: number[] = [];

  arrive(cpuId: number): void {
    this.#waiting.push(cpuId);
  }

  enter(cpuId: number): void {
    const first = this.#waiting.shift();
    if (first === cpuId) return;
    const before = first === undefined ? 'it never arrived' : `CPU ${first} arrived first`;
    throw new BrokenClaim('fifo', `CPU ${cpuId} gets the lock, and ${before}`);
  }
}

/** Notes when its CPU arrives at the lock. */
class ArrivingCpu extends WatchedLockCpu {
  readonly #word: Word;
  readonly #line: ArrivalLine;

  constructor(cpu: LockCpu, word: Word, line: ArrivalLine) {
    super(cpu);
    this.#word = word;
    this.#line = line;
  }

  override cmpxchg(word: Word, expected: number, value: number): number {
    const old = super.cmpxchg(word, expected, value);
    const newTail = value >>> Q_TAIL_SHIFT;
    const arrives = old === 0 || (newTail !== 0 && newTail !== old >>> Q_TAIL_SHIFT);
    if (word === this.#word && old === expected && arrives) this.#line.arrive(this.id);
    return old;
  }

  override fetchOr(word: Word, bits: number): number {
    const old = super.fetchOr(word, bits);
    if (word === this.#word && bits === Q_PENDING && (old & ~Q_LOCKED) === 0) this.#line.arrive(this.id);
    return old;
  }
}
