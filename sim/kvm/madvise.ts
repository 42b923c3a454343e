// madvise(MADV_DONTNEED) on memory that backs the guest: the host's side of an unmap. Models madvise_dontneed_single_vma() of mm/madvise.c.
// Left out: mmap_lock (nobody contends for it in these suites), finding the vma among many.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import type { HostMemory } from '../memory/host-memory.js';
import type { Kvm } from './kvm.js';
import { invalidateRangeEnd, invalidateRangeStart } from './mmu-notifier.js';

/** Drops `count` host pages from `first` on. Locks: those of the mmu notifier. Suspends: there, and before the host's ptes go. */
export function* madviseDontneed(kvm: Kvm, cpu: Cpu, memory: HostMemory, pages: { first: number; count: number }): KernelPath {
  const { first, count } = pages;
  const range = { first, last: first + count - 1 };
  cpu.counters.madviseCalls++;
  cpu.spend(cpu.cost.madvise_call);
  const begun = yield* invalidateRangeStart(kvm, cpu, range);
  const early = kvm.plant === 'end-before-unmap';
  if (early) yield* invalidateRangeEnd(kvm, cpu, range, begun);
  if (cpu.touch(memory.wordOf(first))) yield;
  const dropped = memory.drop(first, count, cpu);
  cpu.counters.hostPagesDropped += dropped;
  cpu.spend(count * cpu.cost.host_pte_visit + dropped * cpu.cost.host_page_unmap);
  if (dropped > 0) cpu.spend(cpu.cost.host_tlb_flush);
  if (!early) yield* invalidateRangeEnd(kvm, cpu, range, begun);
}
