import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arena } from '../memory/arena.js';
import { PlainWords } from '../memory/plain-words.js';
import { FREED, LIVE, MS_STATE, writeMemslot } from './memslot.js';
import { MemslotRecords, memslotRecordsWords } from './memslot-records.js';

const CONFIG = { capacity: 4, recordWords: 32 };
const FIELDS = { id: 1, baseGfn: 2, npages: 3, hvaPage: 4, flags: 0, arch: 0 };

function testRecords() {
  const arena = Arena.ofWords(memslotRecordsWords(CONFIG));
  const records = new MemslotRecords(arena, CONFIG);
  const allocate = () => {
    const slot = records.allocate();
    writeMemslot(arena.words, slot, FIELDS);
    return slot;
  };
  return { words: arena.words, cpu: new PlainWords(arena.words), records, allocate };
}

describe('MemslotRecords', () => {
  it('never hands out a record that is in use, and marks freed ones', () => {
    const { words, cpu, records, allocate } = testRecords();
    const slots = [allocate(), allocate(), allocate()];
    assert.equal(new Set(slots).size, 3);
    assert.equal(words[slots[1] + MS_STATE], LIVE);
    records.free(cpu, slots[1]);
    assert.equal(words[slots[1] + MS_STATE], FREED);
    assert.equal(records.count, 2);
    assert.deepEqual([allocate(), allocate()].includes(slots[1]), true);
    assert.equal(records.count, 4);
    assert.throws(() => records.allocate(), /cannot allocate a memslot/);
  });

  it('refuses to free a record twice', () => {
    const { cpu, records, allocate } = testRecords();
    const slot = allocate();
    records.free(cpu, slot);
    assert.throws(() => records.free(cpu, slot), /freed twice/);
  });
});
