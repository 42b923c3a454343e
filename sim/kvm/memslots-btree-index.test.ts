import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Arena } from '../memory/arena.js';
import { MEMSLOT_WORDS, type Memslot, type MemslotFields, readMemslot, writeMemslot } from './memslot.js';
import { MemslotMeter } from './memslot-meter.js';
import { BTreeIndex } from './memslots-btree-index.js';

const CAPACITY = 200;

function testIndex(): { index: BTreeIndex; record(id: number, fields: Partial<MemslotFields>): Memslot; words: Int32Array } {
  const arena = Arena.ofWords(BTreeIndex.wordsOf(CAPACITY) + 4 * CAPACITY * MEMSLOT_WORDS);
  const index = new BTreeIndex(arena, { name: 'test', capacity: CAPACITY, meter: new MemslotMeter() });
  const records = arena.carve('records', 4 * CAPACITY * MEMSLOT_WORDS);
  const record = (at: number, fields: Partial<MemslotFields>): Memslot => {
    const slot = records + at * MEMSLOT_WORDS;
    writeMemslot(arena.words, slot, { id: at, baseGfn: 0, npages: 1, hvaPage: 0, flags: 0, arch: 0, ...fields });
    return slot;
  };
  return { index, record, words: arena.words };
}

function overlapping(index: BTreeIndex, first: number, last: number): Memslot[] {
  const found: Memslot[] = [];
  index.forEachInHvaRange({ first, last }, (slot) => void found.push(slot));
  return found.sort((a, b) => a - b);
}

describe('BTreeIndex', () => {
  it('finds records by gfn and by hva while they come, go and are replaced', () => {
    const change = fc.record({ grid: fc.nat(CAPACITY - 1), kind: fc.constantFrom('toggle' as const, 'toggle' as const, 'replace' as const), hva: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
        const { index, record, words } = testIndex();
        const present = new Map<number, Memslot>(); // by place in a grid of 8 gfns each
        for (const [at, { grid, kind, hva }] of changes.entries()) {
          const old = present.get(grid);
          if (kind === 'toggle' && old === undefined) {
            const slot = record(at, { baseGfn: grid * 8, npages: 5, hvaPage: hva });
            index.insert(slot);
            present.set(grid, slot);
          } else if (kind === 'toggle' && old !== undefined) {
            index.erase(old);
            present.delete(grid);
          } else if (old !== undefined) {
            const next = record(at, { ...readMemslot(words, old), flags: 1 });
            index.replace(old, next);
            present.set(grid, next);
          }
        }
        index.checkInvariants();
        const ordered = [...present].sort(([a], [b]) => a - b).map(([, slot]) => slot);
        const listed: Memslot[] = [];
        const add = (slot: Memslot): void => void listed.push(slot);
        index.forEach(add);
        assert.deepEqual(listed, ordered);
        for (let gfn = 0; gfn < CAPACITY * 8; gfn += 3) {
          assert.equal(index.floor(gfn), ordered.findLast((slot) => words[slot] <= gfn) ?? 0);
          assert.equal(index.higher(gfn), ordered.find((slot) => words[slot] > gfn) ?? 0);
        }
        for (let page = 0; page < 50; page++) {
          const expected = ordered.filter((slot) => readMemslot(words, slot).hvaPage <= page + 1 && readMemslot(words, slot).hvaPage + 5 > page);
          assert.deepEqual(
            overlapping(index, page, page + 1),
            expected.sort((a, b) => a - b),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it('pays nothing for memslots that are not there, and little for each that is', () => {
    const { index, record } = testIndex();
    assert.equal(index.bytes, BTreeIndex.emptyBytes);
    for (let i = 0; i < CAPACITY; i++) index.insert(record(i, { baseGfn: i * 8, npages: 8, hvaPage: i * 8 }));
    assert.ok(index.bytes > 0 && index.bytes <= CAPACITY * 60, `${index.bytes} bytes`);
    index.checkInvariants();
  });
});
