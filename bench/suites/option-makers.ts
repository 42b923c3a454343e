// How suites write down their options and metrics.

import type { CellOptions, SuiteMetric, SuiteOption } from './suite.js';
import { bandwidthItem, formatBandwidth, formatSize, formatTime, type ItemParser, parseList, sizeItem, timeItem } from './values.js';

export type OptionText = Pick<SuiteOption, 'letter' | 'value' | 'description'>;

/** An option that takes a list of values for one field of the suite's options. */
export function listOption<Options>(long: string, field: keyof Options & string, item: ItemParser<CellOptions[string]>, text: OptionText): SuiteOption {
  return { long, field, parse: (given) => parseList(`--${long}`, given, item), ...text };
}

/** A metric that is a number of things per second: more are better. */
export function rateMetric(name: string, description: string): SuiteMetric {
  return { name, unit: 'per_s', better: 'larger', description };
}

/** A metric that is a time: nanoseconds, fewer are better. */
export function timeMetric(name: string, description: string): SuiteMetric {
  return { name, unit: 'ns', better: 'smaller', description };
}

/** An option that takes a list of times, in nanoseconds up to `maxNs`. */
export function timesOption<Options>(long: string, field: keyof Options & string, maxNs: number, description: string): SuiteOption {
  return { ...listOption<Options>(long, field, timeItem(maxNs), { value: '<list>', description }), format: (value) => formatTime(Number(value)) };
}

/** An option that takes a list of sizes in bytes, each a multiple of `multipleOf`. */
export function sizesOption<Options>(long: string, field: keyof Options & string, multipleOf: number, text: OptionText): SuiteOption {
  return { ...listOption<Options>(long, field, sizeItem(multipleOf), text), format: (value) => formatSize(Number(value)) };
}

/** An option that takes a list of bandwidths, in bytes per second. */
export function bandwidthOption<Options>(long: string, field: keyof Options & string, description: string): SuiteOption {
  return { ...listOption<Options>(long, field, bandwidthItem(1e12), { value: '<list>', description }), format: (value) => formatBandwidth(Number(value)) };
}

/** A metric that is a share or a quotient. */
export function ratioMetric(name: string, better: SuiteMetric['better'], description: string): SuiteMetric {
  return { name, unit: 'ratio', better, description };
}

/** A metric that is a number of things. */
export function countMetric(name: string, better: SuiteMetric['better'], description: string): SuiteMetric {
  return { name, unit: 'count', better, description };
}
