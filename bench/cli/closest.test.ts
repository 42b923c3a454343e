import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest } from './closest.js';

for (const [word, expected] of [
  ['dirty-lg', 'dirty-log'],
  ['dirtylog', 'dirty-log'],
  ['memslot', 'memslots'],
  ['memslot-perf', 'memslots'],
  ['memslot_perf_test', 'memslots'],
  ['dirty_log_perf_test', 'dirty-log'],
  ['dirt', undefined],
  ['uffd', undefined],
  ['', undefined],
] as const) {
  test(`closest to ${JSON.stringify(word)} is ${expected ?? 'none'}`, () => assert.equal(closest(word, ['dirty-log', 'memslots']), expected));
}
