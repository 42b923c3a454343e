import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualEngine } from '../engine/virtual/engine.js';
import type { MemoryRegion, Refusal } from '../kvm/memory-region.js';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, type MemslotFields, readMemslot } from '../kvm/memslot.js';
import type { MemslotStructure } from '../kvm/memslot-sets.js';
import { Observer } from '../kvm/observer.js';
import { Arena } from '../memory/arena.js';
import { costsInNs, loadProfile } from './profile.js';
import { defaultMaxSlots, fitCalls, type ReplayOptions, replayScenario, replayStructures, runReplayVirtual } from './replay-regions.js';
import { issueCall, type RegionsCall, type ReplayWorld } from './replay-world.js';

const MIB = 2 ** 20;
const MAX_SLOTS = 16;
const PROFILE = loadProfile('xeon-8167m-2021');

/** A region of whole MiB; host memory follows the id. */
function mib(slot: number, at: number, size: number, flags = 0): MemoryRegion {
  return { slot, flags, guestPhysAddr: at * MIB, memorySize: size * MIB, userspaceAddr: slot * 64 * MIB };
}

function one(region: MemoryRegion): RegionsCall {
  return { kind: 'region', regions: [region] };
}

/** 1 at 0 to 4 MiB, 2 at 8 to 12 MiB, 3 at 12 to 16 MiB and logged, 4 read-only at 32 MiB. */
const SETUP: RegionsCall[] = [
  one(mib(1, 0, 4)),
  one(mib(2, 8, 4)),
  one(mib(3, 12, 4)),
  one(mib(3, 12, 4, KVM_MEM_LOG_DIRTY_PAGES)),
  one(mib(4, 32, 1, KVM_MEM_READONLY)),
];

const change = (...regions: MemoryRegion[]): RegionsCall => ({ kind: 'change', regions });
const set = (...regions: MemoryRegion[]): RegionsCall => ({ kind: 'set', regions });

const REFUSED: [string, RegionsCall, RegExp][] = [
  ['a create over another', one(mib(5, 10, 1)), /^EEXIST: memslot 5 overlaps memslot 2$/],
  ['a create over several', one(mib(5, 0, 64)), /^EEXIST: memslot 5 overlaps memslot 1$/],
  ['a move onto another', one(mib(1, 9, 4)), /^EEXIST: memslot 1 overlaps memslot 2$/],
  ['a delete of none', one(mib(5, 0, 0)), /^EINVAL: memslot 5 has memory_size 0, which deletes it, but there is none/],
  ['an unaligned size', one({ ...mib(5, 64, 1), memorySize: MIB + 1 }), /^EINVAL: memory_size of memslot 5 is no multiple of 4096$/],
  ['an unaligned guest address', one({ ...mib(5, 64, 1), guestPhysAddr: 64 * MIB + 2048 }), /^EINVAL: guest_phys_addr of memslot 5 is no multiple of 4096$/],
  ['an unaligned host address', one({ ...mib(5, 64, 1), userspaceAddr: 1 }), /^EINVAL: userspace_addr of memslot 5 is no multiple of 4096$/],
  ['an id out of range', one(mib(MAX_SLOTS, 64, 1)), /^EINVAL: memslot id 16 is out of range, expected 0 to 15$/],
  ['an id of another address space', one(mib(2 ** 16 + 1, 64, 1)), /^EINVAL: memslot id 65537 is out of range, .*address space 1: only 0 is simulated/],
  ['another size', one(mib(1, 0, 2)), /^EINVAL: memslot 1 cannot change its memory_size: current 1024 pages, asked for 512/],
  ['another host address', one({ ...mib(1, 0, 4), userspaceAddr: 0 }), /^EINVAL: memslot 1 cannot change its userspace_addr/],
  ['a write to the read-only flag', one(mib(4, 32, 1)), /^EINVAL: memslot 4 cannot change KVM_MEM_READONLY/],
  ['an unknown flag', one(mib(5, 64, 1, 4)), /^EINVAL: flags 4 of memslot 5 are unknown/],
  ['more pages than KVM takes', one({ ...mib(5, 0, 0), memorySize: 2 ** 43 }), /^EINVAL: memslot 5 has more than 2147483647 pages$/],
  ['a changeset that names a slot twice', change(mib(1, 0, 0), mib(1, 0, 4)), /^EINVAL: memslot 1 is named twice in one call/],
  ['a changeset whose last change is bad', change(mib(1, 0, 0), mib(5, 64, 1), mib(2, 8, 5)), /^EINVAL: memslot 2 cannot change its memory_size/],
  ['a changeset that overlaps what stays', change(mib(1, 0, 0), mib(5, 0, 9)), /^EEXIST: memslot 5 overlaps memslot 2$/],
  ['a changeset that overlaps itself', change(mib(5, 64, 4), mib(6, 66, 4)), /^EEXIST: memslot 6 overlaps memslot 5$/],
  ['a set that names a slot twice', set(mib(1, 0, 4), mib(1, 0, 4)), /^EINVAL: memslot 1 is named twice in one call/],
  ['a set that overlaps itself', set(mib(5, 0, 4), mib(6, 2, 4)), /^EEXIST: memslot 6 overlaps memslot 5$/],
  ['a set with too many slots', set(...Array.from({ length: 12 }, (_, index) => mib(5 + index, 64 + index, 1))), /^EINVAL: memslot id 16 is out of range/],
];

