// Statistics of the harness and the reports: small samples, no distribution assumed, nothing drawn at random.

/** @internal until a comparison of two results files uses it */
export { hodgesLehmann } from './hodges-lehmann.js';
export { geometricMean, type Interval, median, medianInterval } from './location.js';
export { mannWhitneyExact } from './mann-whitney.js';
