// Locks of the virtual engine: queues in virtual time, with the cache-line traffic of the real ones.
//
// A hand-off costs the transfer of the lock word to the next holder, and one more for each CPU that polls the same word: at most two
// for a queued lock (the pending waiter and the head of the MCS queue), every waiter for a ticket lock. A sleeping lock costs a wakeup.
// What the lock protects is charged by the path that touches it.

import { assert } from '../../assert.js';
import type { AtomicLine, Cpu, LockFactory, Mutex, RwLock, SpinLock, SpinLockKind, Suspend } from '../cpu.js';
import { LockStats } from '../lock-stats.js';
import { LineServer } from './line-server.js';
import type { OperationTarget, VirtualCpu } from './virtual-cpu.js';

const ACQUIRE_READ = 1;
const ACQUIRE_WRITE = 2;
const RELEASE_READ = 3;
const RELEASE_WRITE = 4;
const MODIFY = 9;

const NOBODY = -1;

const QUEUED_POLLERS = 2;

/** FIFO of waiting CPUs: a ring of their numbers, one place per CPU. */
class WaitQueue {
  size = 0;
  readonly #ids: Int32Array;
  #head = 0;

  constructor(capacity: number) {
    this.#ids = new Int32Array(capacity);
  }

  push(id: number): void {
    let at = this.#head + this.size++;
    if (at >= this.#ids.length) at -= this.#ids.length;
    this.#ids[at] = id;
  }

  peek(distance: number): number {
    let at = this.#head + distance;
    if (at >= this.#ids.length) at -= this.#ids.length;
    return this.#ids[at];
  }

  shift(): number {
    const id = this.#ids[this.#head];
    this.#head = this.#head + 1 === this.#ids.length ? 0 : this.#head + 1;
    this.size--;
    return id;
  }
}

/** How a CPU came by the lock it holds, until it is released. */
class Tenure {
  site = 0;
  waitPs = 0;
  contended = false;
  since = 0;
  held = false;
}

/** What the locks share: a FIFO, one writer or many readers, statistics, and the line of the lock word as a server. */
class VirtualLock implements OperationTarget {
  readonly name: string;
  readonly stats: LockStats;
  /** CPUs whose polling slows a hand-off. */
  readonly #pollers: number;
  readonly #sleeps: boolean;
  /** What the holder goes on to read stands on the lock's own line. */
  readonly #readsBeside: boolean;
  readonly #queue: WaitQueue;
  readonly #writerTenure = new Tenure();
  /** By CPU; made when it first holds the lock for reading. */
  readonly #readerTenures: (Tenure | undefined)[];
  /** Number of the CPU that holds the lock for writing, NOBODY for none. */
  #writer = NOBODY;
  #readers = 0;
  readonly #word = new LineServer();

  constructor(name: string, parts: { cpuCount: number; pollers: number; sleeps: boolean; readsBeside?: boolean; stats: LockStats }) {
    this.name = name;
    this.stats = parts.stats;
    this.#readsBeside = parts.readsBeside ?? false;
    this.#pollers = parts.pollers;
    this.#sleeps = parts.sleeps;
    this.#queue = new WaitQueue(parts.cpuCount);
    this.#readerTenures = new Array<Tenure | undefined>(parts.cpuCount).fill(undefined);
  }

  request(cpu: VirtualCpu, operation: number, site: number): Suspend {
    cpu.pendingSite = site;
    return cpu.request(operation, this);
  }

  release(cpu: VirtualCpu, operation: number): Suspend {
    cpu.assertRunning();
    if (operation === RELEASE_WRITE) this.assertWriter(cpu);
    else this.assertReader(cpu);
    return cpu.request(operation, this);
  }

  perform(cpu: VirtualCpu): boolean {
    const operation = cpu.pendingOperation;
    if (operation <= ACQUIRE_WRITE) return this.#acquire(cpu, operation === ACQUIRE_WRITE);
    if (operation === RELEASE_WRITE) this.#releaseWrite(cpu);
    else this.#releaseRead(cpu);
    return true;
  }

  #acquire(cpu: VirtualCpu, write: boolean): boolean {
    cpu.waitsSince = cpu.time;
    if (this.#writer !== NOBODY || this.#queue.size > 0 || (write && this.#readers > 0)) {
      if (this.#writer === cpu.id || this.#holdsForReading(cpu)) assert(false, `CPU ${cpu.id} waits for "${this.name}", which it holds`);
      this.#queue.push(cpu.id);
      return false;
    }
    const { owner } = this.#word;
    const othersWait = this.#word.freeAt > cpu.time;
    this.#word.modify(cpu);
    if (othersWait && this.#readsBeside) this.#takeWordBack(cpu, owner);
    this.#grant(cpu, write, false);
    return true;
  }

  /** Others wait for the line: it is gone before the next word on it is read, and comes back from as far. */
  #takeWordBack(cpu: VirtualCpu, from: number): void {
    this.#word.hold(cpu, cpu.time + cpu.lines.transfer(from, cpu.id));
  }

  #grant(cpu: VirtualCpu, write: boolean, contended: boolean): void {
    const tenure = write ? this.#writerTenure : this.#readerTenure(cpu);
    const now = cpu.time;
    tenure.site = cpu.pendingSite;
    tenure.waitPs = now - cpu.waitsSince;
    tenure.contended = contended;
    tenure.since = now;
    if (write) this.#writer = cpu.id;
    else {
      this.#readers++;
      tenure.held = true;
    }
  }

  #readerTenure(cpu: VirtualCpu): Tenure {
    const known = this.#readerTenures[cpu.id];
    if (known !== undefined) return known;
    const tenure = new Tenure();
    this.#readerTenures[cpu.id] = tenure;
    return tenure;
  }