function optionsOf(memslots: MemslotStructure, changes: Partial<ReplayOptions> = {}): ReplayOptions {
  return { memslots, maxSlots: MAX_SLOTS, zapAll: true, keepGoing: false, ...changes };
}

/** A VM that has replayed `calls`, and a way to ask it for more. */
function vmAfter(calls: readonly RegionsCall[], memslots: MemslotStructure) {
  const worlds: ReplayWorld[] = [];
  const scenario = replayScenario(calls, optionsOf(memslots), worlds);
  const arena = Arena.ofWords(scenario.arenaWords);
  const engine = new VirtualEngine(arena, 1, { topology: PROFILE.topology, smt: PROFILE.smt, costNs: costsInNs(PROFILE), seed: 1 });
  const world = scenario.build(arena, engine.locks, true) as ReplayWorld;
  for (const phase of world.phases) engine.runGang([{ cpu: engine.cpus[1], path: phase.path(engine.cpus[1]) }]);
  const issue = (call: RegionsCall): Refusal | null => {
    let refusal: Refusal | null = null;
    const path = function* () {
      refusal = yield* issueCall(world.kvm, engine.cpus[1], call);
    };
    engine.runGang([{ cpu: engine.cpus[1], path: path() }]);
    return refusal;
  };
  return { world, issue };
}

/** Everything that a refused ioctl might have changed. */
function stateOf({ kvm }: ReplayWorld): unknown {
  const { memslots, words } = kvm;
  const cpu = new Observer(words);
  const all: MemslotFields[] = [];
  memslots.forEach(cpu, (slot) => all.push(readMemslot(words, slot)));
  const sums = [memslots.count(cpu), memslots.totalPages(cpu), memslots.generation(cpu), words[kvm.dirtyLoggingCount], words[kvm.maxMmuPages]];
  return { all: all.sort((a, b) => a.id - b.id), sums, footprint: memslots.footprint() };
}

for (const structure of replayStructures()) {
  for (const [what, call, reason] of REFUSED) {
    test(`${structure}: ${what} is refused and changes nothing`, () => {
      const { world, issue } = vmAfter(SETUP, structure);
      const before = stateOf(world);
      const refusal = issue(call);
      assert.match(refusal?.message ?? 'done', reason);
      assert.deepEqual(stateOf(world), before);
      world.check();
      assert.equal(issue(one(mib(1, 0, 4, KVM_MEM_LOG_DIRTY_PAGES))), null);
      assert.notDeepEqual(stateOf(world), before);
    });
  }
}

