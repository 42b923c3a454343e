// Whole memslot structures, as KVM updates them and looks up in them: `array` for every single operation too, the others for updates.

import {
  Arena,
  KVM_MEM_LOG_DIRTY_PAGES,
  MEMSLOT_STRUCTURES,
  type MemslotFields,
  type MemslotSets,
  type MemslotStructure,
  MS_BASE_GFN,
  MS_ID,
  memslotStructures,
  Observer,
} from '../../sim/index.js';
import type { Contestant, Kind, Maker } from './contestant.js';
import { memslotAt, queryLast, type Workload } from './workload.js';

/** The array as the single operations see it, and all structures as updates do. */
export const SETS: readonly Maker[] = [
  { structure: 'array', kind: 'gfn', make: (workload) => new ArrayAlone(workload, 'gfn') },
  { structure: 'array', kind: 'hva', make: (workload) => new ArrayAlone(workload, 'hva') },
  ...MEMSLOT_STRUCTURES.map((structure): Maker => ({ structure, kind: 'whole', make: (workload) => new WholeSets(structure, workload) })),
];

class World {
  readonly words: Int32Array;
  readonly cpu: Observer;
  readonly sets: MemslotSets;

  constructor(structure: MemslotStructure, { places, present }: Workload) {
    const config = { capacity: places + 1, cpuCount: 1, lastUsed: 'shared' } as const; // ids begin at 1
    const arena = Arena.ofWords(memslotStructures[structure].arenaWords(config));
    this.words = arena.words;
    this.cpu = new Observer(arena.words);
    this.sets = memslotStructures[structure].create(arena, config);
    this.sets.load(Array.from(present, (place) => fieldsOf(place, 0)));
  }
}

function fieldsOf(place: number, flags: number): MemslotFields {
  const { id, baseGfn, npages, hvaPage } = memslotAt;
  return { id: id(place), baseGfn: baseGfn(place), npages: npages(place), hvaPage: hvaPage(place), flags, arch: 0 };
}

/**
 * The array: inserts and erases are the shifts of one update, in the copy that the update would publish; copying the whole is left to `WholeSets`.
 * Lookups go to the active array, which keeps the n memslots.
 */
class ArrayAlone implements Contestant {
  readonly #world: World;
  readonly lookups: Contestant['lookups'];

  constructor(workload: Workload, kind: Kind) {
    this.#world = new World('array', workload);
    this.#world.sets.begin(this.#world.cpu);
    this.lookups = kind === 'gfn' ? this.#byGfn() : this.#byHva();
  }

  insert(places: Int32Array, from: number, count: number): void {
    const { sets, cpu } = this.#world;
    for (let i = from; i < from + count; i++) sets.stage(cpu, { kind: 'create', memslot: fieldsOf(places[i], 0) });
  }

  erase(places: Int32Array, from: number, count: number): void {
    const { sets, cpu } = this.#world;
    for (let i = from; i < from + count; i++) sets.stage(cpu, { kind: 'delete', memslot: fieldsOf(places[i], 0) });
  }

  #byGfn(): Contestant['lookups'] {
    const { sets, cpu, words } = this.#world;
    return {
      exact: (gfns, from, count) => {
        let sum = 0;
        for (let i = from; i < from + count; i++) {
          const slot = sets.gfnToMemslot(cpu, gfns[i]);
          if (slot !== 0 && words[slot + MS_BASE_GFN] === gfns[i]) sum = (sum + words[slot + MS_ID]) | 0;
        }
        return sum;
      },
      floor: (gfns, from, count) => {
        let sum = 0;
        for (let i = from; i < from + count; i++) {
          const slot = sets.gfnToMemslotApprox(cpu, gfns[i]);
          if (slot !== 0 && words[slot + MS_BASE_GFN] <= gfns[i]) sum = (sum + words[slot + MS_ID]) | 0;
        }
        return sum;
      },
    };
  }

  #byHva(): Contestant['lookups'] {
    const { sets, cpu, words } = this.#world;
    return {
      overlap: (pages, from, count) => {
        let sum = 0;
        const add = (slot: number): void => {
          sum = (sum + words[slot + MS_ID]) | 0;
        };
        for (let i = from; i < from + count; i++) sets.forEachInHvaRange(cpu, { first: pages[i], last: queryLast(pages[i]) }, add);
        return sum;
      },
    };
  }
}

/** A structure and its updates, from `begin` to `finish`; grace periods take no time. */
class WholeSets implements Contestant {
  readonly #world: World;
  #flags = 0;
  readonly lookups = {};

  constructor(structure: MemslotStructure, workload: Workload) {
    this.#world = new World(structure, workload);
  }

  insert(places: Int32Array, from: number, count: number): void {
    const { sets, cpu } = this.#world;
    for (let i = from; i < from + count; i++) {
      const change = { kind: 'create', memslot: fieldsOf(places[i], 0) } as const;
      sets.begin(cpu);
      if (sets.hvaInPlace) sets.editHva(cpu, change);
      sets.stage(cpu, change);
      this.#publish();
      sets.finish(cpu);
    }
  }

  erase(places: Int32Array, from: number, count: number): void {
    const { sets, cpu } = this.#world;
    for (let i = from; i < from + count; i++) {
      const change = { kind: 'delete', memslot: fieldsOf(places[i], 0) } as const;
      sets.begin(cpu);
      sets.stageInvalid(cpu, change.memslot.id);
      this.#publish();
      sets.stage(cpu, change);
      this.#publish();
      if (sets.hvaInPlace) sets.editHva(cpu, change);
      sets.finish(cpu);
    }
  }

  changeFlags(places: Int32Array, from: number, count: number): void {
    const { sets, cpu } = this.#world;
    this.#flags ^= KVM_MEM_LOG_DIRTY_PAGES;
    for (let i = from; i < from + count; i++) {
      sets.begin(cpu);
      sets.stage(cpu, { kind: 'flags', memslot: fieldsOf(places[i], this.#flags) });
      this.#publish();
      sets.finish(cpu);
    }
  }

  #publish(): void {
    this.#world.sets.publish(this.#world.cpu);
    this.#world.sets.settle(this.#world.cpu);
  }
}
