// Guest writes to a page table that KVM shadows, and the sync at the next CR3 load. Models kvm_mmu_pte_write()'s outcome,
// mmu_try_to_unsync_pages(), kvm_mmu_sync_roots().
//
// Departure: the kernel lets only level-1 shadow pages go unsync. Here the page that shadows the guest's leaf table may, at whatever
// level the guest maps its memory, so that a split meets unsync pages (the post's complication 2).

import type { Cpu, KernelPath } from '../engine/cpu.js';
import * as units from '../units.js';
import { guestTableGfn } from './guest-paging.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import { slotRange } from './mmu.js';
import * as shadowPage from './shadow-page.js';
import { findShadowPage, makeRole, spHeader } from './shadow-page.js';
import * as spteBits from './spte.js';
import type { Vcpu } from './vcpu.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { TABLE_ENTRIES } = units;
const { SP_UNSYNC } = shadowPage;
const { ACC_ALL } = spteBits;

/** The guest rewrites an entry of the leaf table that maps `gfn`. Locks: mmu_lock for write. Suspends: at the lock and the unlock. */
export function* guestPtWrite(kvm: Kvm, vcpu: Vcpu, gfn: number): KernelPath {
  const { cpu } = vcpu;
  const { leafLevel } = kvm.config.guest;
  cpu.counters.guestPtWrites++;
  cpu.spend(cpu.cost.guest_pt_write);
  if (kvm.mmuLock.writeLock(cpu, LockSite.guestPtWrite)) yield;
  const sp = findShadowPage(kvm, guestTableGfn(vcpu.process, leafLevel, gfn), makeRole(leafLevel, false, ACC_ALL));
  if (sp !== 0 && kvm.words[spHeader(kvm, sp) + SP_UNSYNC] === 0) {
    kvm.words[spHeader(kvm, sp) + SP_UNSYNC] = 1;
    kvm.words[kvm.unsyncCount + vcpu.process]++;
    cpu.counters.mmuPagesUnsynced++;
  }
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** All page tables were zapped: the vCPU takes the new root, and makes it if it is the first. Locks: mmu_lock for write. Models kvm_mmu_load(). */
export function* reloadRoot(kvm: Kvm, vcpu: Vcpu): KernelPath {
  const { cpu, process } = vcpu;
  const word = kvm.roots + (kvm.direct ? 0 : process);
  cpu.counters.rootReloads++;
  cpu.spend(cpu.cost.root_switch);
  if (kvm.mmuLock.writeLock(cpu, LockSite.loadRoot)) yield;
  vcpu.validGen = cpu.load(kvm.mmuValidGen);
  if (kvm.words[word] === 0) kvm.mmu.createRoot(kvm, cpu, kvm.direct ? 0 : process);
  vcpu.root = kvm.words[word];
  vcpu.tlb.switchRoot(vcpu.root);
  vcpu.tlb.flush(); // the new root may have the old one's number
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
  vcpu.needsRoot = vcpu.validGen !== cpu.load(kvm.mmuValidGen);
}

/** The guest loads CR3 with the tables of `process`. Locks: mmu_lock for write when a page has to be synced. */
export function* loadRoot(kvm: Kvm, vcpu: Vcpu, process: number): KernelPath {
  const { cpu } = vcpu;
  vcpu.validGen = cpu.load(kvm.mmuValidGen);
  if (kvm.words[kvm.roots + (kvm.direct ? 0 : process)] === 0) {
    vcpu.process = process;
    yield* reloadRoot(kvm, vcpu);
  }
  const root = kvm.words[kvm.roots + (kvm.direct ? 0 : process)];
  if (vcpu.root !== 0 && vcpu.root !== root) cpu.spend(cpu.cost.root_switch);
  vcpu.process = process;
  vcpu.root = root;
  vcpu.tlb.switchRoot(root);
  if (kvm.direct) return;
  if (cpu.touch(kvm.unsyncCount + process)) yield;
  if (cpu.load(kvm.unsyncCount + process) === 0) return;
  if (kvm.mmuLock.writeLock(cpu, LockSite.syncRoots)) yield;
  syncPages(kvm, cpu, process);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** Checks the sptes of all unsync pages of a process against the guest's tables, which still say the same. */
function syncPages(kvm: Kvm, cpu: Cpu, process: number): void {
  const { words } = kvm;
  const { leafLevel } = kvm.config.guest;
  const role = makeRole(leafLevel, false, ACC_ALL);
  kvm.memslots.forEach(cpu, (memslot) => {
    const step = TABLE_ENTRIES ** leafLevel;
    const { start, end } = slotRange(kvm, memslot);
    for (let gfn = start - (start % step); gfn < end; gfn += step) {
      const sp = findShadowPage(kvm, guestTableGfn(process, leafLevel, gfn), role);
      if (sp === 0 || words[spHeader(kvm, sp) + SP_UNSYNC] === 0) continue;
      words[spHeader(kvm, sp) + SP_UNSYNC] = 0;
      words[kvm.unsyncCount + process]--;
      cpu.counters.mmuPagesSynced++;
      cpu.spend(TABLE_ENTRIES * cpu.cost.sync_spte);
    }
  });
}
