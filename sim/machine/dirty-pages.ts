// What user space reads out of a dirty log: the pages whose bits are set in its own bitmap.

import type { Cpu, Word } from '../engine/cpu.js';
import type { Kvm } from '../kvm/kvm.js';
import { MS_NPAGES } from '../kvm/memslot.js';
import { userBitmap } from '../kvm/memslots.js';
import { Observer } from '../kvm/observer.js';
import type { PageVersions } from './page-versions.js';

/** User space's bitmap of memslot `id`: its first word, and the pages that it has bits for. */
function userBitmapOf(kvm: Kvm, id: number): { first: Word; pages: number } {
  const memslot = kvm.memslots.idToMemslot(new Observer(kvm.words), id);
  return { first: userBitmap(kvm.words, memslot), pages: kvm.words[memslot + MS_NPAGES] };
}

/** Calls `visit` for each page whose bit the last KVM_GET_DIRTY_LOG has brought, counted from the memslot's first. */
export function eachLoggedPage(kvm: Kvm, id: number, visit: (page: number) => void): void {
  const { first, pages } = userBitmapOf(kvm, id);
  for (let word = 0; word * 32 < pages; word++) {
    for (let bits = kvm.words[first + word]; bits !== 0; bits &= bits - 1) visit(word * 32 + 31 - Math.clz32(bits & -bits));
  }
}

/** User space copies each page of the log as it is now. */
export function copyLoggedPages(kvm: Kvm, cpu: Cpu, id: number, versions: PageVersions): void {
  eachLoggedPage(kvm, id, (page) => versions.copy(cpu, page));
}
