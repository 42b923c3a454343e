// Reads what people write after an option: counts, sizes, times, bandwidths, choices, and lists and ranges of them. Strict: a typing mistake is an
// error that says what was expected, never a number that nobody meant.

import { UsageError } from '../errors.js';

/** Reads one item, or says what was expected instead. */
export interface ItemParser<T> {
  (text: string): T | undefined;
  expected: string;
}

const KIB = 1024;
const MAX_LIST_ITEMS = 1024;
const SIZE_UNITS: Record<string, number> = { '': 1, k: KIB, m: KIB ** 2, g: KIB ** 3, t: KIB ** 4 };
const DECIMAL_UNITS: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const TIME_UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
const RANGE = /^([^.]+)\.\.([^.*]+)(?:\*(\d+))?$/;

/** A whole number from `min` to `max`. */
export function countItem(min: number, max: number): ItemParser<number> {
  const parse = (text: string): number | undefined => within(/^\d{1,15}$/.test(text) ? Number(text) : undefined, min, max);
  return Object.assign(parse, { expected: max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}` });
}

/** A decimal number from `min` to `max`, such as 0.5. */
export function decimalItem(min: number, max: number): ItemParser<number> {
  const parse = (text: string): number | undefined => within(/^\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined, min, max);
  return Object.assign(parse, { expected: `a number from ${min} to ${max}` });
}

/** Nanoseconds from a number with ns, us, ms or s (microseconds without), from 0 to `maxNs`. */
export function timeItem(maxNs: number): ItemParser<number> {
  const parse = (text: string): number | undefined => {
    const match = /^(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|ms|s)?$/.exec(text);
    return match === null ? undefined : within(wholeProduct(match[1], TIME_UNITS[match[2] ?? 'us']), 0, maxNs);
  };
  return Object.assign(parse, {
    expected: `a time from 0 to ${formatTime(maxNs)} in whole nanoseconds, such as 30us, 1.5ms or 500ns (us where no unit is given)`,
  });
}

/** "30us", "1ms", "500ns": nanoseconds in the largest unit that leaves no fraction. */
export function formatTime(ns: number): string {
  const unit = (['s', 'ms', 'us'] as const).find((name) => ns > 0 && ns % TIME_UNITS[name] === 0) ?? (ns === 0 ? 'us' : 'ns');
  return `${ns / TIME_UNITS[unit]}${unit}`;
}

/** Bytes per second, at most `max`, from bits (10GBit) or bytes per second (1.25GB/s); 0 stands for no limit. A bare number says neither, and is refused. */
export function bandwidthItem(max: number): ItemParser<number> {
  const parse = (text: string): number | undefined => {
    if (text === '0' || text.toLowerCase() === 'unlimited') return 0;
    const match = /^(\d{1,15}(?:\.\d{1,9})?)([kmgt]?)(bit(?:\/s)?|bps|B\/s)$/i.exec(text);
    if (match === null || match[3] === 'b/s') return undefined;
    const perUnit = DECIMAL_UNITS[match[2].toLowerCase()];
    const bytes = wholeProduct(match[1], match[3].toUpperCase() === 'B/S' ? perUnit : perUnit / 8);
    return within(bytes, 1, max);
  };
  return Object.assign(parse, { expected: 'a bandwidth in bits or bytes per second, such as 10GBit or 1.25GB/s (units of 1000), or 0 for no limit' });
}

/** "10GBit", "1B/s": bytes per second in the largest unit of bits that leaves no fraction, else in bytes; "0" for no limit. */
export function formatBandwidth(bytes: number): string {
  if (bytes === 0) return '0';
  const unit = (['t', 'g', 'm', 'k'] as const).find((name) => (bytes * 8) % DECIMAL_UNITS[name] === 0);
  return unit === undefined ? `${bytes}B/s` : `${(bytes * 8) / DECIMAL_UNITS[unit]}${unit === 'k' ? 'k' : unit.toUpperCase()}Bit`;
}

/** Bytes from a number with K, M, G or T (powers of 1024, any case); a multiple of `multipleOf` and above zero. */
export function sizeItem(multipleOf: number): ItemParser<number> {
  const parse = (text: string): number | undefined => {
    const bytes = bytesOf(text);
    return bytes !== undefined && bytes > 0 && bytes % multipleOf === 0 ? bytes : undefined;
  };
  return Object.assign(parse, { expected: `bytes in multiples of ${multipleOf}, such as 128M or 1G` });
}

/** One of some words; `aliases` maps other spellings (in lower case) to them. */
export function choiceItem<T extends string>(choices: readonly T[], aliases: Record<string, T> = {}): ItemParser<T> {
  const parse = (text: string): T | undefined => choices.find((choice) => choice === text) ?? aliases[text.toLowerCase()];
  return Object.assign(parse, { expected: choices.join(', ').replace(/, ([^,]+)$/, ' or $1') });
}

/** Y or N. */
export const yesNoItem: ItemParser<boolean> = Object.assign(
  (text: string): boolean | undefined => (/^(y|yes|on|true|1)$/i.test(text) ? true : /^(n|no|off|false|0)$/i.test(text) ? false : undefined),
  { expected: 'Y or N' },
);

/** One item. Throws a `UsageError` that names the option. */
export function parseOne<T>(option: string, text: string, item: ItemParser<T>): T {
  const value = item(text.trim());
  if (value === undefined) throw refusal(option, text, item.expected);
  return value;
}

/**
 * A list such as `2,4,8`, with ranges `1..8` (each step 1) and `2..64*2` (each the double of the one before) among its items where these are numbers.
 * Values are in the order given, each once. Throws a `UsageError` that names the option.
 */
export function parseList<T>(option: string, text: string, item: ItemParser<T>): T[] {
  const values = text.split(',').flatMap((part) => parsePart(part.trim(), item, (expected) => refusal(option, text, expected)));
  if (values.length > MAX_LIST_ITEMS) throw refusal(option, text, `at most ${MAX_LIST_ITEMS} values`);
  return [...new Set(values)];
}

/** "1G", "128M", "4K": bytes in the largest unit that leaves no fraction. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of Object.entries(SIZE_UNITS).reverse()) {
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit.toUpperCase()}`;
  }
  return String(bytes);
}

