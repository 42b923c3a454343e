// The fair reader-writer lock under test: CPUs that take turns in reading and writing.
//
// A writer waits from when it announces itself on the count word, which it does with the wait lock in hand, until it has the lock. What the kernel's
// lock promises: a reader that comes in between gets in after that writer. It promises no order between a fast path that finds
// the lock free of writers and those who are about to queue up.

import type { KernelPath, Word } from '../../engine/cpu.js';
import type { LockCpu } from '../../engine/lock-cpu.js';
import { QueueNodes, queueNodeWords } from '../../engine/queue-nodes.js';
import { QueuedRwlock, type QueuedRwlockPlant } from '../../engine/queued-rwlock.js';
import { LINE_WORDS } from '../../memory/arena.js';
import { GuardedWords, MUTUAL_EXCLUSION } from './guarded-words.js';
import { BrokenClaim, type Protocol, type ProtocolOptions, type ProtocolParts, type ProtocolRun } from './protocol.js';
import { WatchedLockCpu } from './watched-lock-cpu.js';

const CLAIMS = [
  { name: MUTUAL_EXCLUSION, claim: 'a writer is alone between lock and unlock' },
  { name: 'writer-first', claim: 'a reader that comes while a writer waits gets in after that writer' },
  { name: 'no-lost-hand-off', claim: 'who waits is let in (or the run ends in a deadlock), and both words are free once all have left' },
];

const PLANTS: Readonly<Record<QueuedRwlockPlant, string>> = {
  'reader-does-not-back-out': 'a reader that finds a writer leaves its unit in the count, and adds another when its turn comes',
  'reader-ignores-waiting': 'the fast path of a reader looks for a writer that holds, not for one that waits',
  'writer-ignores-readers': 'a waiting writer takes the lock while readers are inside',
  'waiting-bit-not-set': 'a waiting writer does not set the bit that holds new readers back',
  'no-wake': 'who lets go does not wake the CPU that sleeps on the count',
};

/** What each CPU does, by how many there are: `r` is to read, `w` to write. */
const TURNS: Readonly<Record<number, readonly string[]>> = { 2: ['wr', 'rw'], 3: ['w', 'r', 'w'] };

/** A qrwlock of the case; who waits looks once for a hand-over, since a look more has no other outcome. */
function layOut({ arena, cpus }: ProtocolParts, { plant }: ProtocolOptions): Case {
  const nodes = new QueueNodes(arena, cpus.length);
  const lock = new QueuedRwlock(arena, { name: 'lock', nodes, pendingLoops: 1, plant: plant as QueuedRwlockPlant | null });
  return { nodes, lock, guarded: new GuardedWords(arena) };
}

interface Case {
  nodes: QueueNodes;
  lock: QueuedRwlock;
  guarded: GuardedWords;
}

/** The protocol `qrwlock`. */
export const qrwlockProtocol: Protocol = {
  name: 'qrwlock',
  summary: 'The fair reader-writer lock: readers that back out, a waiting writer, and sleeping waiters',
  claims: CLAIMS,
  plants: Object.entries(PLANTS).map(([name, what]) => ({ name, what })),
  vcpus: { min: 2, max: 3, usual: 3, also: [2] },
  interruptible: [],
  actors: ({ vcpus }) => Array.from({ length: vcpus }, (_, id) => `cpu${id}`),
  arenaWords: ({ vcpus }) => queueNodeWords(vcpus) + 3 * LINE_WORDS,
  build: (parts, options) => new QrwlockRun(parts, layOut(parts, options)),
};

class QrwlockRun implements ProtocolRun {
  readonly #case: Case;
  readonly #cpus: readonly WriterWatch[];
  readonly #words: Int32Array;

  constructor(parts: ProtocolParts, laidOut: Case) {
    this.#case = laidOut;
    this.#words = parts.arena.words;
    const line = { head: null };
    this.#cpus = parts.cpus.map((cpu) => new WriterWatch(cpu, laidOut.lock.count, line));
  }

  paths(): KernelPath[] {
    return this.#cpus.map((cpu) => this.#path(cpu, TURNS[this.#cpus.length][cpu.id]));
  }

  *#path(cpu: WriterWatch, turns: string): KernelPath {
    const { lock, guarded } = this.#case;
    for (const turn of turns) {
      if (turn === 'w') {
        yield* lock.writeLock(cpu);
        yield* guarded.write(cpu);
        yield* lock.writeUnlock(cpu);
      } else {
        cpu.wantsToRead();
        yield* lock.readLock(cpu);
        cpu.gotReadLock();
        yield* guarded.read(cpu);
        yield* lock.readUnlock(cpu);
      }
    }
  }

  nameOf(word: Word): string | undefined {
    const { lock, guarded, nodes } = this.#case;
    if (word === lock.count) return 'count';
    if (word === lock.waitLock.word) return 'wait lock';
    return guarded.nameOf(word) ?? nodes.nameOf(word);
  }

  atEnd(): void {
    const { lock, guarded } = this.#case;
    guarded.expectCount(TURNS[this.#cpus.length].join('').replaceAll('r', '').length);
    for (const [name, word] of [['count', lock.count] as const, ['wait lock', lock.waitLock.word] as const]) {
      const value = this.#words[word] >>> 0;
      if (value !== 0) throw new BrokenClaim('no-lost-hand-off', `all CPUs have left and the ${name} is 0x${value.toString(16)}, expected 0`);
    }
  }
}

/** A writer that has announced itself. */
interface WaitingWriter {
  cpuId: number;
  served: boolean;
}

/** Notes when its CPU announces itself as a writer, and whom it finds waiting when it comes to read. */
class WriterWatch extends WatchedLockCpu {
  readonly #count: Word;
  /** Shared by all CPUs. */
  readonly #line: { head: WaitingWriter | null };
  #inFront: WaitingWriter | null = null;
  #looked = true;

  constructor(cpu: LockCpu, count: Word, line: { head: WaitingWriter | null }) {
    super(cpu);
    this.#count = count;
    this.#line = line;
  }

  wantsToRead(): void {
    this.#looked = false;
  }

  gotReadLock(): void {
    const writer = this.#inFront;
    this.#inFront = null;
    if (writer?.served === false)
      throw new BrokenClaim('writer-first', `CPU ${this.id} gets the read lock, and CPU ${writer.cpuId} waited to write when it came`);
  }

  override fetchAdd(word: Word, delta: number): number {
    if (word === this.#count && !this.#looked) {
      this.#looked = true;
      this.#inFront = this.#line.head;
    }
    return super.fetchAdd(word, delta);
  }

  override fetchOr(word: Word, bits: number): number {
    if (word === this.#count) this.#line.head = { cpuId: this.id, served: false };
    return super.fetchOr(word, bits);
  }

  override cmpxchg(word: Word, expected: number, value: number): number {
    const old = super.cmpxchg(word, expected, value);
    if (word === this.#count && old === expected) this.#serve();
    return old;
  }

  #serve(): void {
    const writer = this.#line.head;
    if (writer?.cpuId !== this.id) return;
    writer.served = true;
    this.#line.head = null;
  }
}
