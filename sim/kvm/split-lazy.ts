// Lazy splitting, what KVM did for the shadow MMU before the series: the fault drops the whole huge page (drop_large_spte()), and
// 4 KiB pages come back fault by fault, reads included.

import { dropLargeSpte } from './split-huge-page.js';
import type { SplitPolicy } from './split-policy.js';

export const splitLazy: SplitPolicy = {
  name: 'lazy',
  eager: false,
  splitsOnFault: false,
  reusesTables: true,
  allocatesDescs: true,
  onFault: dropLargeSpte,
};
