// Eager Page Splitting for the shadow MMU, as the series does it: the ioctl thread splits every huge page, links a lower-level table
// that exists already (complication 3) and allocates rmap descriptors where it must (complication 4).

import { dropLargeSpte } from './split-huge-page.js';
import type { SplitPolicy } from './split-policy.js';

export const splitEager: SplitPolicy = {
  name: 'eager',
  eager: true,
  splitsOnFault: false,
  reusesTables: true,
  allocatesDescs: true,
  onFault: dropLargeSpte,
};
