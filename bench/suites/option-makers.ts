// How suites write down their options and metrics.

import type { CellOptions, SuiteMetric, SuiteOption } from './suite.js';
import { type ItemParser, parseList } from './values.js';

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
