import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Cpu } from '../engine/cpu.js';
import { Prng } from '../prng.js';
import type { Kvm } from './kvm.js';
import { firstMemslot } from './kvm.kit.js';
import { gfnToRmap } from './memslots.js';
import { slotRange } from './mmu.js';
import type { KvmPlant } from './plants.js';
import { LocklessRmapWalk, NULLS_EXT, nullsRmaps } from './rmap-nulls.js';
import { MigratedVm } from './write-protect.kit.js';

/** A VM whose rmaps nobody uses, and the heads of two of them. */
function lists(plant?: KvmPlant): { kvm: Kvm; cpu: Cpu; heads: number[] } {
  const { kvm, engine } = new MigratedVm({ config: { writeProtect: 'lockless', ...(plant === undefined ? {} : { plant }) } });
  const memslot = firstMemslot(kvm);
  const first = gfnToRmap(kvm.words, memslot, slotRange(kvm, memslot).start, 1);
  return { kvm, cpu: engine.cpus[0], heads: [first, first + 1] };
}

/** All that a walk sees beside nobody. */
function walkAll(kvm: Kvm, cpu: Cpu, head: number): number[] {
  const walk = new LocklessRmapWalk(kvm);
  const seen: number[] = [];
  for (walk.begin(head); walk.at !== 0; ) {
    walk.read(cpu);
    if (walk.sptep !== 0) seen.push(walk.sptep);
  }
  return seen;
}

/** Adds and removes at random, on two lists that share their descriptors, and never removes the sptes that `stay` names. */
class Writers {
  readonly #at: ReturnType<typeof lists>;
  readonly #prng: Prng;
  readonly #members: Set<number>[] = [new Set(), new Set()];
  readonly #stay: ReadonlySet<number>;

  constructor(at: ReturnType<typeof lists>, seed: number, stay: ReadonlySet<number>) {
    this.#at = at;
    this.#prng = new Prng(seed);
    this.#stay = stay;
  }

  change(): void {
    const { kvm, cpu, heads } = this.#at;
    const list = this.#prng.below(2);
    const members = this.#members[list];
    const sptep = 1000 + 100 * list + this.#prng.below(7);
    if (!members.has(sptep)) nullsRmaps.add(kvm, cpu, heads[list], sptep);
    else if (!this.#stay.has(sptep)) nullsRmaps.remove(kvm, cpu, heads[list], sptep);
    else return;
    if (!members.delete(sptep)) members.add(sptep);
  }

  /** Sptes on the first list that stay there. */
  get staying(): number[] {
    return [...this.#members[0]].filter((sptep) => this.#stay.has(sptep));
  }
}

/** Walks the first list while it changes between any two reads. Returns how many sptes that stayed on it were missed. */
function missedBesideWriters(seeds: number, plant?: KvmPlant): { missed: number; restarts: number } {
  let missed = 0;
  let restarts = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const at = lists(plant);
    const prng = new Prng(seed);
    const writers = new Writers(at, seed, new Set([1000, 1003, 1006]));
    for (let i = 0; i < 30; i++) writers.change();
    for (let round = 0; round < 20; round++) {
      const staying = writers.staying;
      const seen = new Set<number>();
      const walk = new LocklessRmapWalk(at.kvm);
      for (walk.begin(at.heads[0]); walk.at !== 0; ) {
        for (let changes = prng.below(4) === 0 ? prng.below(25) : 0; changes > 0; changes--) writers.change();
        walk.read(at.cpu);
        seen.add(walk.sptep);
      }
      missed += staying.filter((sptep) => !seen.has(sptep)).length;
    }
    restarts += at.cpu.counters.rmapWalksRestarted;
  }
  return { missed, restarts };
}

describe('an rmap with nulls markers', () => {
  it('holds what a list holds, whatever is added and removed', () => {
    const { kvm, cpu, heads } = lists();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(19)), { maxLength: 120 }), (steps) => {
        const oracle = new Set<number>();
        const [head] = heads;
        for (const [add, n] of steps) {
          const sptep = 1000 + n;
          if (add && !oracle.has(sptep)) {
            const needed = nullsRmaps.needsDesc(kvm, cpu, head);
            const before = cpu.counters.rmapDescsAllocated;
            nullsRmaps.add(kvm, cpu, head, sptep);
            assert.equal(cpu.counters.rmapDescsAllocated - before, needed ? 1 : 0);
            oracle.add(sptep);
          } else if (!add && oracle.delete(sptep)) nullsRmaps.remove(kvm, cpu, head, sptep);
          assert.equal(nullsRmaps.count(kvm, cpu, head), oracle.size);
        }
        const listed = Array.from({ length: oracle.size }, (_, i) => nullsRmaps.get(kvm, cpu, head, i));
        assert.deepEqual(new Set(listed), oracle);
        assert.equal(nullsRmaps.get(kvm, cpu, head, oracle.size), 0);
        assert.deepEqual(walkAll(kvm, cpu, head).sort(), [...oracle].sort());
        for (const sptep of oracle) nullsRmaps.remove(kvm, cpu, head, sptep);
        assert.equal(kvm.words[head], 0);
      }),
      { numRuns: 100 },
    );
  });

  it('fills a hole from the first descriptor, and shows nothing twice or not at all when nobody else is there', () => {
    const { kvm, cpu, heads } = lists();
    const sptes = Array.from({ length: 2 * NULLS_EXT + 1 }, (_, n) => 1001 + n);
    for (const sptep of sptes) nullsRmaps.add(kvm, cpu, heads[0], sptep);
    const [newest] = walkAll(kvm, cpu, heads[0]);
    assert.equal(newest, sptes[sptes.length - 1]);
    nullsRmaps.remove(kvm, cpu, heads[0], sptes[0]);
    const seen = walkAll(kvm, cpu, heads[0]);
    assert.equal(seen[seen.length - 1], newest); // from the first place to the hole, which is the last
    assert.deepEqual([...seen].sort(), sptes.slice(1));
  });

  it('fails loudly when asked to remove what is not there', () => {
    const { kvm, cpu, heads } = lists();
    assert.throws(() => nullsRmaps.remove(kvm, cpu, heads[0], 1234), /not on its rmap/);
    nullsRmaps.add(kvm, cpu, heads[0], 1000);
    nullsRmaps.add(kvm, cpu, heads[0], 1001);
    assert.throws(() => nullsRmaps.remove(kvm, cpu, heads[0], 1234), /not on its rmap/);
  });

  it('shows a walk without mmu_lock all that stays on it, whatever comes, goes and reuses descriptors meanwhile', () => {
    const { missed, restarts } = missedBesideWriters(150);
    assert.equal(missed, 0);
    assert.ok(restarts > 0, 'no walk ever met a reused descriptor');
  });

  for (const plant of ['backward-move', 'walk-upward', 'no-nulls-check'] as const) {
    it(`hides some of it with the planted bug "${plant}"`, () => {
      assert.ok(missedBesideWriters(150, plant).missed > 0);
    });
  }
});
