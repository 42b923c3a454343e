// The host changes the pte of a page of user space, as NUMA balancing does to see who uses it: KVM forgets the page, the pte changes, and is as it was
// soon after. The guest's next access faults. Models the notifier calls of change_protection() of mm/mprotect.c, one page at a time.
// Left out: the host's own fault that sets the pte back, and finding the page.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { HostMemory } from '../memory/host-memory.js';
import type { Kvm } from './kvm.js';
import { invalidateRangeEnd, invalidateRangeStart } from './mmu-notifier.js';

/** Changes the host page of `count` 4 KiB pages from `first` on. Locks: those of the mmu notifier. Suspends: there, and before the host's pte changes. */
export function* changeHostPage(kvm: Kvm, cpu: Cpu, memory: HostMemory, page: { first: number; count: number }): KernelPath {
  const range = { first: page.first, last: page.first + page.count - 1 };
  const begun = yield* invalidateRangeStart(kvm, cpu, range);
  if (cpu.touch(memory.wordOf(page.first))) yield;
  cpu.counters.hostPagesChanged++;
  cpu.spend(cpu.cost.host_pte_visit + cpu.cost.host_tlb_flush);
  yield* invalidateRangeEnd(kvm, cpu, range, begun);
}
