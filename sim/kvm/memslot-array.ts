// The structure "array": memslots by value in one array from the highest base gfn to the lowest, beside a table from ids to indices.
// Models struct kvm_memslots, kvm_dup_memslots() and update_memslots() before the memslot trees.
//
// An update copies the active buffer whole and edits the copy. Once the copy is published, the retired buffer is the scratch for the
// rest of the update: it differs from the active one only in lacking KVM_MEMSLOT_INVALID, which the changes drop in any case. That
// holds for several changes too: whatever is not changed in it is as it was before the update.
//
// The table has an entry for every id that there may be, and each update copies it: the VM pays for the maximum.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import { type Arena, carvedWords, LINE_WORDS } from '../memory/arena.js';
import {
  KVM_MEMSLOT_INVALID,
  LIVE,
  MEMSLOT_WORDS,
  type Memslot,
  type MemslotFields,
  MS_BASE_GFN,
  MS_FLAGS,
  MS_HVA_PAGE,
  MS_ID,
  MS_NPAGES,
  MS_STATE,
  NO_MEMSLOT,
  readMemslot,
  writeMemslot,
} from './memslot.js';
import { LastUsed, lastUsedWords } from './memslot-last-used.js';
import type { MemslotMeter } from './memslot-meter.js';
import type { GfnSpan, HvaPageRange, MemslotChange, MemslotSets, MemslotSetsConfig, MemslotStructure } from './memslot-sets.js';

// The host compiles a module's own constants into the code, but loads imported ones anew each time.
const ENTRY = MEMSLOT_WORDS;
const BASE_GFN = MS_BASE_GFN;
const HVA_PAGE = MS_HVA_PAGE;
const NPAGES = MS_NPAGES;

/** A buffer: a header line with the number of memslots, the table (index + 1 by id, 0 for none), the memslots. */
const TABLE = LINE_WORDS;

function entriesOffset(config: MemslotSetsConfig): number {
  return TABLE + carvedWords(config.capacity);
}

function bufferWords(config: MemslotSetsConfig): number {
  return entriesOffset(config) + carvedWords(config.capacity * ENTRY);
}

/** Words that `MemslotArray` carves. */
export function memslotArrayWords(config: MemslotSetsConfig): number {
  return LINE_WORDS + lastUsedWords(config) + 2 * bufferWords(config);
}

export class MemslotArray implements MemslotSets {
  readonly name: MemslotStructure = 'array';
  readonly hvaInPlace: boolean = false;
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #meter: MemslotMeter;
  /** The generation; its lowest bit is the active buffer. */
  readonly #active: Word;
  readonly #lastUsed: LastUsed;
  readonly #buffers: readonly [Word, Word];
  /** From a buffer to its memslots. */
  readonly #entries: number;

  constructor(arena: Arena, config: MemslotSetsConfig, meter: MemslotMeter) {
    this.#words = arena.words;
    this.#capacity = config.capacity;
    this.#meter = meter;
    this.#active = arena.carveLine('active memslots');
    this.#lastUsed = new LastUsed(arena, config);
    this.#buffers = [arena.carve('memslot array 0', bufferWords(config)), arena.carve('memslot array 1', bufferWords(config))];
    this.#entries = entriesOffset(config);
  }

  count(cpu: Cpu): number {
    return this.#words[this.#activeBuffer(cpu)];
  }

