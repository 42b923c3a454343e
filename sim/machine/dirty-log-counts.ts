// What can be derived on paper about a run of dirty_log_perf_test, asserted of every run it applies to.

import { assert } from '../assert.js';
import { rmapHeadCount } from '../kvm/memslots.js';
import type { DirtyLogOptions } from './cell.js';
import { kvmConfigOf } from './dirty-log-options.js';
import { regionPages } from './memstress.js';

/** Throws when counted work is not what it has to be. Cells whose work depends on order are left to the invariants. */
export function checkDerivedCounts(options: DirtyLogOptions, counters: Record<string, number>): void {
  const expect = (name: string, expected: number) => assert(counters[name] === expected, `counter ${name} is ${counters[name]}, derived ${expected}`);
  expect('pageFaults', counters.readFaults + counters.writeFaults);
  if (options.concurrent || options.runWhileDisabling) return;
  expectAccesses(options, counters);
  if (!isPlain(options)) return;
  expect('pageFaults', populateFaults(options) + dirtyFaults(options));
  expect('rmapHeadsVisited', headsVisited(options));
  expect('dirtyBitsSet', protectedPasses(options) * regionPages(options));
  if (options.split === 'eager') expectSplits(options, expect);
}

/** Every vCPU visits each of its pages once per pass. */
function expectAccesses(options: DirtyLogOptions, counters: Record<string, number>): void {
  const passes = options.processes + options.iterations;
  const pages = regionPages(options) * (options.overlap ? options.vcpus : 1);
  const accesses = counters.guestReads + counters.guestWrites;
  assert(accesses === passes * pages, `${accesses} guest accesses, derived ${passes} passes over ${pages} pages`);
}

/** The published form: one process, whole 1 GiB pages for each vCPU, every page written, in order, one memslot, no small quota. */
function isPlain(options: DirtyLogOptions): boolean {
  return (
    options.mmu === 'shadow' &&
    (options.split === 'lazy' || options.split === 'eager') &&
    options.processes === 1 &&
    options.vcpuBytes % 2 ** 30 === 0 &&
    options.backing.endsWith('1gb') &&
    options.guestPageBytes === 2 ** 30 &&
    options.writeEvery === 0 &&
    options.writePercent === 100 &&
    !options.randomAccess &&
    !options.overlap &&
    options.memslots === 1 &&
    options.mmuPages === 0 &&
    options.wpFaultLock === 'write' &&
    options.dirtyGranularityBytes === 4096
  );
}

function gibCount(options: DirtyLogOptions): number {
  return (options.vcpus * options.vcpuBytes) / 2 ** 30;
}

/** One per 1 GiB page. */
function populateFaults(options: DirtyLogOptions): number {
  return gibCount(options);
}

/** Initially-all-set: the first pass still runs on writable huge pages; the first clear protects. */
function protectedPasses(options: DirtyLogOptions): number {
  return options.initiallyAllSet ? options.iterations - 1 : options.iterations;
}

/** Passes in which every page faults: when a huge page was write-protected, or 4 KiB sptes without PML were. */
function dirtyFaults(options: DirtyLogOptions): number {
  const pages = regionPages(options);
  if (!options.ept) return protectedPasses(options) * pages;
  return options.split === 'lazy' && protectedPasses(options) > 0 ? pages : 0;
}

/** Rmap heads that the ioctls look at: 262144 + 512 + 1 per GiB for a walk of all levels. */
function headsVisited(options: DirtyLogOptions): number {
  const { baseGfn, npages } = kvmConfigOf(options).memslots[0];
  const heads = [0, 1, 2, 3].map((level) => (level === 0 ? 0 : rmapHeadCount(baseGfn, npages, level)));
  const huge = heads[2] + heads[3];
  const { iterations, initiallyAllSet, split } = options;
  const disable = heads[1] + heads[2];
  if (!initiallyAllSet) return heads[1] + huge + (split === 'eager' ? huge : 0) + iterations * heads[1] + disable;
  const words = npages / 64;
  const perClear = heads[1] + 2 * words + (split === 'eager' ? 2 * words : 0);
  return iterations * perClear + disable;
}

function expectSplits(options: DirtyLogOptions, expect: (name: string, expected: number) => void): void {
  const gib = gibCount(options);
  expect('hugePagesSplit', gib * (1 + 512));
  expect('splitSptes', gib * (512 + 512 * 512));
}
