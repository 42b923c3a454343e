// KVM Userfault: user space catches the faults of vCPUs on pages that it has not put in place yet, without a userfaultfd. A memslot with
// KVM_MEM_USERFAULT has a bitmap, user space's own memory, one bit per page: a fault on a page whose bit is set leaves KVM_RUN with
// KVM_EXIT_MEMORY_FAULT, and user space makes the page, clears its bit and lets the vCPU run again.
// Models "KVM: Introduce KVM Userfault" (James Houghton, December 2024): virt/kvm/kvm_main.c and arch/x86/kvm/mmu/mmu.c of that series.
//
// When the flag is set, all mappings of the memslot are dropped under mmu_lock held for write, once no fault is on its way that did not see
// the flag; while it is set faults map 4 KiB pages alone; when it goes, huge mappings come back (huge-page-recovery.ts).
// Not caught: KVM's own accesses to guest memory (they go through user space's mapping, where a userfaultfd may catch them), and mappings
// that are there already: a bit that user space sets again takes effect with the next fault on that page.
// Not compatible with the kernel's asynchronous page faults: memslot-flags.ts refuses the flag (EINVAL) while a vCPU has them enabled.
// Left out: the copy of the pointer that user space hands over; here a memslot's bitmap comes with the memslot.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import { HUGE_PAGE_RECOVERIES, type HugePageRecovery, type HugePageRecoveryName } from './huge-page-recovery.js';
import type { Kvm } from './kvm.js';
import type { MemoryRegion } from './memory-region.js';
import type { Memslot } from './memslot.js';
import * as memslotFields from './memslot.js';
import { isUserfault, userfaultBitmap } from './memslots.js';
import { Observer } from './observer.js';
import { setUserMemoryRegion } from './set-memory-region.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { KVM_MEM_USERFAULT, MS_BASE_GFN, MS_NPAGES, NO_MEMSLOT } = memslotFields;

/** Whether a fault on `gfn`, which is in `memslot`, has to leave to user space. A few loads, and one for a memslot without the flag. Locks: SRCU. */
export function userfaultBitSet(words: Int32Array, memslot: Memslot, gfn: number): boolean {
  if (!isUserfault(words, memslot)) return false;
  const offset = gfn - words[memslot + MS_BASE_GFN];
  return (words[userfaultBitmap(words, memslot) + (offset >>> 5)] & (1 << (offset & 31))) !== 0;
}

/** Arena word of the bit of `gfn`, which 31 other pages share: to be touched before the bit is read beside writers, or cleared. */
export function userfaultBitmapWord(kvm: Kvm, memslot: Memslot, gfn: number): Word {
  return bitmapOf(kvm, memslot) + ((gfn - kvm.words[memslot + MS_BASE_GFN]) >>> 5);
}

/** Every page of memslot `id` is still to come; bits beyond the last page stay clear. User space does so before it sets the flag. */
export function setAllUserfaultBits(kvm: Kvm, id: number): void {
  const memslot = kvm.memslots.idToMemslot(new Observer(kvm.words), id);
  if (memslot === NO_MEMSLOT) assert(false, `no memslot ${id}`);
  const bitmap = bitmapOf(kvm, memslot);
  const npages = kvm.words[memslot + MS_NPAGES];
  const whole = npages >>> 5;
  kvm.words.fill(-1, bitmap, bitmap + whole);
  if (npages % 32 !== 0) kvm.words[bitmap + whole] = (1 << (npages % 32)) - 1;
}

/**
 * User space has put the page of `gfn` in place: atomic, since other threads clear other bits of the word. True when the bit was set.
 * The caller has just touched `userfaultBitmapWord`. `memslot`, where the caller has it at hand, saves a search; user space knows its memslots.
 */
export function clearUserfaultBit(kvm: Kvm, cpu: Cpu, gfn: number, memslot: Memslot = memslotOfUser(kvm, gfn)): boolean {
  const bit = 1 << ((gfn - kvm.words[memslot + MS_BASE_GFN]) & 31);
  return (cpu.fetchAnd(userfaultBitmapWord(kvm, memslot, gfn), ~bit) & bit) !== 0;
}

/** Sets KVM_MEM_USERFAULT on memslot `id` (KVM_SET_USER_MEMORY_REGION2). Locks and suspends: as setUserMemoryRegion(). */
export function* enableUserfault(kvm: Kvm, cpu: Cpu, id: number): KernelPath {
  const region = kvm.regionOf(id);
  yield* set(kvm, cpu, { ...region, flags: region.flags | KVM_MEM_USERFAULT }, HUGE_PAGE_RECOVERIES['on-demand']);
}

/** Clears the flag of memslot `id`; huge mappings come back as `recovery` says, `eager` with the TDP MMU alone. Locks and suspends: as setUserMemoryRegion(). */
export function* disableUserfault(kvm: Kvm, cpu: Cpu, id: number, recovery: HugePageRecoveryName): KernelPath {
  const region = kvm.regionOf(id);
  yield* set(kvm, cpu, { ...region, flags: region.flags & ~KVM_MEM_USERFAULT }, HUGE_PAGE_RECOVERIES[recovery]);
}

function* set(kvm: Kvm, cpu: Cpu, region: MemoryRegion, recover: HugePageRecovery): KernelPath {
  const refusal = yield* setUserMemoryRegion(kvm, cpu, region, recover);
  if (refusal !== null) assert(false, refusal.message);
}

/** The memslot of `gfn` as user space knows it: without a trace in KVM's own lookups. */
function memslotOfUser(kvm: Kvm, gfn: number): Memslot {
  let found: Memslot = NO_MEMSLOT;
  kvm.eachMemslot((memslot) => {
    const offset = gfn - kvm.words[memslot + MS_BASE_GFN];
    if (offset >= 0 && offset < kvm.words[memslot + MS_NPAGES]) found = memslot;
  });
  if (found === NO_MEMSLOT) assert(false, `gfn ${gfn} is in no memslot`);
  return found;
}

function bitmapOf(kvm: Kvm, memslot: Memslot): Word {
  const bitmap = userfaultBitmap(kvm.words, memslot);
  if (bitmap === 0) assert(false, 'the VM has no userfault bitmaps: expected KVM_CAP_USERFAULT in its configuration');
  return bitmap;
}
