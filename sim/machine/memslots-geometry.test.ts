import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MEMSLOT_TESTS } from './cell.js';
import {
  BASE_GFN,
  type GeometryOptions,
  geometryProblem,
  gfnEnd,
  hvaPagesEnd,
  iterationHalves,
  memslotPlace,
  mostSlots,
  movedMemslot,
  moveWindow,
  testMemory,
  unmapCalls,
  vcpuSpan,
  writtenSpan,
} from './memslots-geometry.js';

function memoryOf(name: GeometryOptions['test'], slots: number, vcpus = 1) {
  return testMemory({ test: name, slots, vcpus });
}

const LAYOUTS: [GeometryOptions['test'], number, { total: number; each: number; last: number }][] = [
  ['map', 509, { total: 8193, each: 16, last: 81 }],
  ['map', 8194, { total: 8193, each: 1, last: 1 }],
  ['unmap', 509, { total: 32_769, each: 64, last: 321 }],
  ['unmap-chunked', 32_764, { total: 32_769, each: 1, last: 7 }],
  ['move-active', 509, { total: 131_073, each: 258, last: 267 }],
  ['rw', 509, { total: 131_073, each: 258, last: 267 }],
  ['setup', 10, { total: 131_073, each: 14_563, last: 14_569 }],
  // 4 pages each and 21 more in the last: 25, for which the move window was made.
  ['move-active', 32_764, { total: 131_073, each: 4, last: 25 }],
  ['share', 65, { total: 4096 * 64, each: 4096, last: 4096 }],
];

for (const [name, slots, { total, each, last }] of LAYOUTS) {
  test(`${name} with ${slots} slots: ${total} pages, ${each} in each memslot, ${last} in the last`, () => {
    const memory = memoryOf(name, slots, name === 'share' ? 64 : 1);
    assert.deepEqual([memory.nslots, memory.totalPages, memory.pagesPerSlot, memory.lastPages], [slots - 1, total, each, last]);
  });
}

test('most slots are 8194 for map, as the post says, and all that KVM has for the others', () => {
  for (const name of MEMSLOT_TESTS.filter((other) => other !== 'share'))
    assert.equal(mostSlots({ test: name, vcpus: 1 }), name === 'map' ? 8194 : 32_764, name);
  assert.equal(mostSlots({ test: 'share', vcpus: 1 }), 4097);
});

test('a slot count that a test cannot have is refused, with what it can have', () => {
  assert.match(geometryProblem({ test: 'map', slots: 8195, vcpus: 1 }) ?? '', /current 8195 slots, expected at most 8194 for this test/);
  assert.match(geometryProblem({ test: 'move-active', slots: 2, vcpus: 1 }) ?? '', /expected at least 3/);
  assert.match(geometryProblem({ test: 'share', slots: 10, vcpus: 64 }) ?? '', /expected a divisor of the pages .* such as 65 slots/);
  const [problem] = [geometryProblem({ test: 'move-active', slots: 26_215, vcpus: 1 }) ?? ''];
  const other = Number(/with 8 pages in the last, .* such as (\d+)$/.exec(problem)?.[1]);
  assert.equal(geometryProblem({ test: 'move-active', slots: other, vcpus: 1 }), undefined);
  assert.equal(geometryProblem({ test: 'move-inactive', slots: 26_215, vcpus: 1 }), undefined);
});

/** Any cell that the geometry has nothing against. */
const cells = fc
  .record({ test: fc.constantFrom(...MEMSLOT_TESTS), slots: fc.integer({ min: 2, max: 2000 }), vcpus: fc.integer({ min: 1, max: 8 }) })
  .filter((options) => geometryProblem(options) === undefined);

test('memslots lie in one row in the guest, one host page apart, and take all pages', () => {
  fc.assert(
    fc.property(cells, (options) => {
      const memory = testMemory(options);
      let gfn = BASE_GFN;
      let hvaPage = memslotPlace(memory, 0).hvaPage + memslotPlace(memory, 0).npages + 1;
      for (let id = 1; id <= memory.nslots; id++) {
        const place = memslotPlace(memory, id);
        assert.deepEqual([place.id, place.baseGfn, place.hvaPage], [id, gfn, hvaPage]);
        assert.ok(place.npages >= 1);
        gfn += place.npages;
        hvaPage += place.npages + 1;
      }
      assert.equal(gfn, BASE_GFN + memory.totalPages);
      assert.equal(hvaPagesEnd(memory), hvaPage - 1);
    }),
    { numRuns: 200 },
  );
});

test('the largest cells of the plan stay below 2^24 host pages', () => {
  assert.ok(hvaPagesEnd(memoryOf('rw', 32_764)) < 2 ** 18);
  assert.ok(hvaPagesEnd(memoryOf('zap', 509, 64)) < 2 ** 24);
});

/** The host pages that calls cover, in order. */
function pagesOfCalls(calls: Int32Array): number[] {
  const pages: number[] = [];
  for (let i = 0; i < calls.length; i += 2) for (let n = 0; n < calls[i + 1]; n++) pages.push(calls[i] + n);
  return pages;
}

