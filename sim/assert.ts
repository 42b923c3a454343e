// The one assertion of the simulated kernel: always on, never caught.

/** Throws an `Error` naming the broken invariant: a programmer's mistake, not a user's. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`);
}
