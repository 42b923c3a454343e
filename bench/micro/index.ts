// The door of bench/micro: microbenchmarks in host time.

export type { Measured } from './measure.js';
export { BENCH_FORMATS, type BenchFormat, renderBench } from './render.js';
export { benchStructures } from './structures.js';