function parsePart<T>(part: string, item: ItemParser<T>, refuse: (expected: string) => UsageError): T[] {
  const range = RANGE.exec(part);
  if (range === null) {
    const value = item(part);
    if (value === undefined) throw refuse(`${item.expected}, or a list of them`);
    return [value];
  }
  const [first, last] = [item(range[1]), item(range[2])];
  const factor = range[3] === undefined ? undefined : Number(range[3]);
  if (typeof first !== 'number' || typeof last !== 'number' || first > last || first < 1 || (factor !== undefined && factor < 2)) {
    throw refuse('a range such as 1..8 or 2..64*2, from the smaller to the larger');
  }
  return expandRange(first, last, factor, refuse) as T[];
}

function expandRange(first: number, last: number, factor: number | undefined, refuse: (expected: string) => UsageError): number[] {
  const values: number[] = [];
  for (let value = first; value <= last; value = factor === undefined ? value + 1 : value * factor) {
    if (values.length === MAX_LIST_ITEMS) throw refuse(`at most ${MAX_LIST_ITEMS} values`);
    values.push(value);
  }
  return values;
}

function bytesOf(text: string): number | undefined {
  const match = /^(\d{1,15})([kmgt]?)$/i.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * SIZE_UNITS[match[2].toLowerCase()];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A decimal text times a factor, where that is whole (1.1 times 1000 is, in decimals). */
function wholeProduct(text: string, factor: number): number | undefined {
  const product = Number(text) * factor;
  const whole = Math.round(product);
  return Number.isSafeInteger(whole) && Math.abs(product - whole) < 1e-6 ? whole : undefined;
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function refusal(option: string, text: string, expected: string): UsageError {
  return new UsageError(`Cannot use ${option}: current ${JSON.stringify(text)}, expected ${expected}`);
}
