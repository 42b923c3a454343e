import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SteadyWriter } from './steady-writer.js';

const PLAN = { firstGfn: 100, pages: 5, random: false, computePs: 0, now: () => 0 };

function makeWriter(changes: Partial<typeof PLAN> = {}) {
  const written: number[] = Array.from({ length: 1200 }, () => 0);
  const writer = new SteadyWriter({ ...PLAN, ...changes }, 1, (gfn, pages, times) => {
    for (let page = 0; page < pages; page++) written[gfn + page] += times;
  });
  return { writer, written };
}

/** Writes page by page to the end of the pass; the gfns in order. */
function finishPass(writer: SteadyWriter): number[] {
  const gfns = [];
  for (writer.restart(); writer.remaining > 0; writer.advance(1)) gfns.push(writer.gfn);
  return gfns;
}

describe('SteadyWriter', () => {
  it('goes on from pass to pass, over its pages again and again', () => {
    const { writer, written } = makeWriter();
    const gfns = [...finishPass(writer), ...finishPass(writer)];
    assert.deepEqual(
      gfns,
      gfns.map((_, index) => 100 + (index % 5)),
    );
    assert.equal(
      written.reduce((sum, times) => sum + times, 0),
      gfns.length,
    );
  });

  it('makes passes short where writes take long', () => {
    assert.equal(finishPass(makeWriter({ computePs: 1e9 }).writer).length, 1);
    assert.ok(finishPass(makeWriter({ computePs: 2e6 }).writer).length < finishPass(makeWriter().writer).length);
  });

  it('takes back what a stretch did not come to, across the end of its pages too', () => {
    const { writer, written } = makeWriter();
    writer.restart();
    writer.advance(3);
    writer.mark();
    const before = { gfn: writer.gfn, remaining: writer.remaining, written: [...written] };
    writer.advance(writer.alike());
    writer.advance(4);
    writer.rewind();
    assert.deepEqual({ gfn: writer.gfn, remaining: writer.remaining, written: [...written] }, before);
    writer.advance(2);
    assert.equal(writer.gfn, 100);
    assert.deepEqual(written.slice(100, 105), [1, 1, 1, 1, 1]);
  });

  it('makes up for computing that was cut short, after the next write', () => {
    let nowPs = 0;
    const { writer } = makeWriter({ computePs: 1000, now: () => nowPs });
    const write = (atPs: number): number => {
      nowPs = atPs;
      writer.advance(1);
      return writer.computePs;
    };
    writer.restart();
    assert.equal(write(100), 1000);
    assert.equal(write(600), 1500, 'it was to compute until 1100');
    assert.equal(write(2100), 1000);
    assert.equal(write(9000), 1000, 'time lost elsewhere is lost');
    writer.mark();
    assert.equal(writer.computePs, 1000, 'a stretch is planned beforehand');
  });

  it('draws other pages for another seed, and all of them from its region', () => {
    const drawn = (seed: number) => {
      const gfns: number[] = [];
      const writer = new SteadyWriter({ ...PLAN, pages: 1000, random: true }, seed, (gfn) => gfns.push(gfn));
      for (let pass = 0; pass < 10; pass++) finishPass(writer);
      return gfns;
    };
    assert.ok(drawn(1).every((gfn) => gfn >= 100 && gfn < 1100));
    assert.notDeepEqual(drawn(1), drawn(2));
    assert.deepEqual(drawn(1), drawn(1));
  });
});
