// The lockless walk of a reverse map against a holder of mmu_lock that removes and adds entries, on this list and on another. Descriptors are reused at
// once, so the walker may find itself on the other list. The real functions run: sim/kvm/rmap-nulls.ts.

import type { Cpu, KernelPath, Word } from '../../engine/cpu.js';
import { Kvm, kvmArenaWords } from '../../kvm/kvm.js';
import { LockSite } from '../../kvm/lock-sites.js';
import { LocklessRmapWalk, NULLS_EXT, nullsRmaps } from '../../kvm/rmap-nulls.js';
import { loggedVmConfig } from './logged-vm.js';
import { plantsOf } from './plants-of.js';
import { BrokenClaim, type Protocol, type ProtocolOptions, type ProtocolParts, type ProtocolRun } from './protocol.js';

const PLAN = { slot: { id: 1, baseGfn: 8, npages: 1, hvaPage: 0 }, written: [], writes: [], others: () => [] };

/** What is on the walked list at first, oldest first, and on the other one. Any numbers do: nothing looks behind them. */
const ENTRIES = [1001, 1002, 1003, 1004];
const OTHERS = [2001];

/** What each of the others does, one after the other: with one, the walked list changes alone; with two, the second moves its descriptors elsewhere. */
const CHANGES: readonly ((lists: Lists) => void)[] = [
  ({ remove }) => remove(0, ENTRIES[0]),
  ({ remove, add }) => {
    remove(0, ENTRIES[3]);
    add(1, 2002);
    add(1, 2003);
  },
];

interface Lists {
  remove(list: number, entry: number): void;
  add(list: number, entry: number): void;
}

class RmapWalk implements ProtocolRun {
  readonly #kvm: Kvm;
  readonly #heads: readonly Word[];
  readonly #cpus: readonly Cpu[];
  readonly #changers: number;
  readonly #seen = new Set<number>();

  constructor(parts: ProtocolParts, options: ProtocolOptions, initialize: boolean) {
    this.#kvm = new Kvm(parts.arena, parts.locks, loggedVmConfig(options, PLAN), initialize);
    this.#heads = [parts.arena.carveLine('walked list'), parts.arena.carveLine('other list')];
    this.#cpus = parts.cpus;
    this.#changers = options.vcpus;
    if (!initialize) return;
    const lists = this.#listsOf(parts.cpus[0]);
    for (const entry of ENTRIES) lists.add(0, entry);
    for (const entry of OTHERS) lists.add(1, entry);
  }

  #listsOf(cpu: Cpu): Lists {
    const kvm = this.#kvm;
    return {
      remove: (list, entry) => nullsRmaps.remove(kvm, cpu, this.#heads[list], entry),
      add: (list, entry) => nullsRmaps.add(kvm, cpu, this.#heads[list], entry),
    };
  }

  paths(): KernelPath[] {
    const changers = CHANGES.slice(0, this.#changers).map((change, index) => this.#change(this.#cpus[index], change));
    return [...changers, this.#walk(this.#cpus[this.#changers])];
  }

  *#change(cpu: Cpu, change: (lists: Lists) => void): KernelPath {
    const { mmuLock } = this.#kvm;
    if (mmuLock.writeLock(cpu, LockSite.pageFault)) yield;
    change(this.#listsOf(cpu));
    if (mmuLock.writeUnlock(cpu)) yield;
  }

  *#walk(cpu: Cpu): KernelPath {
    const walk = new LocklessRmapWalk(this.#kvm);
    for (walk.begin(this.#heads[0]); walk.at !== 0; ) {
      if (cpu.touch(walk.at)) yield;
      walk.read(cpu);
      if (walk.sptep !== 0) this.#seen.add(walk.sptep);
    }
  }

  atEnd(): void {
    const [stay] = [ENTRIES.filter((entry) => !(entry === ENTRIES[0] || (this.#changers > 1 && entry === ENTRIES[3])))];
    for (const entry of stay) {
      if (!this.#seen.has(entry)) throw new BrokenClaim('seen', `the walk has not seen spte ${entry}, which was on the list all the time`);
    }
    const count = nullsRmaps.count(this.#kvm, this.#cpus[0], this.#heads[0]);
    if (count !== stay.length) throw new BrokenClaim('list', `${count} entries are on the list in the end, expected ${stay.length}`);
  }
}

/** A reverse map is walked while it changes. */
export const rmapWalk: Protocol = {
  name: 'rmap-walk',
  summary: `a reverse map (${NULLS_EXT} entries a descriptor) is walked without mmu_lock while its holder removes and adds entries`,
  claims: [
    { name: 'seen', claim: 'a walk sees each spte that is on the list from before it begins until it ends' },
    { name: 'list', claim: 'in the end the list holds what was put on it and not taken off' },
  ],
  plants: [...plantsOf('backward-move', 'walk-upward'), { ...plantsOf('no-nulls-check')[0], vcpus: 2 }],
  vcpus: { min: 1, max: 2, usual: 2 },
  interruptible: ['mmu_lock'],
  actors: ({ vcpus }) => [...Array.from({ length: vcpus }, (_, id) => `holder ${id}`), 'walker'],
  arenaWords: (options) => kvmArenaWords(loggedVmConfig(options, PLAN)) + 64,
  build: (parts, options, initialize) => new RmapWalk(parts, options, initialize),
};
