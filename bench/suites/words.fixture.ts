// Reads words of a command line as commander hands them to a suite's options: for tests of plans.

import assert from 'node:assert/strict';
import type { GivenOptions, Suite, SuiteOption } from './suite.js';

/** What these words give. A value in brackets may be left out. */
export function parseWords(suite: Suite, ...words: readonly string[]): GivenOptions {
  const given: GivenOptions = {};
  for (let i = 0; i < words.length; i++) {
    const option = suite.options.find(({ long, letter }) => words[i] === `--${long}` || words[i] === `-${letter}`) as SuiteOption;
    assert.ok(option, `no option ${words[i]}`);
    const mayBeAbsent = option.value === undefined || (option.value.startsWith('[') && (words[i + 1] ?? '-').startsWith('-'));
    const text = mayBeAbsent ? '' : words[++i];
    if (option.field !== undefined) given[option.field] = option.parse?.(text) ?? [];
  }
  return given;
}
