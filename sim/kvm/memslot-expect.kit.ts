// Each lookup of a memslot structure beside the answer of the oracle. Messages are worded only when they are needed: millions are not.

import assert from 'node:assert/strict';
import {
  LIVE,
  type Memslot,
  type MemslotFields,
  MS_ARCH,
  MS_BASE_GFN,
  MS_FLAGS,
  MS_HVA_PAGE,
  MS_ID,
  MS_NPAGES,
  MS_STATE,
  NO_MEMSLOT,
  readMemslot,
} from './memslot.js';
import type { KitCpu } from './memslot-cpu.kit.js';
import type { MemslotOracle, Query } from './memslot-oracle.kit.js';
import type { MemslotSets } from './memslot-sets.js';

/** One lookup of a kind that `query` picks. */
export function lookUp(sets: MemslotSets, cpu: KitCpu, oracle: MemslotOracle, how: { query: Query; byHva: boolean }): void {
  const { query, byHva } = how;
  const kind = query.kind(8);
  if (kind < 2) expectExact(sets, cpu, oracle, query.gfn());
  else if (kind === 2) expectApprox(sets, cpu, oracle, query.gfn());
  else if (kind === 3) expectById(sets, cpu, oracle, query.id());
  else if (kind === 4) expectInGfns(sets, cpu, oracle, { baseGfn: query.gfn(), npages: query.npages() });
  else if (kind === 5) expectOverlaps(sets, cpu, oracle, { span: { baseGfn: query.gfn(), npages: query.npages() }, exceptId: query.id() });
  else if (kind === 6) expectTotals(sets, cpu, oracle);
  else if (byHva) {
    const first = query.hva();
    expectInHvas(sets, cpu, oracle, { first, last: first + query.npages() - 1 });
  }
}

function isMemslot(words: Int32Array, slot: Memslot, fields: MemslotFields): boolean {
  return (
    words[slot + MS_STATE] === LIVE &&
    words[slot + MS_ID] === fields.id &&
    words[slot + MS_BASE_GFN] === fields.baseGfn &&
    words[slot + MS_NPAGES] === fields.npages &&
    words[slot + MS_HVA_PAGE] === fields.hvaPage &&
    words[slot + MS_FLAGS] === fields.flags &&
    words[slot + MS_ARCH] === fields.arch
  );
}

export function expectMemslot(sets: MemslotSets, words: Int32Array, slot: Memslot, fields: MemslotFields | undefined): void {
  if (fields === undefined) {
    if (slot !== NO_MEMSLOT) assert.fail(`${sets.name} found memslot ${JSON.stringify(readMemslot(words, slot))}, expected none`);
    return;
  }
  if (slot === NO_MEMSLOT) assert.fail(`${sets.name} found no memslot, expected ${JSON.stringify(fields)}`);
  if (!isMemslot(words, slot, fields)) assert.deepEqual({ ...readMemslot(words, slot), state: words[slot + MS_STATE] }, { ...fields, state: LIVE });
}

function expectSame(sets: MemslotSets, words: Int32Array, slots: Memslot[], expected: readonly MemslotFields[]): void {
  if (slots.length !== expected.length) {
    assert.deepEqual(
      slots.map((slot) => readMemslot(words, slot)),
      expected,
    );
  }
  for (const fields of expected) {
    if (!slots.some((slot) => isMemslot(words, slot, fields))) assert.fail(`${sets.name} did not find ${JSON.stringify(fields)}`);
  }
}

export function expectExact(sets: MemslotSets, cpu: KitCpu, oracle: MemslotOracle, gfn: number): void {
  expectMemslot(sets, cpu.words, sets.gfnToMemslot(cpu, gfn), oracle.exact(gfn));
}

export function expectApprox(sets: MemslotSets, cpu: KitCpu, oracle: MemslotOracle, gfn: number): void {
  const slot = sets.gfnToMemslotApprox(cpu, gfn);
  const allowed = oracle.approx(gfn);
  if (allowed.length === 0) expectMemslot(sets, cpu.words, slot, undefined);
  else if (slot === NO_MEMSLOT || !allowed.some((fields) => isMemslot(cpu.words, slot, fields))) expectMemslot(sets, cpu.words, slot, allowed[0]);
}

export function expectById(sets: MemslotSets, cpu: KitCpu, oracle: MemslotOracle, id: number): void {
  expectMemslot(sets, cpu.words, sets.idToMemslot(cpu, id), oracle.byId(id));
}

export function expectInHvas(sets: MemslotSets, cpu: KitCpu, oracle: MemslotOracle, range: { first: number; last: number }): void {
  const found: Memslot[] = [];
  sets.forEachInHvaRange(cpu, range, (slot) => found.push(slot));
  expectSame(sets, cpu.words, found, oracle.inHvas(range));
}

function expectInGfns(sets: MemslotSets, cpu: KitCpu, oracle: MemslotOracle, span: { baseGfn: number; npages: number }): void {
  const found: Memslot[] = [];
  sets.forEachInGfnRange(cpu, span, (slot) => found.push(slot));
  expectSame(sets, cpu.words, found, oracle.inGfns(span));
}

export function expectOverlaps(
  sets: MemslotSets,
  cpu: KitCpu,
  oracle: MemslotOracle,
  at: { span: { baseGfn: number; npages: number }; exceptId: number },
): void {
  const found = sets.overlaps(cpu, at.span, at.exceptId);
  if (found !== oracle.overlaps(at.span, at.exceptId)) assert.fail(`${sets.name} answers ${found} to whether ${JSON.stringify(at)} overlaps`);
}

export function expectTotals(sets: MemslotSets, cpu: KitCpu, oracle: MemslotOracle): void {
  if (sets.count(cpu) !== oracle.all.length) assert.fail(`${sets.name} counts ${sets.count(cpu)} memslots, expected ${oracle.all.length}`);
  if (sets.totalPages(cpu) !== oracle.totalPages()) assert.fail(`${sets.name} has ${sets.totalPages(cpu)} pages, expected ${oracle.totalPages()}`);
  const found: Memslot[] = [];
  const push = (slot: Memslot) => {
    found.push(slot);
  };
  sets.forEach(cpu, push);
  expectSame(sets, cpu.words, found, oracle.all);
}
