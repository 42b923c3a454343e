// The addresses of a real VM made to fit a simulated one, which has 64 GiB of guest pages and as many host pages. What no memslot names is
// squeezed out, in whole pages: what overlapped still overlaps, what was apart or in order still is, and what was unaligned still is.

import type { MemoryRegion } from '../kvm/memory-region.js';
import { MAX_PAYLOAD } from '../kvm/spte.js';
import { PAGE_BYTES } from '../units.js';

/** KVM refuses a memslot of more pages, whatever its addresses: it takes no room here. */
const KVM_MAX_PAGES = 2 ** 31 - 1;

/** Addresses and sizes in bytes. */
interface ByteRange {
  start: number;
  bytes: number;
}

/** Pages that are named without a gap, and where they go. */
interface Run {
  firstPage: number;
  endPage: number;
  newPage: number;
}

export type Translate = (region: MemoryRegion) => MemoryRegion;

/** Too many different pages are named: bytes of them and of what is simulated. */
export interface AddressLimit {
  kind: 'guest' | 'host';
  bytes: number;
  limitBytes: number;
}

/** How each of `regions` is told to the simulated VM. Guest addresses stay as they are where they can. */
export function fitAddresses(regions: readonly MemoryRegion[]): Translate | AddressLimit {
  const sized = regions.filter(hasAddresses);
  const host = squeeze(sized.map(({ userspaceAddr, memorySize }) => ({ start: userspaceAddr, bytes: memorySize })));
  const guestRanges = sized.map(({ guestPhysAddr, memorySize }) => ({ start: guestPhysAddr, bytes: memorySize }));
  const guest = guestRanges.every(({ start, bytes }) => start + bytes <= MAX_PAYLOAD * PAGE_BYTES) ? null : squeeze(guestRanges);
  if (guest !== null && pagesOf(guest) > MAX_PAYLOAD) return limit('guest', guest);
  if (pagesOf(host) > MAX_PAYLOAD) return limit('host', host);
  return (region) => {
    const { guestPhysAddr, userspaceAddr } = region;
    // A delete has addresses that nobody looks at but for their alignment.
    if (!hasAddresses(region)) return { ...region, guestPhysAddr: guestPhysAddr % PAGE_BYTES, userspaceAddr: userspaceAddr % PAGE_BYTES };
    return { ...region, guestPhysAddr: guest === null ? guestPhysAddr : moved(guest, guestPhysAddr), userspaceAddr: moved(host, userspaceAddr) };
  };
}

function hasAddresses({ memorySize }: MemoryRegion): boolean {
  return memorySize > 0 && memorySize / PAGE_BYTES <= KVM_MAX_PAGES;
}

/** Runs in ascending order, one after the other from page 0 on. */
function squeeze(ranges: readonly ByteRange[]): Run[] {
  const runs: Run[] = [];
  for (const { start, bytes } of [...ranges].sort((a, b) => a.start - b.start)) {
    const firstPage = Math.floor(start / PAGE_BYTES);
    const endPage = Math.ceil((start + bytes) / PAGE_BYTES);
    const last = runs.at(-1);
    if (last !== undefined && firstPage <= last.endPage) last.endPage = Math.max(last.endPage, endPage);
    else runs.push({ firstPage, endPage, newPage: pagesOf(runs) });
  }
  return runs;
}

function pagesOf(runs: readonly Run[]): number {
  const last = runs.at(-1);
  return last === undefined ? 0 : last.newPage + last.endPage - last.firstPage;
}

/** An address that one of the runs has. */
function moved(runs: readonly Run[], address: number): number {
  const page = Math.floor(address / PAGE_BYTES);
  let low = 0;
  let high = runs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (runs[middle].firstPage <= page) low = middle;
    else high = middle - 1;
  }
  return (runs[low].newPage - runs[low].firstPage) * PAGE_BYTES + address;
}

function limit(kind: AddressLimit['kind'], runs: readonly Run[]): AddressLimit {
  return { kind, bytes: pagesOf(runs) * PAGE_BYTES, limitBytes: MAX_PAYLOAD * PAGE_BYTES };
}
