// The conformance kit of the memslot structures: whatever is created, deleted, moved, reflagged or given up, alone or several at
// once, readers see what a plain list says, in every window of an update.
//
// A reader that began before a publish is a CPU that goes on reading the old active word: until the grace period ends it must find
// the old memslots, by every lookup. Sequences run twice over: fast-check commands, which shrink by themselves, and many more seeded
// sequences, of which a failing one is cut down by leaving out updates and changes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Arena } from '../memory/arena.js';
import { Prng } from '../prng.js';
import { type Memslot, type MemslotFields, readMemslot } from './memslot.js';
import { KitCpu } from './memslot-cpu.kit.js';
import { expectApprox, expectById, expectExact, expectInHvas, expectMemslot, expectOverlaps, expectTotals, lookUp } from './memslot-expect.kit.js';
import { MemslotOracle, ORACLE_IDS, Query, type RawChange, type RawUpdate, randomUpdate } from './memslot-oracle.kit.js';
import type { MemslotChange, MemslotSets, MemslotSetsConfig } from './memslot-sets.js';
import type { MemslotStructureKind } from './memslot-structures.js';

/** Seeded sequences for each structure, half of them for each kind of last-used cache. */
const SEQUENCES = 100_000;
const UPDATES_MAX = 8;
const FAST_CHECK_RUNS = 2_000;

/** A structure and the oracle beside it. */
class World {
  readonly sets: MemslotSets;
  /** The updater, two CPUs that read what is published, and one that began to read earlier. */
  readonly updater: KitCpu;
  readonly readers: readonly KitCpu[];
  readonly stale: KitCpu;
  oracle = new MemslotOracle([]);
  readonly #words: Int32Array;

  constructor(kind: MemslotStructureKind, lastUsed: MemslotSetsConfig['lastUsed']) {
    const config: MemslotSetsConfig = { capacity: ORACLE_IDS, cpuCount: 4, lastUsed };
    const arena = Arena.ofWords(kind.arenaWords(config));
    this.#words = arena.words;
    this.sets = kind.create(arena, config);
    this.updater = new KitCpu(arena.words, 0);
    this.readers = [new KitCpu(arena.words, 1), new KitCpu(arena.words, 2)];
    this.stale = new KitCpu(arena.words, 3);
  }

  /** Words that are all zero are a structure without memslots. */
  clear(): void {
    this.#words.fill(0);
    this.oracle = new MemslotOracle([]);
  }

  load(raw: RawUpdate): void {
    const memslots = this.oracle.plan(raw).map(({ memslot }) => memslot);
    this.sets.load(memslots);
    this.oracle = new MemslotOracle(memslots);
  }

  /** One update as KVM makes it, with lookups in each of its windows. */
  update(raw: RawUpdate): void {
    const { sets, updater, oracle } = this;
    const changes = oracle.plan(raw);
    const query = new Query(raw.querySeed);
    const invalid = changes.filter(({ kind }) => kind === 'delete' || kind === 'move').map(({ memslot }) => memslot.id);
    let visible = oracle;
    let next = oracle.after(changes);
    sets.begin(updater);
    this.look(visible, query);
    if (invalid.length > 0) {
      for (const id of invalid) sets.stageInvalid(updater, id);
      this.look(visible, query);
      visible = oracle.withInvalid(invalid);
      this.#publish(oracle, visible, query);
      if (raw.giveUp) next = oracle;
    }
    if (next !== oracle) this.#stage(changes, visible, query);
    this.#publish(visible, next, query, next === oracle ? [] : changes);
    sets.finish(updater);
    this.oracle = next;
    this.look(next, query);
    sets.checkInvariants();
  }

