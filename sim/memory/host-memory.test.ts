import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Arena, carvedWords, LINE_WORDS } from './arena.js';
import { HostMemory } from './host-memory.js';

const PAGES = 200;

const page = fc.nat(PAGES - 1);
const steps = fc.array(
  fc.oneof(
    fc.record({ add: page }),
    fc.tuple(page, fc.nat(PAGES)).map(([first, count]) => ({ drop: { first, count: Math.min(count, PAGES - first) } })),
  ),
  { maxLength: 60 },
);

describe('HostMemory', () => {
  it('is a set of pages, and counts those that it drops', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const arena = Arena.ofWords(HostMemory.arenaWords(PAGES) + 2 * LINE_WORDS);
        const guard = arena.carveLine('before');
        const memory = new HostMemory(arena, PAGES);
        const after = arena.carveLine('after');
        const present = new Set<number>();
        for (const step of steps) {
          if ('add' in step) {
            memory.add(step.add);
            present.add(step.add);
            continue;
          }
          const { first, count } = step.drop;
          let expected = 0;
          for (let page = first; page < first + count; page++) if (present.delete(page)) expected++;
          assert.equal(memory.drop(first, count), expected);
        }
        for (let page = 0; page < PAGES; page++) assert.equal(memory.isPresent(page), present.has(page), `page ${page}`);
        assert.ok(arena.words.subarray(guard, guard + LINE_WORDS).every((word) => word === 0));
        assert.ok(arena.words.subarray(after, after + LINE_WORDS).every((word) => word === 0));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps 32 pages to a word, the last of an odd number included', () => {
    for (const pages of [1, 31, 32, 33, 1000]) {
      const arena = Arena.ofWords(HostMemory.arenaWords(pages));
      const memory = new HostMemory(arena, pages);
      memory.add(pages - 1);
      assert.equal(memory.isPresent(pages - 1), true);
      assert.equal(memory.wordOf(pages - 1) - memory.wordOf(0), (pages - 1) >>> 5);
      assert.equal(memory.drop(0, pages), 1);
      assert.equal(memory.drop(0, 0), 0);
      assert.ok(carvedWords(pages / 32) <= HostMemory.arenaWords(pages));
    }
  });
});
