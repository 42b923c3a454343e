// What the memslots of a VM are, as a plain list, and what updates may be asked for: the oracle of the conformance kit.

import { Prng } from '../prng.js';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEMSLOT_INVALID, type MemslotFields } from './memslot.js';
import type { GfnSpan, HvaPageRange, MemslotChange } from './memslot-sets.js';

/** A small address space, so that memslots touch, border and collide often. Ids 0 and 1 share no chain, but some do. */
export const ORACLE_IDS = 14;
const GFNS = 48;
const NPAGES_MAX = 6;
const HVA_PAGES = 40;

/** One change as numbers; what it means depends on the memslots that there are. */
export interface RawChange {
  kind: number;
  id: number;
  gfn: number;
  npages: number;
  hva: number;
}

export interface RawUpdate {
  changes: RawChange[];
  /** Give up after the first publish, if there is one. */
  giveUp: boolean;
  /** Seed of the lookups that are made in the windows of the update. */
  querySeed: number;
}

/** Memslots in ascending order of gfn. A value: updates make another. */
export class MemslotOracle {
  readonly all: readonly MemslotFields[];

  constructor(memslots: MemslotFields[]) {
    this.all = memslots.sort((a, b) => a.baseGfn - b.baseGfn);
  }

  byId(id: number): MemslotFields | undefined {
    return this.all.find((memslot) => memslot.id === id);
  }

  exact(gfn: number): MemslotFields | undefined {
    return this.all.find(({ baseGfn, npages }) => gfn >= baseGfn && gfn < baseGfn + npages);
  }

  /** The memslots that may be answered for a gfn that may be in a hole. */
  approx(gfn: number): MemslotFields[] {
    const exact = this.exact(gfn);
    if (exact) return [exact];
    const below = this.all.filter(({ baseGfn }) => baseGfn < gfn).at(-1);
    const above = this.all.find(({ baseGfn }) => baseGfn > gfn);
    return [below, above].filter((memslot) => memslot !== undefined);
  }

  inHvas({ first, last }: HvaPageRange): MemslotFields[] {
    return this.all.filter(({ hvaPage, npages }) => hvaPage <= last && hvaPage + npages > first);
  }

  inGfns(span: GfnSpan): MemslotFields[] {
    return this.all.filter((memslot) => overlapInGfn(memslot, span));
  }

  overlaps(span: GfnSpan, exceptId: number): boolean {
    return this.all.some((memslot) => memslot.id !== exceptId && overlapInGfn(memslot, span));
  }

  totalPages(): number {
    return this.all.reduce((pages, { npages }) => pages + npages, 0);
  }

  withInvalid(ids: readonly number[]): MemslotOracle {
    return new MemslotOracle(this.all.map((memslot) => (ids.includes(memslot.id) ? { ...memslot, flags: memslot.flags | KVM_MEMSLOT_INVALID } : memslot)));
  }

  after(changes: readonly MemslotChange[]): MemslotOracle {
    const kept = this.all.filter(({ id }) => !changes.some(({ memslot }) => memslot.id === id));
    return new MemslotOracle([...kept, ...changes.filter(({ kind }) => kind !== 'delete').map(({ memslot }) => memslot)]);
  }

  /** The changes that `raw` comes to: each memslot at most once, none overlapping another one afterwards, in the order of `raw`. */
  plan(raw: RawUpdate): MemslotChange[] {
    return new UpdatePlan(this, raw).changes;
  }
}

function overlapInGfn(one: GfnSpan, other: GfnSpan): boolean {
  return one.baseGfn < other.baseGfn + other.npages && one.baseGfn + one.npages > other.baseGfn;
}

class UpdatePlan {
  readonly changes: MemslotChange[];
  readonly #before: MemslotOracle;
  readonly #planned: { order: number; change: MemslotChange }[] = [];

  constructor(before: MemslotOracle, raw: RawUpdate) {
    this.#before = before;
    // Deletes are decided first: others may then take their gfns, also those that are staged before the delete.
    for (const [order, change] of raw.changes.entries()) if (change.kind % 4 === 0) this.#planDelete(order, change);
    for (const [order, change] of raw.changes.entries()) this.#planOther(order, change);
    this.changes = this.#planned.sort((a, b) => a.order - b.order).map(({ change }) => change);
  }

