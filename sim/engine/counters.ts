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
  tdpIterSteps = 0;
  tdpCmpxchgFailures = 0;
  sptesWriteProtected = 0;
  dirtyBitsCleared = 0;
  dirtyBitsSet = 0;
  sptesCollapsed = 0;
  lockBreaks = 0;
  remoteTlbFlushes = 0;
  ipis = 0;
  guestPtWrites = 0;

  /** A plain copy, by name. */
  toRecord(): Record<string, number> {
    return Object.fromEntries(Object.entries(this)) as Record<string, number>;
  }
}

/** The counts of a whole run with the sums that follow from them. */
export function withSums(counts: Record<string, number>): Record<string, number> {
  return { ...counts, pageFaults: counts.readFaults + counts.writeFaults };
}
