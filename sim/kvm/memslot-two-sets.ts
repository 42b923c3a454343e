// Two memslot sets over one copy of the memslots: an update edits the set that nobody reads. Models the patch "KVM: Scalable memslots
// implementation" of 1 February 2021, generic over the index by gfn and hva.
//
// The active word is the generation; its lowest bit says which set readers use. What each set points to, with set A active at first,
// `*` the active set, O the old record, T a temporary copy with KVM_MEMSLOT_INVALID, N a new record:
//
//     delete, move        set A        set B          flags, create       set A        set B
//     begin               O *          O              begin               O, - *       O, -
//     stageInvalid        O *          T              stage               O, - *       N, N
//     publish             O            T *            publish             O, -         N, N *
//     (grace period)      none reads O                (grace period)      none reads O
//     settle              O            T *            settle: free O      N, N         N, N *
//     stage               -, O moved   T *
//     publish             -, O moved * T              to give up
//     (grace period)      none reads T                publish             O *          T
//     settle: free T, O   -, O moved * -, O moved     settle: free T      O *          O
//
// So O may be edited where it is: its set is inactive, and its last readers are gone. An update may hold several such changes, each
// of another memslot; a memslot may take the gfns that another one leaves, so publish inserts only after all have left.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import {
  KVM_MEMSLOT_INVALID,
  LIVE,
  type Memslot,
  type MemslotFields,
  MS_BASE_GFN,
  MS_HVA_PAGE,
  MS_ID,
  MS_NPAGES,
  MS_STATE,
  NO_MEMSLOT,
  readMemslot,
  writeMemslot,
} from './memslot.js';
import type { MemslotIndex } from './memslot-index.js';
import { LastUsed, lastUsedWords } from './memslot-last-used.js';
import type { MemslotMeter } from './memslot-meter.js';
import { MemslotRecords, memslotRecordsWords } from './memslot-records.js';
import { MEMSLOT_SET_WORDS, MemslotSet } from './memslot-set.js';
import type { GfnSpan, HvaPageRange, MemslotChange, MemslotSets, MemslotSetsConfig, MemslotStructure } from './memslot-sets.js';

/** Where a record of the structure has what the sets need, besides the memslot's own fields. */
export interface TwoSetsRecord {
  recordWords: number;
  /** By set: the words that link the next and the previous record of an id hash chain. */
  idNext: readonly [number, number];
  idPrev: readonly [number, number];
}

export interface TwoSetsParts {
  name: MemslotStructure;
  config: MemslotSetsConfig;
  record: TwoSetsRecord;
  /** From `twoSetsRecords`. */
  records: MemslotRecords;
  meter: MemslotMeter;
  /** One for each set, in the same arena, counting in the same meter. */
  indices: readonly [MemslotIndex, MemslotIndex];
  /** Bytes of both indices outside the records: without a memslot, and now. */
  indexBytes: () => { emptyBytes: number; totalBytes: number };
}

/** In the retired set, `old` (or none) gives way to `next` (or none). */
interface Mirror {
  old: Memslot;
  next: Memslot;
}

/** Words that `MemslotTwoSets` carves, its indices not counted. */
export function twoSetsWords(config: MemslotSetsConfig, recordWords: number): number {
  return emptyWords(config) + memslotRecordsWords(recordsConfig(config, recordWords));
}

/** Words before the records: the active word, the sets, what was used last. */
function emptyWords(config: MemslotSetsConfig): number {
  return LINE_WORDS + 2 * MEMSLOT_SET_WORDS + lastUsedWords(config);
}

/** The records of both sets: carved first, as indices may go by where they are. */
export function twoSetsRecords(arena: Arena, config: MemslotSetsConfig, recordWords: number): MemslotRecords {
  return new MemslotRecords(arena, recordsConfig(config, recordWords));
}

/** Records of a structure. Every memslot may be in flight at once, with a copy. */
export function twoSetsRecordCount(config: MemslotSetsConfig): number {
  return 2 * config.capacity;
}

function recordsConfig(config: MemslotSetsConfig, recordWords: number) {
  return { capacity: twoSetsRecordCount(config), recordWords };
}

/** The active word, what was found last, and its record. */
const LINES_OF_A_HIT = 3;

export class MemslotTwoSets implements MemslotSets {
  readonly name: MemslotStructure;
  readonly hvaInPlace = false;
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #meter: MemslotMeter;
  readonly #sets: readonly [MemslotSet, MemslotSet];
  readonly #indexBytes: TwoSetsParts['indexBytes'];
  readonly #emptyWords: number;
  /** The generation; its lowest bit is the active set. */
  readonly #active: Word;
  readonly #lastUsed: LastUsed;
  readonly #records: MemslotRecords;