  generation(cpu: Cpu): number {
    return cpu.load(this.#active);
  }

  get generationWord(): Word {
    return this.#active;
  }

  gfnToMemslot(cpu: Cpu, gfn: number, generation = cpu.load(this.#active)): Memslot {
    const slot = this.#lookUp(cpu, generation, { gfn, approx: false });
    this.#meter.charge(cpu);
    return slot;
  }

  gfnToMemslotApprox(cpu: Cpu, gfn: number): Memslot {
    const slot = this.#lookUp(cpu, cpu.load(this.#active), { gfn, approx: true });
    this.#meter.charge(cpu);
    return slot;
  }

  idToMemslot(cpu: Cpu, id: number): Memslot {
    const slot = this.#find(this.#activeBuffer(cpu), id);
    this.#meter.lines += slot === NO_MEMSLOT ? 2 : 3;
    this.#meter.charge(cpu);
    return slot;
  }

  forEachInHvaRange(cpu: Cpu, range: HvaPageRange, visit: (slot: Memslot) => void): void {
    const words = this.#words;
    const { base, end } = this.#scan(cpu);
    for (let slot = nextInHvaRange(words, base, end, range); slot < end; slot = nextInHvaRange(words, slot + ENTRY, end, range)) visit(slot);
    this.#meter.charge(cpu);
  }

  forEachInGfnRange(cpu: Cpu, span: GfnSpan, visit: (slot: Memslot) => void): void {
    const words = this.#words;
    const { base, end } = this.#scan(cpu);
    for (let slot = base; slot < end; slot += ENTRY) if (touches(words, slot, span)) visit(slot);
    this.#meter.charge(cpu);
  }

  forEach(cpu: Cpu, visit: (slot: Memslot) => void): void {
    const { base, end } = this.#scan(cpu);
    for (let slot = base; slot < end; slot += ENTRY) visit(slot);
    this.#meter.charge(cpu);
  }

  overlaps(cpu: Cpu, span: GfnSpan, exceptId: number): boolean {
    const words = this.#words;
    const { base, end } = this.#scan(cpu);
    this.#meter.charge(cpu);
    for (let slot = base; slot < end; slot += ENTRY) {
      if (touches(words, slot, span) && words[slot + MS_ID] !== exceptId) return true;
    }
    return false;
  }

  totalPages(cpu: Cpu): number {
    const words = this.#words;
    const { base, end } = this.#scan(cpu);
    this.#meter.charge(cpu);
    let pages = 0;
    for (let slot = base; slot < end; slot += ENTRY) pages += words[slot + NPAGES];
    return pages;
  }

  begin(cpu: Cpu): void {
    const from = this.#activeBuffer(cpu);
    const used = this.#words[from];
    this.#words.copyWithin(this.#scratch(cpu), from, from + this.#entries + used * ENTRY);
    this.#lastUsed.copy(cpu, cpu.load(this.#active), cpu.load(this.#active) ^ 1);
    this.#meter.copied += used;
    this.#meter.copiedBytes += (used * ENTRY + this.#capacity) * Int32Array.BYTES_PER_ELEMENT;
    this.#meter.tableIds += this.#capacity;
    this.#meter.charge(cpu);
  }

  stageInvalid(cpu: Cpu, id: number): void {
    this.#words[this.#findToChange(this.#scratch(cpu), id) + MS_FLAGS] |= KVM_MEMSLOT_INVALID;
  }

  stage(cpu: Cpu, change: MemslotChange): void {
    const { kind, memslot } = change;
    const buffer = this.#scratch(cpu);
    switch (kind) {
      case 'create':
        this.#insert(buffer, memslot);
        break;
      case 'flags':
        writeMemslot(this.#words, this.#findToChange(buffer, memslot.id), memslot);
        break;
      case 'move':
        this.#move(buffer, memslot);
        break;
      case 'delete':
        this.#remove(buffer, memslot.id);
        break;
    }
    this.#meter.charge(cpu);
  }

  publish(cpu: Cpu): void {
    cpu.store(this.#active, (cpu.load(this.#active) + 1) | 0);
  }

  /** The retired buffer serves as scratch until `finish`, so it stays. */
  settle(_cpu: Cpu): void {}

  /** Frees the retired buffer: whoever still looks there finds nothing. */
  finish(cpu: Cpu): void {
    this.#words[this.#scratch(cpu)] = 0;
  }

  editHva(_cpu: Cpu, _change: MemslotChange): void {
    if (!this.hvaInPlace) assert(false, `the memslots "${this.name}" have no hva index: current hvaInPlace false, expected true`);
  }

  load(memslots: readonly MemslotFields[]): void {
    const words = this.#words;
    const generation = words[this.#active];
    const all = [...this.#list(this.#buffers[generation & 1]), ...memslots].sort((a, b) => b.baseGfn - a.baseGfn);
    if (all.length > this.#capacity) assert(false, `cannot load memslots: current ${all.length}, expected at most ${this.#capacity}`);
    const published = (generation + memslots.length) | 0;
    words[this.#buffers[(published & 1) ^ 1]] = 0;
    const buffer = this.#buffers[published & 1];
    words[buffer] = all.length;
    for (const [index, fields] of all.entries()) this.#put(buffer, index, fields);
    words[this.#active] = published;
  }

  footprint(): { emptyBytes: number; totalBytes: number } {
    const emptyWords = LINE_WORDS + LINE_WORDS + this.#entries;
    const entryWords = this.#words[this.#buffers[this.#words[this.#active] & 1]] * ENTRY;
    return { emptyBytes: emptyWords * Int32Array.BYTES_PER_ELEMENT, totalBytes: (emptyWords + entryWords) * Int32Array.BYTES_PER_ELEMENT };
  }

  checkInvariants(): void {
    const words = this.#words;
    const buffer = this.#buffers[words[this.#active] & 1];
    let above = Number.POSITIVE_INFINITY;
    for (let index = 0; index < words[buffer]; index++) {
      const slot = this.#entry(buffer, index);
      const id = words[slot + MS_ID];
      if (words[slot + MS_STATE] !== LIVE) assert(false, `memslot ${id} at index ${index} is freed`);
      if ((words[slot + MS_FLAGS] & KVM_MEMSLOT_INVALID) !== 0) assert(false, `memslot ${id} at index ${index} is invalid`);
      if (words[slot + BASE_GFN] + words[slot + NPAGES] > above) assert(false, `memslot ${id} at index ${index} overlaps the one before in gfn`);
      if (this.#find(buffer, id) !== slot) assert(false, `memslot ${id} at index ${index} is not found by its id`);
      above = words[slot + BASE_GFN];
    }
    const table = words.subarray(buffer + TABLE, buffer + TABLE + this.#capacity);
    const known = table.reduce((count, index) => count + (index === 0 ? 0 : 1), 0);
    if (known !== words[buffer]) assert(false, `the table knows ${known} ids of ${words[buffer]} memslots`);
    assert(words[this.#buffers[(words[this.#active] & 1) ^ 1]] === 0, 'the retired memslots are freed when no update is in flight');
  }

  #activeBuffer(cpu: Cpu): Word {
    return this.#buffers[cpu.load(this.#active) & 1];
  }

  #scratch(cpu: Cpu): Word {
    return this.#buffers[(cpu.load(this.#active) & 1) ^ 1];
  }

  #entry(buffer: Word, index: number): Memslot {
    return buffer + this.#entries + index * ENTRY;
  }

  /** All memslots of the active buffer, which the caller is about to pass one by one. */
  #scan(cpu: Cpu): { base: Memslot; end: Memslot } {
    const buffer = this.#activeBuffer(cpu);
    const used = this.#words[buffer];
    this.#meter.scanned += used;
    this.#meter.lines += 1 + ((used * ENTRY + LINE_WORDS - 1) >>> 4);
    return { base: this.#entry(buffer, 0), end: this.#entry(buffer, used) };
  }

  #lookUp(cpu: Cpu, generation: number, { gfn, approx }: { gfn: number; approx: boolean }): Memslot {
    const words = this.#words;
    const buffer = this.#buffers[generation & 1];
    const used = words[buffer];
    this.#meter.lines++;
    if (used === 0) return NO_MEMSLOT;
    const last = this.#lastUsed.get(cpu, generation);
    this.#meter.lines += 2;
    if (last < used && this.#contains(this.#entry(buffer, last), gfn)) return this.#entry(buffer, last);
    const index = this.#search(buffer, gfn);
    const slot = this.#entry(buffer, index < used ? index : used - 1);
    if (index < used && this.#contains(slot, gfn)) {
      this.#lastUsed.set(cpu, generation, index);
      return slot;
    }
    return approx ? slot : NO_MEMSLOT;
  }

  /** The index of the first memslot whose base is not above `gfn`; the number of memslots when there is none. */
  #search(buffer: Word, gfn: number): number {
    const words = this.#words;
    const base = buffer + this.#entries;
    let start = 0;
    let end = words[buffer];
    let probes = 0;
    let lines = 0;
    for (let line = -1; start < end; probes++) {
      const middle = (start + end) >>> 1;
      const slot = base + middle * ENTRY;
      if (slot >>> 4 !== line) lines++;
      line = slot >>> 4;
      if (gfn >= words[slot + BASE_GFN]) end = middle;
      else start = middle + 1;
    }
    this.#meter.probes += probes;
    this.#meter.lines += lines;
    return start;
  }

  #contains(slot: Memslot, gfn: number): boolean {
    const offset = gfn - this.#words[slot + BASE_GFN];
    return offset >= 0 && offset < this.#words[slot + NPAGES];
  }

  #find(buffer: Word, id: number): Memslot {
    const index = this.#words[buffer + TABLE + id];
    return index === 0 ? NO_MEMSLOT : this.#entry(buffer, index - 1);
  }

  #findToChange(buffer: Word, id: number): Memslot {
    const slot = this.#find(buffer, id);
    if (slot === NO_MEMSLOT) assert(false, `memslot ${id} is to be changed but does not exist`);
    return slot;
  }

  #put(buffer: Word, index: number, fields: MemslotFields): void {
    writeMemslot(this.#words, this.#entry(buffer, index), fields);
    this.#words[buffer + TABLE + fields.id] = index + 1;
  }

  /** Shifts the memslots from index `first` up to `end` by one place, and the table learns of it: the same result as one by one, in one stroke. */
  #shift(buffer: Word, span: { first: number; end: number }, by: 1 | -1): void {
    const words = this.#words;
    const { first, end } = span;
    if (end <= first) return;
    words.copyWithin(this.#entry(buffer, first + by), this.#entry(buffer, first), this.#entry(buffer, end));
    const table = buffer + TABLE;
    let slot = this.#entry(buffer, first + by) + MS_ID;
    for (let index = first + by + 1; index <= end + by; index++) {
      words[table + words[slot]] = index;
      slot += ENTRY;
    }
    this.#meter.copied += end - first;
    this.#meter.copiedBytes += (end - first) * ENTRY * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Models kvm_memslot_insert_back(). */
  #insert(buffer: Word, fields: MemslotFields): void {
    const { id } = fields;
    if (id >= this.#capacity || this.#find(buffer, id) !== NO_MEMSLOT)
      assert(false, `memslot ${id} is to be created: it exists, or is beyond ${this.#capacity}`);
    const back = this.#words[buffer]++;
    this.#put(buffer, this.#moveForward(buffer, back, fields.baseGfn), fields);
  }

  #move(buffer: Word, fields: MemslotFields): void {
    const words = this.#words;
    this.#findToChange(buffer, fields.id);
    const backward = this.#moveBackward(buffer, words[buffer + TABLE + fields.id] - 1, fields.baseGfn);
    this.#put(buffer, this.#moveForward(buffer, backward, fields.baseGfn), fields);
  }

  /** Models kvm_memslot_delete(). */
  #remove(buffer: Word, id: number): void {
    const words = this.#words;
    this.#findToChange(buffer, id);
    const used = --words[buffer];
    this.#shift(buffer, { first: words[buffer + TABLE + id], end: used + 1 }, -1);
    words[buffer + TABLE + id] = 0;
  }

  /** Shifts those with a higher gfn to the front, from index `start` on. Returns the index that became free. Models kvm_memslot_move_backward(). */
  #moveBackward(buffer: Word, start: number, gfn: number): number {
    const words = this.#words;
    const last = words[buffer] - 1;
    let index = start;
    while (index < last && gfn <= words[this.#entry(buffer, index + 1) + BASE_GFN]) index++;
    this.#shift(buffer, { first: start + 1, end: index + 1 }, -1);
    return index;
  }

  /** Shifts those with a lower gfn to the back, from index `start` on. Returns the index that became free. Models kvm_memslot_move_forward(). */
  #moveForward(buffer: Word, start: number, gfn: number): number {
    const words = this.#words;
    let index = start;
    while (index > 0 && gfn >= words[this.#entry(buffer, index - 1) + BASE_GFN]) index--;
    this.#shift(buffer, { first: index, end: start }, 1);
    return index;
  }

  #list(buffer: Word): MemslotFields[] {
    return Array.from({ length: this.#words[buffer] }, (_, index) => readMemslot(this.#words, this.#entry(buffer, index)));
  }
}

/**
 * The first memslot from `start` on that overlaps the host pages, or `end`. The hottest loop of the array: it calls nothing and stays
 * within 32-bit integers, which the host does twice as fast.
 */
function nextInHvaRange(words: Int32Array, start: Memslot, end: Memslot, range: HvaPageRange): Memslot {
  const { first, last } = range;
  for (let slot = start; slot < end; slot = (slot + ENTRY) | 0) {
    const hva = words[slot + HVA_PAGE];
    if (hva <= last && ((hva + words[slot + NPAGES]) | 0) > first) return slot;
  }
  return end;
}

function touches(words: Int32Array, slot: Memslot, span: GfnSpan): boolean {
  const base = words[slot + BASE_GFN];
  return base < span.baseGfn + span.npages && base + words[slot + NPAGES] > span.baseGfn;
}
