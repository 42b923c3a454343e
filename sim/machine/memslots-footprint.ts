// What a memslot structure weighs once it is full: bytes, and the cache lines that a lookup touches. Counted, not timed.

import type { Kvm } from '../kvm/kvm.js';
import { Observer } from '../kvm/observer.js';
import { Prng } from '../prng.js';
import type { MeasuredValue } from './cell.js';
import { memslotPlace, type TestMemory } from './memslots-geometry.js';

const LOOKUPS = 1000;

/** Bytes with no memslot and as it is; mean lines per lookup of a random memslot by gfn and by hva, the cache of the last one missing. */
export function footprintValues(kvm: Kvm, memory: TestMemory): MeasuredValue[] {
  const { emptyBytes, totalBytes } = kvm.memslots.footprint();
  return [
    { metric: 'bytes_empty', value: emptyBytes },
    { metric: 'bytes_total', value: totalBytes },
    { metric: 'lines_per_gfn_lookup', value: linesPerLookup(kvm, memory, 'gfn') },
    { metric: 'lines_per_hva_lookup', value: linesPerLookup(kvm, memory, 'hva') },
  ];
}

function linesPerLookup(kvm: Kvm, memory: TestMemory, by: 'gfn' | 'hva'): number {
  const cpu = new Observer(kvm.words);
  const prng = new Prng(1);
  for (let lookup = 0; lookup < LOOKUPS; lookup++) {
    const { baseGfn, hvaPage } = memslotPlace(memory, 1 + prng.below(memory.nslots));
    if (by === 'gfn') kvm.memslots.gfnToMemslot(cpu, baseGfn);
    else kvm.memslots.forEachInHvaRange(cpu, { first: hvaPage, last: hvaPage }, () => undefined);
  }
  return cpu.counters.memslotLines / LOOKUPS;
}
