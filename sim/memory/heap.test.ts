import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Arena, carvedWords, LINE_WORDS } from './arena.js';
import { blockWords, Heap } from './heap.js';

const CAPACITY = 64 * LINE_WORDS;

function makeHeap(capacity = CAPACITY): { arena: Arena; heap: Heap } {
  const arena = Arena.ofWords(capacity + 4 * LINE_WORDS);
  return { arena, heap: new Heap(arena, 'test', capacity) };
}

/** A request for some words, or the n-th block to give back. */
const steps = fc.array(fc.oneof(fc.record({ length: fc.integer({ min: 0, max: 90 }) }), fc.record({ free: fc.nat(50) })), { maxLength: 120 });

interface Block {
  at: number;
  length: number;
}

describe('Heap', () => {
  it('gives out zeroed, aligned blocks that do not overlap, and says beforehand when it cannot', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const { arena, heap } = makeHeap();
        const live: Block[] = [];
        for (const step of steps) {
          if ('free' in step) giveBack(heap, live, step.free);
          else if (heap.hasRoom([step.length])) live.push(take(arena, heap, step.length, live));
          else assert.throws(() => heap.alloc(step.length), /out of memory/);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('has room for several blocks exactly when it can give out all of them', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(steps, lengths, (steps, lengths) => {
        const { arena, heap } = makeHeap();
        const live: Block[] = [];
        for (const step of steps) {
          if ('free' in step) giveBack(heap, live, step.free);
          else if (heap.hasRoom([step.length])) live.push(take(arena, heap, step.length, live));
        }
        const promised = heap.hasRoom(lengths);
        const allocate = () => {
          for (const length of lengths) heap.alloc(length);
        };
        if (promised) allocate();
        else assert.throws(allocate, /out of memory/);
      }),
      { numRuns: 200 },
    );
  });

  it('tells memory that was never in use from memory that was', () => {
    const { heap } = makeHeap();
    const { block, fresh } = heap.alloc(100);
    assert.equal(fresh, true);
    heap.free(block);
    assert.deepEqual(heap.alloc(100), { block, fresh: false });
  });

  it('does not waste half of a block or more', () => {
    const { heap } = makeHeap();
    const large = heap.alloc(4 * LINE_WORDS).block; // five lines with its header
    heap.free(large);
    assert.notEqual(heap.alloc(LINE_WORDS).block, large); // two lines
    assert.equal(heap.alloc(2 * LINE_WORDS).block, large); // three lines
  });

  it('takes a freed block when nothing else is left', () => {
    const { heap } = makeHeap(blockWords(50));
    const { block } = heap.alloc(50);
    assert.equal(heap.hasRoom([50]), false);
    heap.free(block);
    assert.equal(heap.hasRoom([50]), true);
    assert.equal(heap.hasRoom([50, 50]), false);
    assert.equal(heap.alloc(50).block, block);
  });

  it('is one heap for all who carve it in the same order', () => {
    const { arena, heap } = makeHeap();
    const other = new Heap(new Arena(arena.buffer), 'test', CAPACITY);
    const { block } = heap.alloc(20);
    other.free(block);
    assert.deepEqual(heap.alloc(20), { block, fresh: false });
  });
});

function take(arena: Arena, heap: Heap, length: number, live: readonly Block[]): Block {
  const { block: at } = heap.alloc(length);
  const { words } = arena;
  assert.equal(at % LINE_WORDS, 0);
  assert.ok(at + length <= words.length);
  for (const other of live) assert.ok(at + length <= other.at || other.at + other.length <= at, 'two blocks overlap');
  for (let word = at; word < at + length; word++) assert.equal(words[word], 0);
  words.fill(-1, at, at + carvedWords(length)); // whole lines are the owner's: neither a neighbour nor a header may be there
  return { at, length: carvedWords(length) };
}

function giveBack(heap: Heap, live: Block[], index: number): void {
  if (live.length === 0) return;
  const [block] = live.splice(index % live.length, 1);
  heap.free(block.at);
}
