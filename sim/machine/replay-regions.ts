// Replays a VMM's own memory-region ioctls on one memslot structure in virtual time: how to lay the VM out, and what comes out of it.

import { kvmArenaWords } from '../kvm/kvm.js';
import { KVM_USER_MEM_SLOTS, MEMSLOT_STRUCTURES, type MemslotStructure } from '../kvm/memslot-sets.js';
import { memslotStructures } from '../kvm/memslot-structures.js';
import { archWords } from '../kvm/memslots.js';
import { MAX_PAYLOAD } from '../kvm/spte.js';
import { blockWords } from '../memory/heap.js';
import { PAGE_BYTES } from '../units.js';
import { bareKvmConfig } from './memslots-config.js';
import { DEFAULT_MEMSLOTS } from './memslots-options.js';
import { type AddressLimit, fitAddresses } from './replay-addresses.js';
import { type RegionsCall, type ReplayedIoctl, type ReplayPlan, ReplayWorld } from './replay-world.js';
import { runScenarioVirtual, type VirtualRun } from './run-virtual.js';
import type { Scenario } from './scenario.js';

export interface ReplayOptions {
  memslots: MemslotStructure;
  /** Ids of memslots are below it (KVM_USER_MEM_SLOTS of the kernel). */
  maxSlots: number;
  /** Deleting or moving a memslot drops all mappings of the guest. */
  zapAll: boolean;
  /** Go on after an ioctl that KVM refuses. */
  keepGoing: boolean;
}

export interface ReplayOutcome {
  /** In the order of the calls; fewer where a refusal ended the replay. */
  ioctls: ReplayedIoctl[];
  /** Of all ioctls together, refused ones included. */
  totalNs: number;
  /** At the end. */
  memslotCount: number;
  gracePeriods: number;
  /** Memory of the structure at the end, bytes: both sets, indices and records. */
  structureBytes: number;
}

/** KVM_USER_MEM_SLOTS of x86 before the tree. */
const ARRAY_SLOTS = 509;
/** Words for rmaps and bitmaps, at most: many times what all guest memory that is simulated needs. Untouched ones cost the host nothing. */
const MAX_ARCH_ROOM = 2 ** 28;
/** A guest that does not run has its roots alone. */
const TABLE_CAPACITY = 64;

/** The structures that can be replayed on, in the order in which they are listed. */
export function replayStructures(): MemslotStructure[] {
  return MEMSLOT_STRUCTURES.filter((name) => memslotStructures[name] !== undefined);
}

/** KVM_USER_MEM_SLOTS where nothing is said: 509 for an array as long as no greater id is named, else 32764. */
export function defaultMaxSlots(memslots: MemslotStructure, calls: readonly RegionsCall[]): number {
  const fits = calls.every(({ regions }) => regions.every(({ slot }) => slot < ARRAY_SLOTS));
  return fits && memslots.startsWith('array') ? ARRAY_SLOTS : KVM_USER_MEM_SLOTS;
}

/** A real VMM's calls with addresses that the simulated VM has, or which limit they exceed. */
export function fitCalls(calls: readonly RegionsCall[]): RegionsCall[] | AddressLimit {
  const fit = fitAddresses(calls.flatMap(({ regions }) => regions));
  return typeof fit === 'function' ? calls.map(({ kind, regions }) => ({ kind, regions: regions.map(fit) })) : fit;
}

/** Replays calls of `fitCalls` in virtual time. CPU-bound; throws when an invariant breaks. */
export function runReplayVirtual(calls: readonly RegionsCall[], options: ReplayOptions, run: VirtualRun): ReplayOutcome {
  const worlds: ReplayWorld[] = [];
  const { counters } = runScenarioVirtual(replayScenario(calls, options, worlds), run);
  const [{ kvm, ioctls, totalPs, memslotCount }] = worlds;
  const structureBytes = kvm.memslots.footprint().totalBytes;
  return { ioctls, totalNs: Math.round(totalPs / 1000), memslotCount, gracePeriods: counters.srcuGracePeriods, structureBytes };
}

/** The scenario of `runReplayVirtual`; each world that is built of it goes to `worlds`. @internal */
export function replayScenario(calls: readonly RegionsCall[], options: ReplayOptions, worlds: ReplayWorld[]): Scenario {
  const bare = bareKvmConfig({ ...options, vcpus: 1, mmu: DEFAULT_MEMSLOTS.mmu, lastUsed: DEFAULT_MEMSLOTS.lastUsed });
  const kvm = { ...bare, memslots: [], archRoom: archRoom(calls), tableCapacity: TABLE_CAPACITY };
  const plan: ReplayPlan = { calls, keepGoing: options.keepGoing, kvm };
  return {
    vcpuCount: 1,
    arenaWords: kvmArenaWords(kvm),
    build: (arena, locks, initialize) => {
      const world = new ReplayWorld(plan, { arena, locks, initialize });
      worlds.push(world);
      return world;
    },
  };
}

/** Words for the rmaps and bitmaps of every region that may be created or moved, as if nothing were ever freed. */
function archRoom(calls: readonly RegionsCall[]): number {
  let words = 0;
  let places = new Map<number, string>();
  for (const { kind, regions } of calls) {
    const before = places;
    if (kind === 'set') places = new Map();
    for (const { slot, guestPhysAddr, memorySize } of regions) {
      const pages = Math.ceil(memorySize / PAGE_BYTES);
      const place = `${guestPhysAddr} ${pages}`;
      if (pages > 0 && pages <= MAX_PAYLOAD && before.get(slot) !== place) words += blockWords(archWords(pages));
      places.set(slot, place);
    }
  }
  return Math.min(words, MAX_ARCH_ROOM);
}
