// Which flags a memslot may have, and which may change. Models check_memory_region_flags() of virt/kvm/kvm_main.c, with what "KVM: Introduce
// KVM Userfault" (James Houghton, December 2024) adds.
//
// Any MMU may serve KVM_MEM_USERFAULT, and the flag goes together with each of the others: the post names no exception but async page faults.

import type { KvmConfig } from './kvm.js';
import { KVM_MEM_GUEST_MEMFD, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, KVM_MEM_USERFAULT, type MemslotFields } from './memslot.js';

const KNOWN_FLAGS = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY;
const KNOWN_WITH_USERFAULT = KNOWN_FLAGS | KVM_MEM_GUEST_MEMFD | KVM_MEM_USERFAULT;

/** Why a region may not have its flags, or null. */
export function flagsProblem(config: Pick<KvmConfig, 'capUserfault' | 'kernelAsyncPf'>, { slot, flags }: { slot: number; flags: number }): string | null {
  const known = config.capUserfault === true ? KNOWN_WITH_USERFAULT : KNOWN_FLAGS;
  if ((flags & ~known) !== 0) return `flags ${flags} of memslot ${slot} are unknown, expected ${expectedFlags(config.capUserfault === true)}`;
  if ((flags & KVM_MEM_GUEST_MEMFD) !== 0 && (flags & KNOWN_FLAGS) !== 0)
    return `flags ${flags} of memslot ${slot} exclude each other: guest_memfd (4) is neither logged (1) nor read-only (2)`;
  return asyncPageFaultProblem({ slot, userfault: (flags & KVM_MEM_USERFAULT) !== 0, kernelAsyncPf: config.kernelAsyncPf === true });
}

function expectedFlags(capUserfault: boolean): string {
  if (!capUserfault) return 'KVM_MEM_LOG_DIRTY_PAGES (1), KVM_MEM_READONLY (2), both or 0';
  return 'a sum of KVM_MEM_LOG_DIRTY_PAGES (1), KVM_MEM_READONLY (2), KVM_MEM_GUEST_MEMFD (4) and KVM_MEM_USERFAULT (8)';
}

/**
 * Why a memslot may not have KVM_MEM_USERFAULT beside the kernel's asynchronous page faults, or null. Those that user space drives are
 * compatible. Source: the post.
 */
export function asyncPageFaultProblem(asked: { slot: number; userfault: boolean; kernelAsyncPf: boolean }): string | null {
  if (!asked.userfault || !asked.kernelAsyncPf) return null;
  return `memslot ${asked.slot} cannot have KVM_MEM_USERFAULT while a vCPU has the kernel's async page faults enabled, expected none or those that user space drives`;
}

/** Why a memslot may not become what it is asked to be, as to its flags and, for a guest_memfd, its place; or null. */
export function flagsChangeProblem(before: MemslotFields, after: MemslotFields): string | null {
  const { id } = before;
  const changed = before.flags ^ after.flags;
  if ((changed & KVM_MEM_READONLY) !== 0) return `memslot ${id} cannot change KVM_MEM_READONLY (delete it first)`;
  if ((changed & KVM_MEM_GUEST_MEMFD) !== 0) return `memslot ${id} cannot change KVM_MEM_GUEST_MEMFD (delete it first)`;
  if ((before.flags & KVM_MEM_GUEST_MEMFD) === 0) return null;
  // "Late setting": the flag that turns a running VM's memory into one that is still to come.
  const fixed = (changed & ~KVM_MEM_USERFAULT) !== 0 || before.baseGfn !== after.baseGfn;
  return fixed ? `memslot ${id} is a guest_memfd and can change nothing but KVM_MEM_USERFAULT (delete it first)` : null;
}
