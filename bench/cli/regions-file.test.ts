import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../errors.js';
import { parseRegions } from './regions-file.js';

const REGION = { slot: 1, flags: 0, guest_phys_addr: 0, memory_size: 4096, userspace_addr: 8192 };

function line(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({ ...REGION, ...changes });
}

function regionOf(changes: Record<string, unknown>) {
  return parseRegions(line(changes), 'f')[0].regions[0];
}

test('parseRegions reads the three ioctls with their lines, past blank lines and comments', () => {
  const text = `\ufeff# boot\n\n${line()}\r\n  # two at once\n[${line()}, ${line({ slot: 2 })}]\n{"set": []}`;
  const region = { slot: 1, flags: 0, guestPhysAddr: 0, memorySize: 4096, userspaceAddr: 8192 };
  assert.deepEqual(parseRegions(text, 'f'), [
    { line: 3, kind: 'region', regions: [region] },
    { line: 5, kind: 'change', regions: [region, { ...region, slot: 2 }] },
    { line: 6, kind: 'set', regions: [] },
  ]);
});

for (const [value, bytes] of [
  [4097, 4097],
  ['4097', 4097],
  ['0x1001', 4097],
  ['0X7F5C40000000', 0x7f5c40000000],
  ['640k', 640 * 1024],
  ['3G', 3 * 2 ** 30],
  [' 1T ', 2 ** 40],
] as const) {
  test(`parseRegions reads ${JSON.stringify(value)} as ${bytes}`, () => assert.equal(regionOf({ guest_phys_addr: value }).guestPhysAddr, bytes));
}

test('parseRegions reads flags as numbers and by name, and takes none for 0', () => {
  const flags = [2, '0x3', 'KVM_MEM_LOG_DIRTY_PAGES', 'KVM_MEM_LOG_DIRTY_PAGES|KVM_MEM_READONLY', undefined];
  assert.deepEqual(
    flags.map((value) => regionOf({ flags: value }).flags),
    [2, 3, 1, 3, 0],
  );
});

test('parseRegions lets a delete leave its addresses out, and nothing else', () => {
  const [{ regions }] = parseRegions('{"slot": 1, "memory_size": "0x0"}', 'f');
  assert.deepEqual(regions, [{ slot: 1, flags: 0, guestPhysAddr: 0, memorySize: 0, userspaceAddr: 0 }]);
});

const REFUSED: [string, RegExp][] = [
  ['', /f has no ioctl/],
  ['# only a comment\n\n', /f has no ioctl/],
  [`${line()}\n{"slot": 1,`, /f:2: current no JSON/],
  [`${line()}${line()}`, /f:1: current no JSON/],
  ['7', /f:1: current 7, expected an object/],
  ['null', /f:1: current null, expected an object/],
  ['[3]', /f:1: current 3, expected an object with slot, flags/],
  ['{"set": {}}', /f:1: current "set" \{\}, expected an array/],
  ['{"set": [], "slot": 1}', /f:1: unknown key "slot", expected set/],
  [line({ guest_phys_adr: 1 }), /f:1: unknown key "guest_phys_adr" \(did you mean "guest_phys_addr"\?\)/],
  [line({ toString: 1 }), /f:1: unknown key "toString"/],
  [line({ slot: undefined }), /f:1: "slot" is missing/],
  [line({ userspace_addr: undefined }), /f:1: "userspace_addr" is missing/],
  [line({ memory_size: undefined }), /f:1: "memory_size" is missing/],
  [line({ memory_size: '2X' }), /f:1: current memory_size "2X", expected a number, or a text such as/],
  [line({ memory_size: '' }), /f:1: current memory_size ""/],
  [line({ memory_size: 1.5 }), /f:1: current memory_size 1.5/],
  [line({ memory_size: null }), /f:1: current memory_size null/],
  [line({ memory_size: -4096 }), /f:1: current memory_size -4096, expected 0 to 2\^53 - 1/],
  [line({ memory_size: '-4K' }), /f:1: current memory_size "-4K", expected 0 to/],
  [line({ userspace_addr: '0xffff800000000000' }), /f:1: current userspace_addr "0xffff800000000000", expected 0 to 2\^53 - 1/],
  [line({ slot: 2 ** 32 }), /f:1: current slot 4294967296, expected 0 to 2\^32 - 1/],
  [line({ flags: 'KVM_MEM_FAST' }), /f:1: current flags "KVM_MEM_FAST"/],
  [line({ flags: 'toString' }), /f:1: current flags "toString"/],
  [line({ slot: 'KVM_MEM_READONLY' }), /f:1: current slot "KVM_MEM_READONLY"/],
];

for (const [text, reason] of REFUSED) {
  test(`parseRegions refuses ${JSON.stringify(text.slice(-70))} in one line`, () => {
    assert.throws(
      () => parseRegions(text, 'f'),
      (error) => error instanceof UsageError && reason.test(error.message) && !error.message.includes('\n'),
    );
  });
}
