// Write protection of everything in O(1): at the roots alone. Models Xiao Guangrong's idea of 2017 ("fast write protection").
//
// To protect, the VM's generation is raised and all entries of the root tables are made read-only: the guest can write nothing any more, and no
// table below has been looked at. A fault that meets a read-only entry pushes the protection down by one level, along its own path: the entries of
// the table below are made read-only and that table gets the generation, then the entry above may be writable again. So the guest's first write
// below each table costs a table's worth of entries more, and only for tables that it writes below.
//
// Invariant 11: an entry that leads to a table is writable only if the table's generation is the VM's, or an entry above it is read-only. So a leaf
// that was writable when everything was protected is still out of reach for writes, or has been made read-only since.
//
// Protecting takes mmu_lock for write, for a time that does not depend on the guest's memory, so that no fault is in the middle of a path.
// fast_page_fault() finds a path that is writable all the way, or gives up; it may make a leaf writable while its table is being protected, and
// marks the page dirty after that, as always.
//
// Left out: the series' indirect pages that the guest has unsynced; manual protection (KVM_CLEAR_DIRTY_LOG), since the root knows no ranges; and
// memslots that do not log are protected with the others, as the series does it too.

import { assert } from '../assert.js';
import type { Cpu, KernelPath, Word } from '../engine/cpu.js';
import * as units from '../units.js';
import { bitmapsOf } from './dirty-bitmap.js';
import type { Kvm } from './kvm.js';
import { LockSite } from './lock-sites.js';
import type { Memslot } from './memslot.js';
import * as shadowPage from './shadow-page.js';
import { spHeader, spTable } from './shadow-page.js';
import * as spteBits from './spte.js';
import { kvmFlushRemoteTlbs } from './vcpu.js';
import type { WriteProtectPolicy } from './write-protect.js';

// Local names: the host's compiler folds them, where it loads an imported constant anew at each use (a sixth of a fault's time).
const { TABLE_ENTRIES } = units;
const { SP_PROTECT_GEN } = shadowPage;
const { WRITABLE } = spteBits;

export const writeProtectRoot: WriteProtectPolicy = { name: 'root', protectMemslot, getAndProtect, clearAndProtect };

function* protectMemslot(kvm: Kvm, cpu: Cpu): KernelPath {
  yield* protectAll(kvm, cpu, LockSite.enableDirtyLog);
}

/** Takes the whole bitmap, then protects. A page that is written in between is logged, and user space copies it after this ioctl. */
function* getAndProtect(kvm: Kvm, cpu: Cpu, memslot: Memslot): KernelPath {
  const at = bitmapsOf(kvm.words, memslot);
  let dirty = 0;
  for (let i = 0; i < at.length; i++) {
    if (i % 2 === 0) cpu.spend(cpu.cost.bitmap_word);
    if (cpu.touch(at.dirty + i)) yield;
    const bits = cpu.xchg(at.dirty + i, 0);
    kvm.words[at.user + i] = bits;
    dirty |= bits;
  }
  if (dirty !== 0) yield* protectAll(kvm, cpu, LockSite.getDirtyLog);
}

function clearAndProtect(): KernelPath {
  assert(false, 'cannot clear the dirty log of some pages: current write protection at the root, expected get_dirty_log without manual protection');
}

/** Locks: mmu_lock for write. */
function* protectAll(kvm: Kvm, cpu: Cpu, site: number): KernelPath {
  const { words } = kvm;
  if (kvm.mmuLock.writeLock(cpu, site)) yield;
  words[kvm.protectGen]++;
  const roots = kvm.direct ? 1 : kvm.config.guest.processCount;
  for (let process = 0; process < roots; process++) if (words[kvm.roots + process] !== 0) pushProtection(kvm, cpu, words[kvm.roots + process]);
  kvmFlushRemoteTlbs(kvm, cpu);
  if (kvm.mmuLock.writeUnlock(cpu)) yield;
}

/** Makes the entries of a table read-only, unless that has been done since everything was protected last. Locks: mmu_lock for write. Suspends: never. */
export function pushProtection(kvm: Kvm, cpu: Cpu, sp: number): void {
  const { words } = kvm;
  const header = spHeader(kvm, sp);
  if (words[header + SP_PROTECT_GEN] === words[kvm.protectGen]) return;
  words[header + SP_PROTECT_GEN] = words[kvm.protectGen];
  let protectedSptes = 0;
  for (let sptep = spTable(kvm, sp), end = sptep + TABLE_ENTRIES; sptep < end; sptep++) {
    if ((cpu.load(sptep) & WRITABLE) === 0) continue;
    cpu.fetchAnd(sptep, ~WRITABLE);
    protectedSptes++;
  }
  cpu.counters.protectionsPushed++;
  cpu.counters.sptesWriteProtected += protectedSptes;
  cpu.spend(TABLE_ENTRIES * cpu.cost.tdp_iter_step + protectedSptes * cpu.cost.write_protect);
}

/** A fault passes the read-only entry `sptep`, which leads to the table `sp`: afterwards it is writable. Locks: mmu_lock for write. Suspends: never. */
export function openPath(kvm: Kvm, cpu: Cpu, at: { sptep: Word; sp: number }): void {
  pushProtection(kvm, cpu, at.sp);
  cpu.fetchOr(at.sptep, WRITABLE);
}
