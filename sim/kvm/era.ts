// What differed in the kernel of each published table. One file lists it; nothing else asks for a year.

export const ERAS = {
  /** 3.11: as 2021 in what is listed there, with a ticket spinlock, and large sptes dropped when logging starts. */
  '2013': {
    notifierLocksFirst: true,
    notifierEndLooksUp: false,
    retriesForAnyRange: true,
    prefetchesSptes: true,
    sizesQuotaAtEachCommit: true,
    mmuLock: 'ticket',
    dropsLargeSptes: true,
  },
  /** 5.11 and before: memslots as one array, mmu_lock a spinlock (here: always taken for write). */
  '2021': {
    notifierLocksFirst: true,
    notifierEndLooksUp: false,
    retriesForAnyRange: true,
    prefetchesSptes: true,
    sizesQuotaAtEachCommit: true,
    mmuLock: 'rwlock',
    dropsLargeSptes: false,
  },
  /** 5.17: two memslot sets in trees, mmu_lock a rwlock. */
  '2022': {
    notifierLocksFirst: false,
    notifierEndLooksUp: true,
    retriesForAnyRange: false,
    prefetchesSptes: false,
    sizesQuotaAtEachCommit: false,
    mmuLock: 'rwlock',
    dropsLargeSptes: false,
  },
  /** 6.13: as before in all that is listed here; the TDP MMU is the default, and splitting is eager. */
  '2024': {
    notifierLocksFirst: false,
    notifierEndLooksUp: true,
    retriesForAnyRange: false,
    prefetchesSptes: false,
    sizesQuotaAtEachCommit: false,
    mmuLock: 'rwlock',
    dropsLargeSptes: false,
  },
} as const satisfies Record<string, Era>;

export interface Era {
  /** The mmu notifier takes mmu_lock before it looks at the memslots, and does so even when none matches. */
  readonly notifierLocksFirst: boolean;
  /** `end` of an invalidation looks the memslots up again. */
  readonly notifierEndLooksUp: boolean;
  /** A fault retries while any invalidation runs, wherever its range is. */
  readonly retriesForAnyRange: boolean;
  /** A direct fault maps up to seven neighbours of the page, where the host has them, the memslot does not log and the hardware has accessed bits. */
  readonly prefetchesSptes: boolean;
  /** The quota of MMU pages is worked out again at each commit, not only when memslots come or go. */
  readonly sizesQuotaAtEachCommit: boolean;
  /** `ticket`: a spinlock that one CPU at a time holds, whatever for, and whose waiters all poll one word. */
  readonly mmuLock: 'rwlock' | 'ticket';
  /** Write protection under mmu_lock drops a writable large spte; later kernels make it read-only. */
  readonly dropsLargeSptes: boolean;
}