  #stage(changes: readonly MemslotChange[], visible: MemslotOracle, query: Query): void {
    const { sets, updater } = this;
    for (const change of changes) {
      sets.stage(updater, change);
      if (sets.hvaInPlace && change.kind === 'create') sets.editHva(updater, change);
    }
    this.look(visible, query);
  }

  /** Publish, the grace period, settle. Who read before must find nothing changed until the settle. */
  #publish(before: MemslotOracle, after: MemslotOracle, query: Query, changes: readonly MemslotChange[] = []): void {
    const { sets, updater, stale } = this;
    const generation = sets.generation(updater);
    const held = this.#hold();
    stale.pin(sets);
    sets.publish(updater);
    if (sets.generation(updater) === generation) assert.fail('a publish makes another generation');
    this.look(after, query);
    lookUp(sets, stale, before, { query, byHva: true });
    if (sets.hvaInPlace) for (const change of changes) if (change.kind === 'delete') sets.editHva(updater, change);
    lookUp(sets, stale, before, { query, byHva: !sets.hvaInPlace });
    for (const { slot, fields } of held) expectMemslot(sets, this.#words, slot, fields);
    sets.settle(updater);
    this.look(after, query);
  }

  /** Every memslot as a reader holds it now. */
  #hold(): { slot: Memslot; fields: MemslotFields }[] {
    const held: { slot: Memslot; fields: MemslotFields }[] = [];
    const hold = (slot: Memslot) => {
      held.push({ slot, fields: readMemslot(this.#words, slot) });
    };
    this.sets.forEach(this.readers[0], hold);
    return held;
  }

  /** A lookup of one of the readers. */
  look(oracle: MemslotOracle, query: Query): void {
    lookUp(this.sets, this.readers[query.kind(2)], oracle, { query, byHva: true });
  }

  /** Every lookup of everything that there is to look for. */
  lookEverywhere(): void {
    const { sets, oracle } = this;
    const reader = this.readers[0];
    for (let gfn = 0; gfn < 64; gfn++) {
      expectExact(sets, reader, oracle, gfn);
      expectApprox(sets, reader, oracle, gfn);
      expectInHvas(sets, reader, oracle, { first: gfn, last: gfn });
      expectOverlaps(sets, reader, oracle, { span: { baseGfn: gfn, npages: 3 }, exceptId: gfn % ORACLE_IDS });
    }
    for (let id = 0; id < ORACLE_IDS; id++) expectById(sets, reader, oracle, id);
    expectTotals(sets, reader, oracle);
  }
}

/** A sequence of updates over a structure that is empty, or loaded with what the first one creates. */
interface Sequence {
  loaded: boolean;
  updates: RawUpdate[];
}

function randomSequence(seed: number): Sequence {
  const prng = new Prng(seed);
  const updates: RawUpdate[] = [];
  const loaded = prng.below(2) === 1;
  if (loaded) updates.push(randomCreation(prng));
  for (let count = 4 + prng.below(UPDATES_MAX - 3); count > 0; count--) updates.push(randomUpdate(prng));
  return { loaded, updates };
}

/** A dozen memslots or so. */
function randomCreation(prng: Prng): RawUpdate {
  const changes: RawChange[] = [];
  for (let id = 0; id < ORACLE_IDS; id++) changes.push({ kind: 3, id, gfn: prng.next() & 1023, npages: prng.below(3), hva: prng.next() & 1023 });
  return { changes, giveUp: false, querySeed: 0 };
}

/** The error that the sequence ends in, or null. */
function failure(kind: MemslotStructureKind, lastUsed: MemslotSetsConfig['lastUsed'], sequence: Sequence): Error | null {
  try {
    runSequence(new World(kind, lastUsed), sequence);
  } catch (error) {
    return error as Error;
  }
  return null;
}

function runSequence(world: World, sequence: Sequence): void {
  for (const [index, update] of sequence.updates.entries()) {
    if (sequence.loaded && index === 0) world.load(update);
    else world.update(update);
  }
}

/** Leaves out whatever is not needed for `fails`, until nothing more can be left out. */
function shrink(sequence: Sequence, fails: (smaller: Sequence) => boolean): Sequence {
  for (const smaller of smallerSequences(sequence)) if (fails(smaller)) return shrink(smaller, fails);
  return sequence;
}

function* smallerSequences({ loaded, updates }: Sequence): Generator<Sequence> {
  for (let at = loaded ? 1 : 0; at < updates.length; at++) yield { loaded, updates: updates.toSpliced(at, 1) };
  if (loaded) yield { loaded: false, updates };
  for (const [at, update] of updates.entries()) {
    for (let change = 0; change < update.changes.length; change++) {
      yield { loaded, updates: updates.with(at, { ...update, changes: update.changes.toSpliced(change, 1) }) };
    }
    if (update.giveUp) yield { loaded, updates: updates.with(at, { ...update, giveUp: false }) };
  }
}

function reportShrunk(kind: MemslotStructureKind, lastUsed: MemslotSetsConfig['lastUsed'], seed: number): never {
  const sequence = shrink(randomSequence(seed), (smaller) => failure(kind, lastUsed, smaller) !== null);
  const error = failure(kind, lastUsed, sequence);
  throw new Error(`sequence ${seed}, last used ${lastUsed}, shrunk to ${JSON.stringify(sequence)}: ${error?.message}`, { cause: error });
}

function runManySequences(kind: MemslotStructureKind, lastUsed: MemslotSetsConfig['lastUsed'], seeds: { first: number; count: number }): void {
  const world = new World(kind, lastUsed);
  for (let seed = seeds.first; seed < seeds.first + seeds.count; seed++) {
    world.clear();
    try {
      runSequence(world, randomSequence(seed));
      if (seed % 16 === 0) world.lookEverywhere();
    } catch {
      reportShrunk(kind, lastUsed, seed);
    }
  }
}

class UpdateCommand implements fc.Command<object, World> {
  readonly #raw: RawUpdate;

  constructor(raw: RawUpdate) {
    this.#raw = raw;
  }

  check(): boolean {
    return true;
  }

  run(_model: object, world: World): void {
    world.update(this.#raw);
  }

  toString(): string {
    return `update(${JSON.stringify(this.#raw)})`;
  }
}

class LookEverywhereCommand implements fc.Command<object, World> {
  check(): boolean {
    return true;
  }

  run(_model: object, world: World): void {
    world.lookEverywhere();
  }

  toString(): string {
    return 'look everywhere';
  }
}

const rawChange = fc.record({ kind: fc.nat(15), id: fc.nat(ORACLE_IDS - 1), gfn: fc.nat(1023), npages: fc.nat(255), hva: fc.nat(1023) });
const rawUpdate = fc.record({ changes: fc.array(rawChange, { minLength: 1, maxLength: 5 }), giveUp: fc.boolean(), querySeed: fc.nat() });

function runCommands(kind: MemslotStructureKind): void {
  const commands = fc.commands([rawUpdate.map((raw) => new UpdateCommand(raw)), fc.constant(new LookEverywhereCommand())], { maxCommands: 24 });
  fc.assert(
    fc.property(fc.constantFrom('shared' as const, 'vcpu' as const), commands, (lastUsed, sequence) => {
      fc.modelRun(() => ({ model: {}, real: new World(kind, lastUsed) }), sequence);
    }),
    { numRuns: FAST_CHECK_RUNS },
  );
}

/** Runs the kit on one structure. */
export function memslotSetsKit(name: string, kind: MemslotStructureKind): void {
  describe(`memslots "${name}"`, () => {
    it('show readers what a plain list shows, in every window of any updates (fast-check commands)', () => runCommands(kind));

    it(`do so in ${SEQUENCES} seeded sequences, a failing one of which is shrunk`, () => {
      runManySequences(kind, 'shared', { first: 1, count: SEQUENCES / 2 });
      runManySequences(kind, 'vcpu', { first: 1 + SEQUENCES / 2, count: SEQUENCES / 2 });
    });

    it('are the same after a load as after creating one by one', () => {
      const prng = new Prng(7);
      const [loaded, created] = [new World(kind, 'shared'), new World(kind, 'shared')];
      const raw = randomCreation(prng);
      loaded.load(raw);
      for (const change of raw.changes) created.update({ changes: [change], giveUp: false, querySeed: 1 });
      assert.deepEqual(loaded.oracle, created.oracle);
      assert.equal(loaded.sets.generation(loaded.updater), loaded.oracle.all.length);
      assert.deepEqual(loaded.sets.footprint(), created.sets.footprint());
      for (const world of [loaded, created]) {
        world.lookEverywhere();
        world.sets.checkInvariants();
        for (let round = 0; round < 20; round++) world.update(randomUpdate(prng));
      }
    });

    it('charge a load nothing, and lookups and updates something', () => {
      const world = new World(kind, 'shared');
      world.load(randomCreation(new Prng(3)));
      assert.equal(world.updater.spent, 0);
      world.sets.gfnToMemslot(world.readers[0], 20);
      const looked = world.readers[0].spent;
      assert.ok(looked > 0);
      world.update({ changes: [{ kind: 3, id: world.oracle.all[0].id, gfn: 0, npages: 0, hva: 0 }], giveUp: false, querySeed: 0 });
      assert.ok(world.updater.spent > 0);
    });

    it('take more memory with memslots than without', () => {
      const world = new World(kind, 'shared');
      const empty = world.sets.footprint();
      assert.equal(empty.totalBytes, empty.emptyBytes);
      world.load(randomCreation(new Prng(3)));
      const full = world.sets.footprint();
      assert.equal(full.emptyBytes, empty.emptyBytes);
      assert.ok(full.totalBytes > empty.totalBytes);
    });
  });
}
