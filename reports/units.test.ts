import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decimalsFor, formatBytes, formatCount, formatMetric, formatMetricRange, formatNs, formatRatio, formatSpread } from './units.js';

test('formatNs picks the unit', () => {
  assert.deepEqual([0, 7, 640.25, 999.99, 83914116, 16501287504, 1e9, 999999, Number.NaN].map(formatNs), [
    '0 ns',
    '7 ns',
    '640.3 ns',
    '1.000 µs',
    '83.91 ms',
    '16.50 s',
    '1.000 s',
    '1.000 ms',
    '-',
  ]);
});

test('formatCount, formatBytes and formatRatio stay short', () => {
  assert.deepEqual([262144, 16777216, 0.5, 3e9].map(formatCount), ['262,144', '16.78 M', '0.5000', '3.000 G']);
  assert.deepEqual([1024 ** 3, 4096, 5000, 128 * 1024 ** 2].map(formatBytes), ['1G', '4K', '5000', '128M']);
  assert.deepEqual([1, 0.994, 12.345, 123.4, 0.0123].map(formatRatio), ['1.00', '0.99', '12.35', '123', '0.012']);
});

test('formatMetricRange says a shared unit once', () => {
  assert.equal(formatMetricRange(1.2e9, 1.36e9, 'ns'), '1.200..1.360 s');
  assert.equal(formatMetricRange(9e8, 1.02e9, 'ns'), '900.0 ms..1.020 s');
  assert.equal(formatMetric(1e6, 'per_s'), '1.000 M/s');
});

test('formatSpread is the width in percent of the middle', () => {
  assert.deepEqual([formatSpread(98, 102, 100), formatSpread(5, 5, 5), formatSpread(1, 2, 0)], ['4.0 %', '0 %', '-']);
});

test('decimalsFor gives the smallest value three digits', () => {
  assert.deepEqual([decimalsFor([0.058, 16.5]), decimalsFor([0.00154]), decimalsFor([20, 5]), decimalsFor([])], [4, 5, 2, 3]);
});
