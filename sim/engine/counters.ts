// Work counted on one CPU. Plain numbers in one object shape, so that counting costs next to nothing.

export class Counters {
  guestReads = 0;
  guestWrites = 0;
  tlbHits = 0;
  tlbMisses = 0;
  tlbFlushes = 0;
  walkRefs = 0;
  dirtyAssists = 0;
  pmlAppends = 0;
  pmlFullExits = 0;
  readFaults = 0;
  writeFaults = 0;
  fastPageFaults = 0;
  fastPageFaultRetries = 0;
  spuriousFaults = 0;
  wpFaults = 0;
  sptesMapped = 0;
  sptesZapped = 0;
  hugeSptesDropped = 0;
  hugePagesSplit = 0;
  splitSptes = 0;
  splitRefusedFewPages = 0;
  splitSkippedUnsync = 0;
  splitReusedTables = 0;
  splitSkippedReuse = 0;
  splitPartial = 0;
  splitDescsAllocated = 0;
  mmuPagesAllocated = 0;
  mmuPagesFreed = 0;
  mmuPagesRecycled = 0;
  mmuPagesUnsynced = 0;
  mmuPagesSynced = 0;
  rmapAdds = 0;
  rmapRemoves = 0;
  rmapDescsAllocated = 0;
  rmapHeadsVisited = 0;
  /** Rmap entries that walks without mmu_lock have seen, and such walks that began again on another rmap's nulls marker. */
  rmapEntriesLockless = 0;
  rmapWalksRestarted = 0;
  /** Page tables whose free waited for an RCU grace period. */
  shadowPagesDeferred = 0;
  /** Page tables to whose entries a fault has pushed write protection down. */
  protectionsPushed = 0;
  tdpIterSteps = 0;
  tdpCmpxchgFailures = 0;
  sptesWriteProtected = 0;
  dirtyBitsCleared = 0;
  dirtyBitsSet = 0;
  sptesCollapsed = 0;
  /** Huge sptes put in the place of page tables, without a fault. */
  sptesRecovered = 0;
  lockBreaks = 0;
  remoteTlbFlushes = 0;
  ipis = 0;
  guestPtWrites = 0;
  faultRetries = 0;
  mmioExits = 0;
  sptesPrefetched = 0;
  hostFaults = 0;
  hostPagesDropped = 0;
  hostPagesChanged = 0;
  madviseCalls = 0;
  rootReloads = 0;
  zapAlls = 0;
  srcuGracePeriods = 0;
  memslotUpdates = 0;
  /** Updates that a test times one by one, and their picoseconds from ioctl to return. */
  timedUpdates = 0;
  timedUpdatePs = 0;
  loops = 0;
  /** Lookups of vCPU 0, alone and beside an updater. */
  lookupsAlone = 0;
  lookupsBeside = 0;
  memslotTreeNodes = 0;
  memslotBtreeNodes = 0;
  memslotProbes = 0;
  memslotEntriesScanned = 0;
  memslotEntriesCopied = 0;
  memslotBytesCopied = 0;
  memslotLines = 0;

  gupFast = 0;
  gupSlow = 0;
  pagesAllocated = 0;
  /** Host pages mapped for the first time, whoever did it. */
  hostPagesInstalled = 0;
  /** Faults that slept for a userfaultfd. */
  userfaultsHandled = 0;
  userfaultReads = 0;
  userfaultReadsEmpty = 0;
  userfaultWakes = 0;
  userfaultWaitersWalked = 0;
  pollCallbacks = 0;
  uffdCopies = 0;
  uffdContinues = 0;
  uffdZeropages = 0;
  uffdEexists = 0;
  memoryFaultExits = 0;
  threadSleeps = 0;

  /** A plain copy, by name. */
  toRecord(): Record<string, number> {
    return Object.fromEntries(Object.entries(this)) as Record<string, number>;
  }
}

/** What is counted, by name. */
export type CounterName = Exclude<keyof Counters, 'toRecord'>;

/** The counts of a whole run with the sums that follow from them. */
export function withSums(counts: Record<string, number>): Record<string, number> {
  return { ...counts, pageFaults: counts.readFaults + counts.writeFaults };
}
