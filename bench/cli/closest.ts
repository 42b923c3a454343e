// "Did you mean": the known word that a mistyped one is closest to.

/**
 * The word of `known` within a third of its letters of `word` (inserted, left out or replaced), or else the one that begins as `word` does for more
 * than three quarters of its letters: "memslot_perf_test" means memslots. `undefined` when none is that close.
 */
export function closest(typed: string, known: readonly string[]): string | undefined {
  const word = typed.replaceAll('_', '-');
  const near = known.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }));
  near.sort((a, b) => a.distance - b.distance);
  const [best] = near;
  if (best !== undefined && best.distance <= Math.ceil(best.candidate.length / 3)) return best.candidate;
  return known.find((candidate) => commonStart(word, candidate) > 0.75 * candidate.length);
}

/** How many letters two words begin with alike. */
function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++;
  return length;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...b].entries()) {
      current.push(Math.min(above[column + 1] + 1, current[column] + 1, above[column] + (letter === other ? 0 : 1)));
    }
    above = current;
  }
  return above[b.length];
}
