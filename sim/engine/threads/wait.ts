// Waiting for another thread to change a word: by spinning, or by spinning for a while and then sleeping.
//
// Every wait has an end. A wakeup that never comes is a broken invariant which names the lock and the CPU, not a hang.

import { performance } from 'node:perf_hooks';

/** A single wait that takes longer than this is taken for a lost wakeup or a deadlock. */
export const WAIT_TIMEOUT_MS = 30_000;

/** Polls before a parking wait goes to sleep: about what a sleep and a wakeup cost. */
export const SPINS_BEFORE_PARKING = 500;

/** Polls between two looks at the clock. */
const SPINS_PER_LOOK = 1 << 13;

/** How the locks of one run wait. */
export interface WaitPolicy {
  /** Sleep after a bounded spin: for more threads than cores. */
  park: boolean;
  /** A single wait that takes longer is a broken invariant. */
  timeoutMs: number;
}

/** Who waits, for what: named when the wait fails. */
export interface Waiter {
  lock: string;
  cpuId: number;
}

/** Waits until `words[word]` is no longer `seen`, and returns what it is then. Throws when that takes longer than the time-out. */
export function waitForChange(words: Int32Array, place: { word: number; seen: number }, waiter: Waiter, policy: WaitPolicy): number {
  const { word, seen } = place;
  let deadline = 0;
  for (let spins = 1; ; spins++) {
    const value = Atomics.load(words, word);
    if (value !== seen) return value;
    if (policy.park && spins > SPINS_BEFORE_PARKING) sleepUntilNotified(words, place, waiter, policy);
    if (spins % SPINS_PER_LOOK !== 0) continue;
    const now = performance.now();
    if (deadline === 0) deadline = now + policy.timeoutMs;
    else if (now > deadline) failWait(waiter, `nothing changed for ${policy.timeoutMs} ms`);
  }
}

/** Sleeps until someone notifies `word`, or returns at once when it is no longer `seen`. Throws after the time-out. */
export function sleepUntilNotified(words: Int32Array, place: { word: number; seen: number }, waiter: Waiter, policy: WaitPolicy): void {
  if (Atomics.wait(words, place.word, place.seen, policy.timeoutMs) !== 'timed-out') return;
  const lost = Atomics.load(words, place.word) !== place.seen;
  failWait(waiter, lost ? `its wakeup was lost ${policy.timeoutMs} ms ago or less` : `nobody woke it for ${policy.timeoutMs} ms`);
}

/** How long a thread that gave its CPU up may sleep. */
export interface SleepPatience {
  /** A sleep that takes longer is a broken invariant. */
  timeoutMs: number;
  /** Asked when the time is up: true where a longer sleep is no fault, as that of a service while vCPUs run on. The sleeper then waits once more. */
  mayStayAsleep?(): boolean;
}

/** Sleeps for as long as `words[word]` is `seen`. Throws when that takes longer than `patience` has. */
export function sleepWhile(words: Int32Array, place: { word: number; seen: number }, waiter: Waiter, patience: SleepPatience): void {
  const { word, seen } = place;
  const { timeoutMs } = patience;
  let mayStay = patience.mayStayAsleep !== undefined;
  while (Atomics.load(words, word) === seen) {
    if (Atomics.wait(words, word, seen, timeoutMs) !== 'timed-out' || Atomics.load(words, word) !== seen) continue;
    if (!mayStay) failWait(waiter, `nobody woke it for ${timeoutMs} ms`);
    mayStay = patience.mayStayAsleep?.() ?? false;
  }
}

function failWait(waiter: Waiter, why: string): never {
  throw new Error(`Invariant broken: CPU ${waiter.cpuId} waits for "${waiter.lock}" and ${why}`);
}
