// Peter Xu's proposal in the thread: the fault that meets a huge page populates all sptes below it, write-protected as the huge one
// was, and makes only its own writable. A 1 GiB page becomes 2 MiB pages first; the faulting one of those is then populated.

import { dropLargeSpte, splitHugePage } from './split-huge-page.js';
import type { SplitPolicy } from './split-policy.js';

export const splitOnFault: SplitPolicy = {
  name: 'on-fault',
  eager: false,
  splitsOnFault: true,
  reusesTables: true,
  allocatesDescs: true,
  onFault(kvm, cpu, huge) {
    if (!splitHugePage(kvm, cpu, huge, splitOnFault)) dropLargeSpte(kvm, cpu, huge);
  },
};
