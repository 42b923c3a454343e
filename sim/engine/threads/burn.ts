// Burning CPU time: a loop whose speed is measured once per thread.
//
// A counted loop and not a watched clock: a thread that loses its core in mid-burn has done no work meanwhile, as on a real host.

import { performance } from 'node:perf_hooks';

const WARM_UP_CALLS = 300;
const SAMPLES = 60;
const SAMPLE_LOOPS = 4000;
const MAX_LOOPS = 1 << 30;

let sink = 1;
let loopsPerPs = 0;

/** Runs `loops` (a fraction is dropped) dependent multiply-and-adds, a few cycles each. */
export function burnLoops(loops: number): void {
  for (let left = loops; left >= 1; left -= MAX_LOOPS) turn(left < MAX_LOOPS ? left | 0 : MAX_LOOPS);
}

function turn(loops: number): void {
  let x = sink | 1;
  for (let i = 0; i < loops; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  sink = x;
}

/** Loops of `burnLoops` that take one picosecond on this thread. The first call measures for about a millisecond. */
export function burnLoopsPerPs(): number {
  if (loopsPerPs === 0) loopsPerPs = measure();
  return loopsPerPs;
}

/** The fastest sample counts: the others were interrupted. */
function measure(): number {
  for (let i = 0; i < WARM_UP_CALLS; i++) burnLoops(SAMPLE_LOOPS);
  let fastestMs = Infinity;
  for (let i = 0; i < SAMPLES; i++) {
    const start = performance.now();
    burnLoops(SAMPLE_LOOPS);
    const took = performance.now() - start;
    if (took > 0 && took < fastestMs) fastestMs = took;
  }
  return fastestMs === Infinity ? 1 : SAMPLE_LOOPS / (fastestMs * 1e9);
}