  // The update in flight, which one thread does alone.
  #publishes = 0;
  /** Ids staged so far. */
  readonly #changed = new Set<number>();
  /** By id: the record and its INVALID copy, until a change of it is staged. */
  readonly #invalid = new Map<number, { original: Memslot; temporary: Memslot }>();
  /** Records that join the inactive set at the next publish. */
  #joining: Memslot[] = [];
  #mirrors: Mirror[] = [];
  /** Deleted records, unreachable after the next grace period. */
  #doomed: Memslot[] = [];

  constructor(arena: Arena, parts: TwoSetsParts) {
    const { config } = parts;
    this.name = parts.name;
    this.#words = arena.words;
    this.#capacity = config.capacity;
    this.#meter = parts.meter;
    this.#indexBytes = parts.indexBytes;
    this.#emptyWords = emptyWords(config);
    this.#active = arena.carveLine('active memslots');
    this.#lastUsed = new LastUsed(arena, config);
    this.#sets = [this.#makeSet(arena, parts, 0), this.#makeSet(arena, parts, 1)];
    this.#records = parts.records;
  }

  count(cpu: Cpu): number {
    return this.#activeSet(cpu).count;
  }

  generation(cpu: Cpu): number {
    return cpu.load(this.#active);
  }

  get generationWord(): Word {
    return this.#active;
  }

  gfnToMemslot(cpu: Cpu, gfn: number, generation = cpu.load(this.#active)): Memslot {
    return this.#lookUp(cpu, generation, gfn, false);
  }

  gfnToMemslotApprox(cpu: Cpu, gfn: number): Memslot {
    return this.#lookUp(cpu, cpu.load(this.#active), gfn, true);
  }

  idToMemslot(cpu: Cpu, id: number): Memslot {
    this.#meter.lines++;
    const slot = this.#activeSet(cpu).ids.find(id);
    this.#meter.charge(cpu);
    return slot;
  }

  forEachInHvaRange(cpu: Cpu, range: HvaPageRange, visit: (slot: Memslot) => void): void {
    this.#meter.lines++;
    this.#activeSet(cpu).index.forEachInHvaRange(range, visit);
    this.#meter.charge(cpu);
  }

  forEachInGfnRange(cpu: Cpu, span: GfnSpan, visit: (slot: Memslot) => void): void {
    const set = this.#activeSet(cpu);
    const end = span.baseGfn + span.npages;
    for (let slot = set.firstEndingAfter(span.baseGfn); slot !== NO_MEMSLOT; slot = set.index.higher(this.#words[slot + MS_BASE_GFN])) {
      if (this.#words[slot + MS_BASE_GFN] >= end) break;
      visit(slot);
    }
    this.#meter.charge(cpu);
  }

  forEach(cpu: Cpu, visit: (slot: Memslot) => void): void {
    this.#activeSet(cpu).index.forEach(visit);
    this.#meter.charge(cpu);
  }

  overlaps(cpu: Cpu, span: GfnSpan, exceptId: number): boolean {
    const set = this.#activeSet(cpu);
    const words = this.#words;
    let slot = set.firstEndingAfter(span.baseGfn);
    if (slot !== NO_MEMSLOT && words[slot + MS_ID] === exceptId) slot = set.index.higher(words[slot + MS_BASE_GFN]);
    this.#meter.charge(cpu);
    return slot !== NO_MEMSLOT && words[slot + MS_BASE_GFN] < span.baseGfn + span.npages;
  }

  totalPages(cpu: Cpu): number {
    return this.#activeSet(cpu).pages;
  }

  begin(_cpu: Cpu): void {
    assert(this.#changed.size === 0 && this.#publishes === 0, 'an update of the memslots begins within another');
  }

  stageInvalid(cpu: Cpu, id: number): void {
    if (this.#publishes > 0 || this.#invalid.has(id)) assert(false, `memslot ${id} is made invalid twice, or too late`);
    const original = this.#inInactive(cpu, id);
    const fields = readMemslot(this.#words, original);
    const temporary = this.#record({ ...fields, flags: fields.flags | KVM_MEMSLOT_INVALID }, cpu);
    const set = this.#inactiveSet(cpu);
    set.noteEdit(cpu);
    set.replace(cpu, original, temporary);
    this.#invalid.set(id, { original, temporary });
    this.#meter.charge(cpu);
  }

  stage(cpu: Cpu, change: MemslotChange): void {
    const { kind, memslot } = change;
    if (this.#changed.has(memslot.id)) assert(false, `memslot ${memslot.id} is changed twice in one update`);
    this.#changed.add(memslot.id);
    switch (kind) {
      case 'create':
        this.#stageCreate(cpu, memslot);
        break;
      case 'flags':
        this.#stageFlags(cpu, memslot);
        break;
      case 'move':
        this.#stageMove(cpu, memslot);
        break;
      case 'delete':
        this.#stageDelete(cpu, memslot.id);
        break;
    }
    this.#meter.charge(cpu);
  }

  publish(cpu: Cpu): void {
    const set = this.#inactiveSet(cpu);
    set.noteEdit(cpu);
    for (const slot of this.#joining) set.join(slot);
    this.#joining = [];
    if (this.#publishes > 0) this.#restoreInvalid();
    this.#meter.charge(cpu);
    this.#publishes++;
    cpu.store(this.#active, (cpu.load(this.#active) + 1) | 0);
  }

  settle(cpu: Cpu): void {
    const set = this.#inactiveSet(cpu);
    const joining: Memslot[] = [];
    set.noteEdit(cpu);
    for (const { old, next } of this.#mirrors) {
      if (old !== NO_MEMSLOT && next !== NO_MEMSLOT && this.#sameRanges(old, next)) set.replace(cpu, old, next);
      else {
        if (old !== NO_MEMSLOT) set.leave(cpu, old);
        if (next !== NO_MEMSLOT) joining.push(next);
      }
    }
    for (const slot of joining) set.join(slot);
    for (const { old } of this.#mirrors) if (old !== NO_MEMSLOT) this.#records.free(cpu, old);
    for (const slot of this.#doomed) this.#records.free(cpu, slot);
    this.#mirrors = [];
    this.#doomed = [];
    this.#meter.charge(cpu);
  }

  finish(_cpu: Cpu): void {
    assert(this.#invalid.size === 0 && this.#mirrors.length === 0 && this.#joining.length === 0, 'an update of the memslots ends before it is settled');
    this.#changed.clear();
    this.#publishes = 0;
  }

  editHva(_cpu: Cpu, _change: MemslotChange): void {
    assert(false, `the hva index of "${this.name}" is edited in place: current hvaInPlace false, expected true`);
  }

  load(memslots: readonly MemslotFields[]): void {
    for (const fields of memslots) {
      const slot = this.#record(fields);
      for (const set of this.#sets) set.join(slot);
    }
    this.#words[this.#active] = (this.#words[this.#active] + memslots.length) | 0;
    this.#meter.reset();
  }

  footprint(): { emptyBytes: number; totalBytes: number } {
    const index = this.#indexBytes();
    const emptyBytes = this.#emptyWords * Int32Array.BYTES_PER_ELEMENT;
    const recordBytes = this.#records.count * this.#records.recordWords * Int32Array.BYTES_PER_ELEMENT;
    return { emptyBytes: emptyBytes + index.emptyBytes, totalBytes: emptyBytes + recordBytes + index.totalBytes };
  }

  checkInvariants(): void {
    assert(this.#changed.size === 0 && this.#publishes === 0, 'the memslots are checked while an update is in flight');
    for (const set of this.#sets) set.checkInvariants();
    const other = this.#sets[1].list();
    for (const [index, slot] of this.#sets[0].list().entries()) {
      if (slot !== other[index]) assert(false, `the memslot sets differ: memslot record ${slot} in one, ${other[index]} in the other`);
    }
    const { count } = this.#sets[0];
    if (this.#records.count !== count) assert(false, `${this.#records.count} memslot records are in use for ${count} memslots`);
    this.#meter.reset();
  }

  #makeSet(arena: Arena, parts: TwoSetsParts, number: 0 | 1): MemslotSet {
    const { record, meter } = parts;
    const idLinks = { next: record.idNext[number], prev: record.idPrev[number] };
    return new MemslotSet(arena, { number, index: parts.indices[number], idLinks, lastUsed: this.#lastUsed, meter });
  }

  #activeSet(cpu: Cpu): MemslotSet {
    return this.#sets[cpu.load(this.#active) & 1];
  }

  #inactiveSet(cpu: Cpu): MemslotSet {
    return this.#sets[(cpu.load(this.#active) & 1) ^ 1];
  }

  #contains(cpu: Cpu, slot: Memslot, gfn: number): boolean {
    const offset = gfn - cpu.load(slot + MS_BASE_GFN);
    return offset >= 0 && offset < cpu.load(slot + MS_NPAGES);
  }

  /** The memslot found last needs no search, and nothing but its lines is counted: every fault comes here. */
  #lookUp(cpu: Cpu, generation: number, gfn: number, approx: boolean): Memslot {
    const last = this.#lastUsed.get(cpu, generation);
    if (last !== NO_MEMSLOT && this.#contains(cpu, last, gfn)) {
      cpu.counters.memslotLines += LINES_OF_A_HIT;
      return last;
    }
    this.#meter.lines += last === NO_MEMSLOT ? LINES_OF_A_HIT - 1 : LINES_OF_A_HIT;
    const slot = this.#search(cpu, generation, { gfn, approx });
    this.#meter.charge(cpu);
    return slot;
  }

  #search(cpu: Cpu, generation: number, { gfn, approx }: { gfn: number; approx: boolean }): Memslot {
    const set = this.#sets[generation & 1];
    const { index } = set;
    set.noteWalk(cpu);
    const slot = index.floor(gfn);
    if (slot !== NO_MEMSLOT && this.#contains(cpu, slot, gfn)) {
      this.#lastUsed.set(cpu, generation, slot);
      return slot;
    }
    if (!approx) return NO_MEMSLOT;
    return slot !== NO_MEMSLOT ? slot : index.higher(gfn);
  }

  /** `cpu`: the updater, whose order against readers of the record's last user is kept; none for set-up. */
  #record(fields: MemslotFields, cpu?: Cpu): Memslot {
    const slot = this.#records.allocate();
    writeMemslot(this.#words, slot, fields);
    cpu?.store(slot + MS_STATE, LIVE);
    return slot;
  }

  #inInactive(cpu: Cpu, id: number): Memslot {
    const slot = this.#inactiveSet(cpu).ids.find(id);
    if (slot === NO_MEMSLOT) assert(false, `memslot ${id} is to be changed but does not exist`);
    return slot;
  }

  /** The record of an INVALID memslot, whose change is staged now. */
  #takeInvalid(id: number): { original: Memslot; temporary: Memslot } {
    const pair = this.#invalid.get(id);
    if (pair === undefined || this.#publishes !== 1) assert(false, `memslot ${id} is deleted or moved before it was published as invalid`);
    this.#invalid.delete(id);
    return pair;
  }

  #stageCreate(cpu: Cpu, fields: MemslotFields): void {
    if (fields.id >= this.#capacity) assert(false, `memslot id ${fields.id} is beyond the ${this.#capacity} that there is room for`);
    const next = this.#record(fields, cpu);
    this.#joining.push(next);
    this.#mirrors.push({ old: NO_MEMSLOT, next });
  }

  #stageFlags(cpu: Cpu, fields: MemslotFields): void {
    if (this.#invalid.has(fields.id)) assert(false, `memslot ${fields.id} is invalid, and only its flags change`);
    const old = this.#inInactive(cpu, fields.id);
    const next = this.#record(fields, cpu);
    this.#inactiveSet(cpu).replace(cpu, old, next);
    this.#inactiveSet(cpu).noteEdit(cpu);
    this.#mirrors.push({ old, next });
  }

  #stageMove(cpu: Cpu, fields: MemslotFields): void {
    const { original, temporary } = this.#takeInvalid(fields.id);
    this.#inactiveSet(cpu).leave(cpu, original);
    writeMemslot(this.#words, original, fields);
    cpu.store(original + MS_STATE, LIVE); // once more, so that an engine sees who would still read it
    this.#joining.push(original);
    this.#mirrors.push({ old: temporary, next: original });
  }

  #stageDelete(cpu: Cpu, id: number): void {
    const { original, temporary } = this.#takeInvalid(id);
    this.#inactiveSet(cpu).leave(cpu, original);
    this.#doomed.push(original);
    this.#mirrors.push({ old: temporary, next: NO_MEMSLOT });
  }

  /** INVALID memslots of which no change was staged are as they were before. */
  #restoreInvalid(): void {
    for (const { original, temporary } of this.#invalid.values()) this.#mirrors.push({ old: temporary, next: original });
    this.#invalid.clear();
  }

  #sameRanges(one: Memslot, other: Memslot): boolean {
    const words = this.#words;
    return (
      words[one + MS_BASE_GFN] === words[other + MS_BASE_GFN] &&
      words[one + MS_NPAGES] === words[other + MS_NPAGES] &&
      words[one + MS_HVA_PAGE] === words[other + MS_HVA_PAGE]
    );
  }
}
