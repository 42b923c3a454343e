// The memslots and the queries of a microbenchmark, the same for all contestants, with the answers that everyone must give.
//
// Memslots lie 16 gfns apart and end before that, so that there are holes; by hva they lie 12 pages apart, so that neighbours overlap
// here and there. Some are left out at first: these are what inserts put in and erases take out, so that n stays what it is.

/** The seed of every random choice: the sequence of keys is part of the benchmark. */
const SEED = 0x2545f491;
const GFN_STRIDE = 16;
const HVA_STRIDE = 12;
const HVA_BASE = 0x1000;
/** Pages in a query by hva. */
const QUERY_PAGES = 4;
/** Queries of each kind: passes take different ones, so that they do not find the cache warm from the pass before. */
export const QUERIES = 1 << 16;
const SPARES_MAX = 1 << 14;
const BATCH_MAX = 1024;
/** Inserts or erases that a sample should have at least: a small n gets as many copies of the structure as that takes. */
const EDITS_MIN = 256;

export interface Workload {
  /** Memslots that are there while lookups run. */
  readonly n: number;
  /** Memslots in all, those left out included: places 0 to `places - 1`, in ascending order of gfn and of hva. */
  readonly places: number;
  /** Places of the memslots that are there, in random order. */
  readonly present: Int32Array;
  /** Places of the memslots that are left out, in random order. */
  readonly spares: Int32Array;
  /** Spares that one batch inserts and then erases: at most an eighth of n. */
  readonly batch: number;
  /** Structures that a sample of edits goes through. */
  readonly copies: number;
  readonly exact: Queries;
  readonly floor: Queries;
  readonly overlap: Queries;
}

/** Arguments and right answers. An answer is the id of a memslot, or 0; for overlaps the sum of ids. */
export interface Queries {
  /** gfns, or first host pages. */
  readonly at: Int32Array;
  /** Sums of the answers to the queries before each index, modulo 2^32. */
  readonly sums: Int32Array;
}

/** The fields of the memslot at a place. Ids are 1 and up. */
export const memslotAt = {
  id: (place: number): number => place + 1,
  baseGfn: (place: number): number => place * GFN_STRIDE,
  npages: (place: number): number => 8 + (Math.imul(place, 0x9e3779b1) >>> 29),
  hvaPage: (place: number): number => HVA_BASE + place * HVA_STRIDE,
  hvaLast: (place: number): number => memslotAt.hvaPage(place) + memslotAt.npages(place) - 1,
};

/** Last host page of the query that begins at `first`. */
export function queryLast(first: number): number {
  return first + QUERY_PAGES - 1;
}

/** What all contestants do for n memslots. */
export function makeWorkload(n: number): Workload {
  const random = randomBelow(SEED);
  const spareCount = Math.min(Math.max(16, n >> 1), SPARES_MAX);
  const places = n + spareCount;
  const order = shuffle(
    Int32Array.from({ length: places }, (_, i) => i),
    random,
  );
  const present = order.slice(spareCount);
  const isPresent = new Uint8Array(places);
  for (const place of present) isPresent[place] = 1;
  const batch = Math.min(Math.max(1, n >> 3), BATCH_MAX, spareCount);
  const someGfn = Int32Array.from({ length: QUERIES }, () => random(places * GFN_STRIDE));
  return {
    n,
    places,
    present,
    spares: order.slice(0, spareCount),
    batch,
    copies: Math.ceil(EDITS_MIN / batch),
    exact: answer(
      someGfn.map((gfn, i) => (i % 4 === 0 ? gfn : memslotAt.baseGfn(present[gfn % n]))),
      (gfn) => exactAnswer(gfn, isPresent),
    ),
    floor: answer(someGfn, (gfn) => floorAnswer(gfn, isPresent)),
    overlap: answer(
      Int32Array.from({ length: QUERIES }, () => HVA_BASE + random(places * HVA_STRIDE)),
      (first) => overlapAnswer(first, isPresent),
    ),
  };
}

/** The right sum of the answers to `count` queries from `from` on, modulo 2^32. */
export function expectedSum({ sums }: Queries, from: number, count: number): number {
  return (sums[from + count] - sums[from]) | 0;
}

function answer(at: Int32Array, answerTo: (at: number) => number): Queries {
  const sums = new Int32Array(at.length + 1);
  for (const [i, query] of at.entries()) sums[i + 1] = sums[i] + answerTo(query);
  return { at, sums };
}

function exactAnswer(gfn: number, isPresent: Uint8Array): number {
  const place = gfn / GFN_STRIDE;
  return Number.isInteger(place) && isPresent[place] === 1 ? memslotAt.id(place) : 0;
}

function floorAnswer(gfn: number, isPresent: Uint8Array): number {
  let place = Math.floor(gfn / GFN_STRIDE);
  while (place >= 0 && isPresent[place] === 0) place--;
  return place < 0 ? 0 : memslotAt.id(place);
}

function overlapAnswer(first: number, isPresent: Uint8Array): number {
  const last = queryLast(first);
  let sum = 0;
  const nearest = Math.floor((first - HVA_BASE) / HVA_STRIDE);
  for (let place = Math.max(0, nearest - 2); place <= nearest + 2 && place < isPresent.length; place++) {
    if (isPresent[place] === 1 && memslotAt.hvaPage(place) <= last && memslotAt.hvaLast(place) >= first) sum += memslotAt.id(place);
  }
  return sum;
}

/** xorshift32: an integer in [0, bound). Nothing here needs more than an even spread. */
function randomBelow(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

function shuffle(values: Int32Array, random: (bound: number) => number): Int32Array {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random(i + 1);
    const value = values[i];
    values[i] = values[j];
    values[j] = value;
  }
  return values;
}