/** The host page behind each gfn of a half, from the memslots alone. */
function pagesOfHalf(memory: ReturnType<typeof testMemory>, half: 0 | 1): number[] {
  const area = memory.totalPages - 1;
  const pages: number[] = [];
  for (let id = 1; id <= memory.nslots; id++) {
    const { baseGfn, npages, hvaPage } = memslotPlace(memory, id);
    for (let n = 0; n < npages; n++) {
      const page = baseGfn + n - BASE_GFN - 1;
      if (page >= (half * area) / 2 && page < ((half + 1) * area) / 2) pages.push(hvaPage + n);
    }
  }
  return pages;
}

for (const name of ['map', 'unmap', 'unmap-chunked'] as const) {
  test(`the calls of ${name} unmap each half whole, each page once, and no page between memslots`, () => {
    for (const slots of [2, 3, 10, 100, 509, 8194]) {
      const memory = memoryOf(name, slots);
      for (const half of [0, 1] as const) assert.deepEqual(pagesOfCalls(unmapCalls(memory, half)), pagesOfHalf(memory, half), `${slots} slots`);
    }
  });
}

test('calls of an iteration: one per memslot for map, 32768 for unmap, 64 and the cuts for unmap-chunked', () => {
  const callsOf = (name: 'map' | 'unmap' | 'unmap-chunked', slots: number): number => {
    const memory = memoryOf(name, slots);
    return (unmapCalls(memory, 0).length + unmapCalls(memory, 1).length) / 2;
  };
  assert.equal(callsOf('map', 2), 2);
  assert.equal(callsOf('map', 8194), 8192);
  // 508 memslots and a half that begins inside of one.
  assert.equal(callsOf('map', 509), 509);
  for (const slots of [2, 509, 32_764]) assert.equal(callsOf('unmap', slots), 32_768);
  assert.equal(callsOf('unmap-chunked', 2), 64);
  // Memslots of 64 pages begin one page before the steps do.
  assert.equal(callsOf('unmap-chunked', 509), 507 + 64);
  // 32762 memslots of one page, of which one is the extra area, and one call for the last memslot.
  assert.equal(callsOf('unmap-chunked', 32_764), 32_761 + 1);
});

test('an iteration unmaps both halves, each while the guest writes the other', () => {
  for (const name of ['map', 'unmap', 'unmap-chunked'] as const) {
    const halves = iterationHalves(name);
    assert.deepEqual(halves.map(({ unmapped }) => unmapped).sort(), [0, 1]);
    for (const { unmapped, written } of halves) assert.equal(unmapped + written, 1);
  }
  assert.equal(iterationHalves('map')[0].unmapped, 1);
  assert.equal(iterationHalves('unmap')[0].unmapped, 0);
});

test('the guest writes halves, first pages or everything', () => {
  const area = BASE_GFN + 1;
  assert.deepEqual(writtenSpan(memoryOf('map', 10), 1), { gfn: area + 4096, npages: 4096 });
  assert.deepEqual(writtenSpan(memoryOf('unmap', 10), 0), { gfn: area, npages: 1 });
  assert.deepEqual(writtenSpan(memoryOf('unmap-chunked', 10), 1), { gfn: area + 16_384, npages: 1 });
  for (const half of [0, 1] as const) assert.deepEqual(writtenSpan(memoryOf('rw', 10), half), { gfn: area, npages: 131_072 });
  assert.equal(writtenSpan(memoryOf('setup', 10), 0).npages, 0);
});

test('the last memslot moves to the end of the test memory; windows lie around its start, or below it', () => {
  const active = memoryOf('move-active', 509);
  const { id, npages, homeGfn, awayGfn } = movedMemslot(active);
  assert.deepEqual([id, npages, homeGfn, awayGfn], [508, 267, BASE_GFN + 507 * 258, BASE_GFN + 131_073]);
  assert.equal(gfnEnd(active), awayGfn + npages);
  assert.deepEqual(moveWindow(active), { gfn: homeGfn - 25, npages: 50 });
  assert.deepEqual(moveWindow(memoryOf('move-inactive', 509)), { gfn: homeGfn - 50, npages: 50 });
  // At 32764 slots the half inside fills the moved memslot to its last page.
  const full = memoryOf('move-active', 32_764);
  assert.equal(moveWindow(full).gfn + 50, movedMemslot(full).homeGfn + movedMemslot(full).npages);
  assert.throws(() => moveWindow(memoryOf('rw', 10)), /no move window/);
});

test('zap: the work of all vCPUs in memslot 1, single pages, and 2 MiB that move', () => {
  const memory = memoryOf('zap', 509, 8);
  assert.deepEqual(
    [1, 2, 507, 508].map((id) => memslotPlace(memory, id).npages),
    [8 * 4096, 1, 1, 512],
  );
  assert.deepEqual(vcpuSpan(memory, 7), { gfn: BASE_GFN + 7 * 4096, npages: 4096 });
  assert.equal(movedMemslot(memory).homeGfn, BASE_GFN + 8 * 4096 + 506);
  assert.equal(memslotPlace(memoryOf('zap', 3, 1), 2).npages, 512);
});

test('share: with a memslot for each vCPU, that is what it works on', () => {
  const memory = memoryOf('share', 65, 64);
  for (const index of [0, 63]) {
    const { baseGfn, npages } = memslotPlace(memory, index + 1);
    assert.deepEqual(vcpuSpan(memory, index), { gfn: baseGfn, npages });
  }
});
