// What differed in the kernel of each published table. One file lists it; nothing else asks for a year.

export const ERAS = {
  /** 5.11 and before: memslots as one array, mmu_lock a spinlock (here: always taken for write). */
  '2021': {
    /** The mmu notifier takes mmu_lock before it looks at the memslots, and does so even when none matches. */
    notifierLocksFirst: true,
    /** `end` of an invalidation looks the memslots up again. */
    notifierEndLooksUp: false,
    /** A fault retries while any invalidation runs, wherever its range is. */
    retriesForAnyRange: true,
    /** A direct fault maps up to seven neighbours of the page, where the host has them and the memslot does not log. */
    prefetchesSptes: true,
    /** The quota of MMU pages is worked out again at each commit, not only when memslots come or go. */
    sizesQuotaAtEachCommit: true,
  },
  /** 5.17: two memslot sets in trees, mmu_lock a rwlock. */
  '2022': { notifierLocksFirst: false, notifierEndLooksUp: true, retriesForAnyRange: false, prefetchesSptes: false, sizesQuotaAtEachCommit: false },
  /** 6.13: as before in all that is listed here; the TDP MMU is the default, and splitting is eager. */
  '2024': { notifierLocksFirst: false, notifierEndLooksUp: true, retriesForAnyRange: false, prefetchesSptes: false, sizesQuotaAtEachCommit: false },
} as const satisfies Record<string, Era>;

export interface Era {
  readonly notifierLocksFirst: boolean;
  readonly notifierEndLooksUp: boolean;
  readonly retriesForAnyRange: boolean;
  readonly prefetchesSptes: boolean;
  readonly sizesQuotaAtEachCommit: boolean;
}
