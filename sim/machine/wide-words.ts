// Times and sums of up to 53 bits in two words of the arena, so that threads share them: an Int32 of nanoseconds would wrap after two seconds.
// Not atomic: one thread writes, or a lock is held.

const LOW_BITS = 31;
const LOW_RANGE = 2 ** LOW_BITS;

/** Words of one number. */
export const WIDE_WORDS = 2;

/** Stores a whole number in 0 to 2^53 - 1 at `at` and the word after it. */
export function storeWide(words: Int32Array, at: number, value: number): void {
  words[at] = Math.floor(value / LOW_RANGE);
  words[at + 1] = value % LOW_RANGE;
}

/** What `storeWide` stored; 0 in fresh words. */
export function loadWide(words: Int32Array, at: number): number {
  return words[at] * LOW_RANGE + words[at + 1];
}
