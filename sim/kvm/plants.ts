// Bugs that can be planted in kernel paths, so that a check shows that it would find them. Each is read at one place, by its name; what it does
// wrong is said here, and nowhere else is it said twice.

export const KVM_PLANTS = {
  // Lockless write protection.
  'dirty-before-spte': 'a fault marks the page dirty before its spte is writable and on its rmap',
  'rmap-after-dirty': 'a fault marks the page dirty when its spte is writable but not on its rmap yet',
  'rmap-before-zap': 'a dropped spte leaves its rmap while it can still be written through',
  'backward-move': 'the hole that a removed rmap entry leaves is filled from the last descriptor, as before the series',
  'walk-upward': 'the lockless walk goes up through a descriptor, against the direction in which entries move in the first one',
  'no-nulls-check': 'the lockless walk does not look whose nulls marker it has arrived at',
  'free-at-once': 'page tables are freed at once though rcu_free_shadow_page is set',
  'no-indicator-fence':
    'nothing orders rcu_free_shadow_page, once set, before the walk that relies on it (needs store buffers, and the walk of a whole memslot: no atomic operation stands between)',
  'missed-flush': 'get_dirty_log does not flush the TLBs',
  'flush-if-changed': 'get_dirty_log flushes the TLBs only if it has itself made an spte read-only: one that is just being dropped stays in them',
  'drop-protect': 'an spte is made read-only by a load and a store, not by one atomic operation',
  // Fast page fault.
  'fast-fix-large': 'fast_page_fault() makes a large spte writable in a memslot that logs, though it marks one page dirty only',
  'fast-store': 'fast_page_fault() stores the writable spte, not by cmpxchg',
  'fast-dirty-first': 'fast_page_fault() marks the page dirty before its spte is writable',
  'fast-no-dirty': 'fast_page_fault() marks nothing dirty',
  'fast-no-walk-guard': 'fast_page_fault() does not say that it walks the tables',
  'fast-no-walk-fence': 'fast_page_fault() says that it walks the tables, but nothing orders that before the walk (needs store buffers)',
  // Memslots under SRCU.
  'no-grace-period': 'the retired memslot set is edited without a grace period',
  'one-grace-index': 'a grace period waits for the readers of one SRCU index, not for those who took the other one late',
  'zap-before-invalid': 'a delete or move drops the mappings of the memslot before readers see it INVALID',
  'stale-last-used': 'a vCPU goes on using the memslot that it found last, whatever the generation',
  'srcu-no-fence': 'a reader enters its SRCU section without a barrier before it reads the memslots',
  // Mmu notifier.
  'no-retry': 'a fault does not look at the notifier sequence again once it holds mmu_lock',
  'no-in-progress-check': 'a fault does not look whether an invalidation is in progress',
  'seq-at-start': 'an invalidation changes the notifier sequence when it starts, not when it ends',
  'seq-read-late': 'a fault notes the notifier sequence after it has looked the host page up',
  'end-before-unmap': 'the invalidation ends before the host has dropped its ptes',
  'no-flush': 'an invalidation drops sptes without flushing TLBs',
  'kick-before-request': 'a TLB flush kicks vCPUs before it says what they have to do',
  'entry-no-fence': 'a vCPU enters the guest without a barrier between saying so and looking for requests',
  // Userfaultfd.
  'no-recheck': 'a fault sleeps without looking again whether its page has come',
  'late-prepare': 'a fault says that it is about to sleep after it has looked whether its page has come',
  'prepare-before-queue': 'a fault says that it is about to sleep, which is a barrier, before it is in the queue',
  'wake-before-install': 'UFFDIO_COPY wakes who waits before it installs the page',
  'no-refile-seq': 'who looks for waiters without a lock does not look again when one was between the queues',
  'poll-lost-ready': 'a reader takes back that it is ready after it has found no fault',
} as const satisfies Record<string, string>;

export type KvmPlant = keyof typeof KVM_PLANTS;
