import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UsageError } from '../errors.js';
import {
  bandwidthItem,
  choiceItem,
  countItem,
  decimalItem,
  formatBandwidth,
  formatSize,
  formatTime,
  type ItemParser,
  parseList,
  parseOne,
  sizeItem,
  timeItem,
  yesNoItem,
} from './values.js';

const counts = countItem(1, 4096);
const sizes = sizeItem(4096);
const words = choiceItem(['lazy', 'eager'], { off: 'lazy' });

const times = timeItem(10e9);
const bandwidths = bandwidthItem(1e12);

const GOOD: [string, ItemParser<unknown>, unknown[]][] = [
  ['64', counts, [64]],
  ['2,4,8', counts, [2, 4, 8]],
  [' 2 , 4 ', counts, [2, 4]],
  ['1..4', counts, [1, 2, 3, 4]],
  ['2..64*2', counts, [2, 4, 8, 16, 32, 64]],
  ['3..20*3', counts, [3, 9]],
  ['1,2..8*2,100', counts, [1, 2, 4, 8, 100]],
  ['2,2,1..3', counts, [2, 1, 3]],
  ['1G', sizes, [2 ** 30]],
  ['30us,30', times, [30_000]],
  ['1.5ms', times, [1_500_000]],
  ['0,500ns,0.5us,2s,7µs', times, [0, 500, 2e9, 7000]],
  ['10GBit', bandwidths, [1.25e9]],
  ['1.25GB/s,100Mbit/s,800kbps,1B/s', bandwidths, [1.25e9, 12.5e6, 1e5, 1]],
  ['0,unlimited', bandwidths, [0]],
  ['128m,1g', sizes, [2 ** 27, 2 ** 30]],
  ['1T', sizes, [2 ** 40]],
  ['4096', sizes, [4096]],
  ['128M..1G*2', sizes, [2 ** 27, 2 ** 28, 2 ** 29, 2 ** 30]],
  ['eager,lazy', words, ['eager', 'lazy']],
  ['OFF', words, ['lazy']],
  ['Y,N', yesNoItem, [true, false]],
  ['yes,off', yesNoItem, [true, false]],
  ['0.5', decimalItem(0, 10), [0.5]],
];

for (const [text, item, expected] of GOOD) {
  test(`parseList reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseList('--list', text, item), expected));
}

const BAD: [string, ItemParser<unknown>, RegExp][] = [
  ['', counts, /current "", expected a whole number from 1 to 4096/],
  [' ', counts, /expected a whole number/],
  ['0', counts, /current "0", expected a whole number from 1 to 4096/],
  ['4097', counts, /expected a whole number/],
  ['-1', counts, /expected a whole number/],
  ['2,x', counts, /current "2,x", expected a whole number/],
  ['2,', counts, /current "2,"/],
  ['2.5', counts, /expected a whole number/],
  ['1e3', counts, /expected a whole number/],
  ['0x10', counts, /expected a whole number/],
  ['8..2', counts, /expected a range such as 1..8 or 2..64\*2/],
  ['2..8*1', counts, /expected a range/],
  ['2..8*0', counts, /expected a range/],
  ['2..', counts, /expected a whole number/],
  ['0..8', counts, /expected a range/],
  ['1..4096', counts, /expected at most 1024 values/],
  ['3', sizes, /current "3", expected bytes in multiples of 4096, such as 128M or 1G/],
  ['1GB', sizes, /expected bytes/],
  ['0', sizes, /expected bytes/],
  ['999999999999999T', sizes, /expected bytes/],
  ['lazzy', words, /expected lazy or eager/],
  ['lazy..eager', words, /expected a range/],
  ['maybe', yesNoItem, /expected Y or N/],
];

for (const [text, item, reason] of BAD) {
  test(`parseList refuses ${JSON.stringify(text)} of ${item.expected}`, () => {
    assert.throws(
      () => parseList('--list', text, item),
      (error) => error instanceof UsageError && reason.test(error.message) && !error.message.includes('\n'),
    );
  });
}

test('parseOne takes one value and no list', () => {
  assert.equal(parseOne('--seed', '7', counts), 7);
  assert.throws(() => parseOne('--seed', '7,8', counts), /Cannot use --seed: current "7,8", expected a whole number from 1 to 4096$/);
});

test('formatSize takes the largest unit that leaves no fraction, and sizes read back', () => {
  assert.deepEqual([4096, 2 ** 21, 2 ** 30, 3 * 2 ** 29, 2 ** 40, 4100].map(formatSize), ['4K', '2M', '1G', '1536M', '1T', '4100']);
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (pages) => parseOne('--memory', formatSize(pages * 4096), sizes) === pages * 4096));
});

for (const text of ['-5us', '30 min', 'us', '0.5ns', '10.1s', '1e3', ''])
  test(`${JSON.stringify(text)} is no time`, () => {
    assert.throws(
      () => parseOne('--latency', text, times),
      /Cannot use --latency: .* a time from 0 to 10s in whole nanoseconds, .*\(us where no unit is given\)$/,
    );
  });

for (const text of ['10G', '1.25Gb/s', '10', '-1GBit', '1bit', '9TB/s'])
  test(`${JSON.stringify(text)} is no bandwidth`, () => {
    assert.throws(() => parseOne('--bandwidth', text, bandwidths), /expected a bandwidth in bits or bytes per second, such as 10GBit or 1.25GB\/s/);
  });

test('times and bandwidths are printed as they can be read again', () => {
  assert.deepEqual([0, 500, 30_000, 1_500_000, 2e9].map(formatTime), ['0us', '500ns', '30us', '1500us', '2s']);
  assert.deepEqual([0, 1, 125, 1.25e9, 12.5e6].map(formatBandwidth), ['0', '1B/s', '1kBit', '10GBit', '100MBit']);
  fc.assert(fc.property(fc.integer({ min: 0, max: 10e9 }), (ns) => times(formatTime(ns)) === ns));
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e12 }), (bytes) => bandwidths(formatBandwidth(bytes)) === bytes));
});