  #holdsForReading(cpu: Cpu): boolean {
    return this.#readerTenures[cpu.id]?.held === true;
  }

  #end(tenure: Tenure, now: number): void {
    this.stats.add(tenure.site, tenure.waitPs, now - tenure.since, tenure.contended);
  }

  #releaseWrite(cpu: VirtualCpu): void {
    this.#writer = NOBODY;
    this.#end(this.#writerTenure, cpu.time);
    this.#word.hold(cpu, cpu.time);
    if (this.#queue.size > 0) this.#grantWaiters(cpu.cpus, cpu.time);
  }

  #releaseRead(cpu: VirtualCpu): void {
    const tenure = this.#readerTenure(cpu);
    this.#end(tenure, cpu.time);
    tenure.held = false;
    this.#word.modify(cpu);
    this.#readers--;
    if (this.#queue.size > 0) this.#grantWaiters(cpu.cpus, cpu.time);
  }

  #grantWaiters(cpus: readonly VirtualCpu[], from: number): void {
    const queue = this.#queue;
    let time = from;
    do {
      const next = cpus[queue.peek(0)];
      const write = next.pendingOperation === ACQUIRE_WRITE;
      if (write && this.#readers > 0) return;
      queue.shift();
      time = this.#handOver(next, time);
      this.#grant(next, write, true);
      next.heap.push(time, next.id);
    } while (queue.size > 0 && this.#writer === NOBODY);
  }

  /** Moves the lock word to `next`, who then holds it. Returns when. */
  #handOver(next: VirtualCpu, from: number): number {
    let time = from;
    const { owner } = this.#word;
    if (owner !== NOBODY) time += next.lines.transfer(owner, next.id);
    const pollers = this.#queue.size < this.#pollers ? this.#queue.size : this.#pollers;
    for (let i = 0; i < pollers; i++) time += next.lines.transfer(next.id, this.#queue.peek(i));
    if (this.#sleeps) time += next.cost.mutex_wake + next.cost.wake_latency;
    this.#word.hold(next, time);
    return time;
  }

  /** True when the CPU is in the queue, for the report of a deadlock. */
  awaitedBy(cpuId: number): boolean {
    for (let i = 0; i < this.#queue.size; i++) if (this.#queue.peek(i) === cpuId) return true;
    return false;
  }

  /** CPUs in the queue (the lock kit asks). */
  get waiters(): number {
    return this.#queue.size;
  }

  isContended(): boolean {
    return this.#queue.size > 0;
  }

  assertWriter(cpu: Cpu): void {
    if (this.#writer !== cpu.id) assert(false, `CPU ${cpu.id} does not hold "${this.name}"`);
  }

  assertReader(cpu: Cpu): void {
    if (!this.#holdsForReading(cpu) && this.#writer !== cpu.id) assert(false, `CPU ${cpu.id} does not hold "${this.name}" for reading`);
  }
}

class VirtualRwLock extends VirtualLock implements RwLock {
  readLock(cpu: Cpu, site: number): Suspend {
    return this.request(cpu as VirtualCpu, ACQUIRE_READ, site);
  }
  readUnlock(cpu: Cpu): Suspend {
    return this.release(cpu as VirtualCpu, RELEASE_READ);
  }
  writeLock(cpu: Cpu, site: number): Suspend {
    return this.request(cpu as VirtualCpu, ACQUIRE_WRITE, site);
  }
  writeUnlock(cpu: Cpu): Suspend {
    return this.release(cpu as VirtualCpu, RELEASE_WRITE);
  }
  assertHeldForRead(cpu: Cpu): void {
    this.assertReader(cpu);
  }
  assertHeldForWrite(cpu: Cpu): void {
    this.assertWriter(cpu);
  }
}

class VirtualExclusiveLock extends VirtualLock implements SpinLock, Mutex {
  lock(cpu: Cpu, site: number): Suspend {
    return this.request(cpu as VirtualCpu, ACQUIRE_WRITE, site);
  }
  unlock(cpu: Cpu): Suspend {
    return this.release(cpu as VirtualCpu, RELEASE_WRITE);
  }
  assertHeld(cpu: Cpu): void {
    this.assertWriter(cpu);
  }
}

/** A word of its own that all CPUs change: a server without a queue to inspect. */
class VirtualAtomicLine implements AtomicLine, OperationTarget {
  readonly #line = new LineServer();

  modify(cpu: Cpu): Suspend {
    return (cpu as VirtualCpu).request(MODIFY, this);
  }

  perform(cpu: VirtualCpu): true {
    this.#line.modify(cpu);
    return true;
  }
}

export class VirtualLockFactory implements LockFactory {
  /** Statistics by class of locks. */
  readonly #stats = new Map<string, LockStats>();
  readonly #locks: VirtualLock[] = [];
  readonly #cpuCount: number;

  constructor(cpuCount: number) {
    this.#cpuCount = cpuCount;
  }

  /** One entry for each class, in the order of making. */
  get stats(): LockStats[] {
    return [...this.#stats.values()];
  }

  /** Name of the lock in whose queue the CPU is. */
  awaitedBy(cpuId: number): string | undefined {
    return this.#locks.find((lock) => lock.awaitedBy(cpuId))?.name;
  }

  spinLock(name: string, kind: SpinLockKind): SpinLock {
    const pollers = kind === 'ticket' ? this.#cpuCount : QUEUED_POLLERS;
    return this.#add(new VirtualExclusiveLock(name, { ...this.#parts(name), pollers, sleeps: false }));
  }

  rwLock(name: string): RwLock {
    return this.#add(new VirtualRwLock(name, { ...this.#parts(name), pollers: QUEUED_POLLERS, sleeps: false }));
  }

  mutex(name: string): Mutex {
    return this.#add(new VirtualExclusiveLock(name, { ...this.#parts(name), pollers: 0, sleeps: true }));
  }

  rwSem(name: string, readsBeside = false): RwLock {
    return this.#add(new VirtualRwLock(name, { ...this.#parts(name), pollers: 0, sleeps: true, readsBeside }));
  }

  atomicLine(): AtomicLine {
    return new VirtualAtomicLine();
  }

  #parts(name: string): { cpuCount: number; stats: LockStats } {
    const stats = this.#stats.get(name) ?? new LockStats(name);
    this.#stats.set(name, stats);
    return { cpuCount: this.#cpuCount, stats };
  }

  #add<T extends VirtualLock>(lock: T): T {
    this.#locks.push(lock);
    return lock;
  }
}
