// The call sites of locks, by number, for the lock statistics.

export const LockSite = {
  pageFault: 0,
  wpFault: 1,
  enableDirtyLog: 2,
  splitHugePages: 3,
  getDirtyLog: 4,
  clearDirtyLog: 5,
  disableDirtyLog: 6,
  slotUpdate: 7,
  guestPtWrite: 8,
  syncRoots: 9,
  mmuNotifier: 10,
  zapAll: 11,
  zapMemslot: 12,
  loadRoot: 13,
  mmuPageQuota: 14,
} as const;

export const LOCK_SITE_NAMES = [
  'page fault',
  'write-protection fault, read lock',
  'enable dirty logging',
  'split huge pages',
  'get dirty log',
  'clear dirty log',
  'disable dirty logging',
  'memslot update',
  'guest page-table write',
  'sync roots',
  'mmu notifier',
  'zap all',
  'zap memslot',
  'load root',
  'MMU page quota',
] as const;
