// The variant that the post describes as the author's internal one: it does not split where a table would be reused, and splits only
// partly where rmap descriptors would have to be allocated.

import { dropLargeSpte } from './split-huge-page.js';
import type { SplitPolicy } from './split-policy.js';

export const splitEagerSkip: SplitPolicy = {
  name: 'eager-skip',
  eager: true,
  splitsOnFault: false,
  reusesTables: false,
  allocatesDescs: false,
  onFault: dropLargeSpte,
};
