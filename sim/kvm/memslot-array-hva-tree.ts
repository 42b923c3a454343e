// The structure "array-hva-tree": the array, and one interval tree by hva that resolves to an id. Models Sean Christopherson's
// counter-proposal of 2 February 2021: "bounce through id_to_index".
//
// The tree is edited in place under mmu_lock, which readers by hva hold too. It learns of a create before the memslot is published,
// and of a delete after: an id that the active array lacks is skipped. Moves and changes of flags do not concern it.

import { assert } from '../assert.js';
import type { Cpu, Word } from '../engine/cpu.js';
import { type Arena, LINE_WORDS } from '../memory/arena.js';
import { IntervalTree } from './interval-tree.js';
import { type Memslot, type MemslotFields, NO_MEMSLOT, readMemslot, writeMemslot } from './memslot.js';
import { MemslotArray, memslotArrayWords } from './memslot-array.js';
import type { MemslotMeter } from './memslot-meter.js';
import type { HvaPageRange, MemslotChange, MemslotSetsConfig, MemslotStructure } from './memslot-sets.js';
import { HVA_NODE } from './rb-node.js';

/** Words that `MemslotArrayHvaTree` carves: beside the array a root, and a line for the node of each id. */
export function memslotArrayHvaTreeWords(config: MemslotSetsConfig): number {
  return memslotArrayWords(config) + LINE_WORDS + config.capacity * LINE_WORDS;
}

export class MemslotArrayHvaTree extends MemslotArray {
  override readonly name: MemslotStructure = 'array-hva-tree';
  override readonly hvaInPlace: boolean = true;
  readonly #words: Int32Array;
  readonly #hvaMeter: MemslotMeter;
  /** Word 0 is the root of the tree, word 1 the number of nodes. */
  readonly #root: Word;
  readonly #nodes: Word;
  readonly #tree: IntervalTree;

  constructor(arena: Arena, config: MemslotSetsConfig, meter: MemslotMeter) {
    super(arena, config, meter);
    this.#words = arena.words;
    this.#hvaMeter = meter;
    this.#root = arena.carveLine('hva tree');
    this.#nodes = arena.carve('hva tree nodes', config.capacity * LINE_WORDS);
    this.#tree = new IntervalTree(arena.words, this.#root, meter);
  }

  override forEachInHvaRange(cpu: Cpu, range: HvaPageRange, visit: (slot: Memslot) => void): void {
    const { first, last } = range;
    const tree = this.#tree;
    for (let node = tree.firstOverlap(first, last); node !== 0; node = tree.nextOverlap(node, first, last)) {
      const slot = this.idToMemslot(cpu, this.#idOf(node));
      if (slot !== NO_MEMSLOT) visit(slot);
    }
    this.#hvaMeter.charge(cpu);
  }

  override editHva(cpu: Cpu, change: MemslotChange): void {
    const { kind, memslot } = change;
    if (kind === 'create') this.#insertNode(memslot);
    if (kind === 'delete') this.#eraseNode(memslot.id);
    this.#hvaMeter.charge(cpu);
  }

  override load(memslots: readonly MemslotFields[]): void {
    super.load(memslots);
    for (const fields of memslots) this.#insertNode(fields);
    this.#hvaMeter.reset();
  }

  override footprint(): { emptyBytes: number; totalBytes: number } {
    const { emptyBytes, totalBytes } = super.footprint();
    const lineBytes = LINE_WORDS * Int32Array.BYTES_PER_ELEMENT;
    return { emptyBytes: emptyBytes + lineBytes, totalBytes: totalBytes + lineBytes + this.#words[this.#root + 1] * lineBytes };
  }

  override checkInvariants(): void {
    super.checkInvariants();
    const count = this.#tree.checkInvariants();
    if (count !== this.#words[this.#root + 1]) assert(false, `the hva tree counts ${this.#words[this.#root + 1]} nodes but has ${count}`);
  }

  #lineOf(id: number): Word {
    return this.#nodes + id * LINE_WORDS;
  }

  #idOf(node: Word): number {
    return (node - HVA_NODE - this.#nodes) / LINE_WORDS;
  }

  #insertNode(fields: MemslotFields): void {
    writeMemslot(this.#words, this.#lineOf(fields.id), fields);
    this.#tree.insert(this.#lineOf(fields.id) + HVA_NODE);
    this.#words[this.#root + 1]++;
  }

  #eraseNode(id: number): void {
    if (readMemslot(this.#words, this.#lineOf(id)).id !== id) assert(false, `memslot ${id} leaves the hva tree, where it is not`);
    this.#tree.erase(this.#lineOf(id) + HVA_NODE);
    this.#words[this.#root + 1]--;
  }
}
