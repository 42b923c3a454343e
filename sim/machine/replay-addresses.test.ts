import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MemoryRegion } from '../kvm/memory-region.js';
import { PAGE_BYTES } from '../units.js';
import { fitAddresses, type Translate } from './replay-addresses.js';

const GIB = 2 ** 30;

function region(guestPhysAddr: number, memorySize: number, userspaceAddr: number): MemoryRegion {
  return { slot: 1, flags: 0, guestPhysAddr, memorySize, userspaceAddr };
}

function fitted(regions: readonly MemoryRegion[]): MemoryRegion[] {
  return regions.map(fitAddresses(regions) as Translate);
}

type Address = 'guestPhysAddr' | 'userspaceAddr';

/** How two regions lie to each other: overlap, order, and the distance where they overlap. */
function relation(a: MemoryRegion, b: MemoryRegion, address: Address): unknown {
  const overlap = a[address] < b[address] + b.memorySize && b[address] < a[address] + a.memorySize;
  return [overlap, Math.sign(a[address] - b[address]), overlap ? a[address] - b[address] : 0];
}

const anyAddress = fc.oneof(
  fc.nat(40).map((pages) => 0x7f00_0000_0000 + pages * 1000),
  fc.nat(40).map((pages) => pages * PAGE_BYTES),
  fc.nat({ max: 2 ** 47 }),
);
const anyRegion = fc.tuple(anyAddress, fc.integer({ min: 1, max: 30_000 }), anyAddress).map(([gpa, size, hva]) => region(gpa, size, hva));

test('fitAddresses keeps overlaps, order and offsets within pages, of guest and of host addresses', () => {
  fc.assert(
    fc.property(fc.array(anyRegion, { minLength: 1, maxLength: 12 }), (regions) => {
      const after = fitted(regions);
      for (const address of ['guestPhysAddr', 'userspaceAddr'] as const) {
        for (const [i, a] of regions.entries()) {
          assert.equal(after[i][address] % PAGE_BYTES, a[address] % PAGE_BYTES);
          assert.ok(after[i][address] + a.memorySize <= 64 * GIB);
          for (const [j, b] of regions.entries()) assert.deepEqual(relation(after[i], after[j], address), relation(a, b, address));
        }
      }
    }),
  );
});

test('fitAddresses leaves guest addresses below 64 GiB as they are', () => {
  const [low, high] = fitted([region(0, GIB, 0x7f00_0000_0000), region(63 * GIB, GIB, 0x7e00_0000_0000)]);
  assert.deepEqual([low.guestPhysAddr, high.guestPhysAddr], [0, 63 * GIB]);
  assert.deepEqual([low.userspaceAddr, high.userspaceAddr], [GIB, 0]);
});

test('fitAddresses says which limit more than 64 GiB of different pages exceed', () => {
  const regions = [region(0, 40 * GIB, 0), region(100 * GIB, 40 * GIB, 0)];
  assert.deepEqual(fitAddresses(regions), { kind: 'guest', bytes: 80 * GIB, limitBytes: 64 * GIB });
  const aliases = [region(0, 40 * GIB, 0), region(0, 40 * GIB, 2 ** 46)];
  assert.deepEqual(fitAddresses(aliases), { kind: 'host', bytes: 80 * GIB, limitBytes: 64 * GIB });
});

test('fitAddresses finds no room for deletes and for memslots of more pages than KVM takes, and keeps them unaligned', () => {
  const [gone, huge] = fitted([region(2 ** 50 + 1, 0, 2 ** 50 + 2), region(2 ** 50, 2 ** 43, 2 ** 50 + 3)]);
  assert.deepEqual([gone.guestPhysAddr, gone.userspaceAddr], [1, 2]);
  assert.deepEqual([huge.guestPhysAddr, huge.memorySize, huge.userspaceAddr], [0, 2 ** 43, 3]);
});
