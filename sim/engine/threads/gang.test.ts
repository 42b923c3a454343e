import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Gang } from './gang.js';
import { readSchedstat } from './schedstat.js';

function gangOf(size: number, timeoutMs = 50): Gang[] {
  const words = new Int32Array(new SharedArrayBuffer(Gang.wordCount(size) * Int32Array.BYTES_PER_ELEMENT));
  return Array.from({ length: size }, (_, index) => new Gang({ words, size, index, timeoutMs }));
}

describe('Gang', () => {
  it('lets a gang of one pass every barrier', () => {
    const [only] = gangOf(1);
    only.join(1);
    only.meet('phase 1');
    only.lineUp(1);
    only.meet('phase 2');
  });

  it('names those who have not come when the time is up', () => {
    const [, second] = gangOf(3);
    assert.throws(() => second.meet('phase "dirty"'), /Cannot meet at phase "dirty": current 1 threads after 50 ms \(missing 0, 2\), expected 3/);
  });

  it('refuses two members on one thread', () => {
    const [first, second] = gangOf(2);
    assert.throws(() => first.join(7), /Cannot meet at the start/);
    assert.throws(() => second.join(7), /2 members of a gang on threads 7, 7/);
  });

  it('gives up the line-up when others are late', () => {
    const [first] = gangOf(2);
    first.lineUp(2);
  });
});

describe('readSchedstat', () => {
  it('grows where the host tells, and is undefined elsewhere', () => {
    const before = readSchedstat();
    if (before === undefined) return;
    let sink = 0;
    for (let i = 0; i < 1e6; i++) sink += Math.imul(i, i);
    assert.ok(Number.isFinite(sink));
    const after = readSchedstat();
    assert.ok(after !== undefined && after.runNs > before.runNs);
  });
});