test('each ioctl is named for what it does, on each structure', () => {
  const calls = [
    ...SETUP,
    one(mib(1, 0, 4)),
    one(mib(1, 64, 4)),
    one(mib(2, 0, 0)),
    change(mib(1, 0, 0), mib(5, 64, 4)),
    set(mib(5, 64, 4), mib(6, 0, 1, KVM_MEM_LOG_DIRTY_PAGES)),
  ];
  const kinds = ['create', 'create', 'create', 'flags', 'create', 'none', 'move', 'delete', 'batch', 'batch'];
  for (const structure of replayStructures()) {
    const { ioctls, memslotCount, totalNs, gracePeriods } = runReplayVirtual(calls, optionsOf(structure), { profile: PROFILE, seed: 1 });
    assert.deepEqual(
      ioctls.map(({ kind }) => kind),
      kinds,
    );
    assert.equal(memslotCount, 2);
    // Creates and flags one, deletes and moves two, and so both batches, which delete.
    assert.equal(gracePeriods, 5 + 2 + 2 + 2 + 2);
    assert.ok(Math.abs(totalNs - ioctls.reduce((sum, { ns }) => sum + ns, 0)) <= ioctls.length);
  }
});

test('a refusal ends the replay, unless it is to go on', () => {
  const calls = [one(mib(1, 0, 4)), one(mib(2, 2, 4)), one(mib(2, 4, 4))];
  for (const structure of replayStructures()) {
    const run = { profile: PROFILE, seed: 1 };
    const kinds = (keepGoing: boolean) => runReplayVirtual(calls, optionsOf(structure, { keepGoing }), run).ioctls.map(({ kind }) => kind);
    assert.deepEqual(kinds(false), ['create', 'refused']);
    assert.deepEqual(kinds(true), ['create', 'refused', 'create']);
  }
});

test('logging is counted through create, move and delete', () => {
  const logged = KVM_MEM_LOG_DIRTY_PAGES;
  const on = [one(mib(1, 0, 4, logged)), one(mib(2, 8, 4)), one(mib(2, 16, 4, logged))];
  const off = [one(mib(2, 8, 4)), one(mib(1, 0, 0))];
  const counts = [on, [...on, ...off]].map((calls) => vmAfter(calls, 'tree').world.kvm).map((kvm) => kvm.words[kvm.dirtyLoggingCount]);
  assert.deepEqual(counts, [2, 0]);
});

test('memory is plugged and unplugged a thousand times without running out of rmaps', () => {
  const cycle = [one(mib(1, 0, 512)), one(mib(1, 1024, 512)), one(mib(1, 0, 0))];
  const calls = Array.from({ length: 1000 }, () => cycle).flat();
  const { ioctls, memslotCount } = runReplayVirtual(calls, optionsOf('tree'), { profile: PROFILE, seed: 1 });
  assert.deepEqual([ioctls.length, memslotCount, ioctls.filter(({ refusal }) => refusal !== null)], [3000, 0, []]);
});

test('the same calls take the same time, and a dearer grace period takes longer', () => {
  const replay = (ns: number) => {
    const profile = { ...PROFILE, costs: { ...PROFILE.costs, srcu_grace_period: { ns, source: 'test' } } };
    return runReplayVirtual(SETUP, optionsOf('tree'), { profile, seed: 1 });
  };
  assert.deepEqual(replay(1000), replay(1000));
  assert.equal(replay(2000).totalNs - replay(1000).totalNs, SETUP.length * 1000);
});

test('defaultMaxSlots is 509 for an array until a greater id is named', () => {
  assert.deepEqual(
    replayStructures().map((structure) => defaultMaxSlots(structure, SETUP)),
    replayStructures().map((structure) => (structure.startsWith('array') ? 509 : 32_764)),
  );
  assert.equal(defaultMaxSlots('array', [one(mib(509, 0, 1))]), 32_764);
});

test("fitCalls makes a real VMM's addresses fit and passes limits on", () => {
  const far = { ...mib(1, 0, 4), guestPhysAddr: 2 ** 45, userspaceAddr: 0x7f00_0000_0000 };
  const calls = fitCalls([one(far), change({ ...far, memorySize: 0 })]);
  assert.ok(Array.isArray(calls));
  const { ioctls } = runReplayVirtual(calls, optionsOf('tree'), { profile: PROFILE, seed: 1 });
  assert.deepEqual(
    ioctls.map(({ kind }) => kind),
    ['create', 'batch'],
  );
  assert.deepEqual(fitCalls([one({ ...far, memorySize: 2 ** 40 })]), { kind: 'guest', bytes: 2 ** 40, limitBytes: 2 ** 36 });
});
