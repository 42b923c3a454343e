// A hash of what a VM's tables and bitmaps mean, whatever order they were built in: which page is mapped at which level with which
// rights, which pages are dirty. Two engines that ran the same work must agree on it.

import { ROOT_LEVEL, TABLE_ENTRIES, TABLE_SHIFT } from '../units.js';
import type { Kvm } from './kvm.js';
import { MS_NPAGES } from './memslot.js';
import { bitmapWords, dirtyBitmap } from './memslots.js';
import { spTable } from './shadow-page.js';
import { isLeaf, PAYLOAD_SHIFT, PRESENT, sptePayload } from './spte.js';

const FLAG_MASK = (1 << PAYLOAD_SHIFT) - 1;

/** 8 hex digits over all leaf sptes in order of gfn, root by root, and all dirty bits. No CPU may be running. */
export function stateHash(kvm: Kvm): string {
  const roots = kvm.direct ? 1 : kvm.config.guest.processCount;
  let hash = 0x811c9dc5 | 0;
  for (let process = 0; process < roots; process++) hash = hashTable(kvm, kvm.words[kvm.roots + process], { level: ROOT_LEVEL, gfn: 0 }, hash);
  kvm.eachMemslot((memslot) => {
    const bitmap = dirtyBitmap(kvm.words, memslot);
    for (let i = 0; i < bitmapWords(kvm.words[memslot + MS_NPAGES]); i++) hash = mix(hash, kvm.words[bitmap + i]);
  });
  return (hash >>> 0).toString(16).padStart(8, '0');
}

function hashTable(kvm: Kvm, sp: number, at: { level: number; gfn: number }, seed: number): number {
  const { words } = kvm;
  const shift = (at.level - 1) * TABLE_SHIFT;
  let hash = seed;
  for (let index = 0; index < TABLE_ENTRIES; index++) {
    const spte = words[spTable(kvm, sp) + index];
    if ((spte & PRESENT) === 0) continue;
    const gfn = at.gfn + index * 2 ** shift;
    if (isLeaf(spte, at.level)) hash = mix(mix(hash, gfn), (at.level << PAYLOAD_SHIFT) | (spte & FLAG_MASK));
    else hash = hashTable(kvm, sptePayload(spte), { level: at.level - 1, gfn }, hash);
  }
  return hash;
}

function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value ^ (hash >>> 15), 0x01000193);
}