  #isFree(id: number): boolean {
    return !this.#planned.some(({ change }) => change.memslot.id === id);
  }

  #add(order: number, ...changes: MemslotChange[]): void {
    for (const { memslot } of changes) {
      const stays = this.#before.all.some(
        (other) => this.#isFree(other.id) && !changes.some((change) => change.memslot.id === other.id) && overlapInGfn(other, memslot),
      );
      const comes = this.#planned.some(({ change }) => change.kind !== 'delete' && overlapInGfn(change.memslot, memslot));
      const within = changes.some((change) => change.memslot !== memslot && overlapInGfn(change.memslot, memslot));
      if (stays || comes || within) return;
    }
    for (const change of changes) this.#planned.push({ order, change });
  }

  #planDelete(order: number, raw: RawChange): void {
    const memslot = this.#before.byId(raw.id % ORACLE_IDS);
    if (memslot && this.#isFree(memslot.id)) this.#planned.push({ order, change: { kind: 'delete', memslot } });
  }

  #planOther(order: number, raw: RawChange): void {
    const id = raw.id % ORACLE_IDS;
    if (!this.#isFree(id)) return;
    const memslot = this.#before.byId(id);
    if (!memslot) this.#add(order, { kind: 'create', memslot: fieldsOf(id, raw) });
    else if (raw.kind % 4 === 1) this.#planMove(order, memslot, raw.gfn % GFNS);
    else if (raw.kind % 4 === 2) this.#planSwap(order, memslot, raw);
    else this.#add(order, { kind: 'flags', memslot: { ...memslot, flags: memslot.flags ^ KVM_MEM_LOG_DIRTY_PAGES } });
  }

  #planMove(order: number, memslot: MemslotFields, baseGfn: number): void {
    if (baseGfn !== memslot.baseGfn) this.#add(order, { kind: 'move', memslot: { ...memslot, baseGfn } });
  }

  /** Two memslots take each other's place: one moves to where the other one still is. */
  #planSwap(order: number, one: MemslotFields, raw: RawChange): void {
    const others = this.#before.all.filter(({ id }) => id !== one.id && this.#isFree(id));
    if (others.length === 0) return;
    const other = others[raw.gfn % others.length];
    this.#add(order, { kind: 'move', memslot: { ...one, baseGfn: other.baseGfn } }, { kind: 'move', memslot: { ...other, baseGfn: one.baseGfn } });
  }
}

function fieldsOf(id: number, raw: RawChange): MemslotFields {
  return {
    id,
    baseGfn: raw.gfn % GFNS,
    npages: 1 + (raw.npages % NPAGES_MAX),
    hvaPage: 1 + (raw.hva % HVA_PAGES),
    flags: raw.npages & KVM_MEM_LOG_DIRTY_PAGES,
    arch: 1000 + id * 10,
  };
}

export function randomUpdate(prng: Prng): RawUpdate {
  const shape = prng.next();
  const changes: RawChange[] = [];
  // Half of the updates have one change, as KVM_SET_USER_MEMORY_REGION has; the others up to four.
  const count = (shape & 1) === 0 ? 1 : 1 + ((shape >>> 1) & 3);
  for (let change = 0; change < count; change++) {
    const bits = prng.next();
    const more = prng.next();
    changes.push({ kind: bits & 15, id: (bits >>> 4) & 255, gfn: (bits >>> 12) & 1023, npages: more & 255, hva: (more >>> 8) & 1023 });
  }
  return { changes, giveUp: ((shape >>> 4) & 7) === 0, querySeed: shape };
}

/** A lookup, as numbers: a gfn, a number of pages, a host page and an id that may or may not exist. */
export class Query {
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  kind(kinds: number): number {
    return this.#prng.below(kinds);
  }

  gfn(): number {
    return this.#prng.below(GFNS + 2 * NPAGES_MAX);
  }

  npages(): number {
    return 1 + this.#prng.below(2 * NPAGES_MAX);
  }

  hva(): number {
    return this.#prng.below(HVA_PAGES + 2 * NPAGES_MAX);
  }

  id(): number {
    return this.#prng.below(ORACLE_IDS);
  }
}
