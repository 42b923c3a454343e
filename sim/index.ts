// The door of sim: what the harness may use.

export { COST_NAMES, COST_TABLE, type CostName } from './engine/costs.js';
export type { HistogramSummary } from './engine/histogram.js';
export type { LockReport } from './engine/lock-stats.js';
export { KeyBTree, RangeBTree } from './kvm/btree.js';
export { IntervalTree } from './kvm/interval-tree.js';
export { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, type MemslotFields, MS_BASE_GFN, MS_ID, writeMemslot } from './kvm/memslot.js';
export { MemslotMeter } from './kvm/memslot-meter.js';
export { KVM_USER_MEM_SLOTS, MEMSLOT_STRUCTURES, type MemslotSets, type MemslotStructure } from './kvm/memslot-sets.js';
export { memslotStructures } from './kvm/memslot-structures.js';
export { TREE_RECORD_WORDS } from './kvm/memslots-tree-index.js';
export { Observer } from './kvm/observer.js';
export { GFN_NODE_WORDS, HVA_NODE, NODE_GFN } from './kvm/rb-node.js';
export { RbTree } from './kvm/rbtree.js';
export type {
  DemandPagingOptions,
  DirtyLogOptions,
  MemslotsOptions,
  MigrationOptions,
  PhaseTime,
  PostCopyOptions,
  RunOutcome,
  StallReport,
  UserfaultOptions,
  Validity,
  Warning,
  WriteProtectOptions,
} from './machine/cell.js';
export {
  CHECK_SCHEDULERS,
  type CheckFailure,
  type CheckOptions,
  type CheckOutcome,
  type CheckProgress,
  type HistoryStep,
  MEMORY_ORDERS,
  ReplayError,
  runCheck,
} from './machine/check.js';
export { demandPagingArenaBytes } from './machine/demand-paging.js';
export { checkDemandPagingOptions, DEFAULT_DEMAND_PAGING } from './machine/demand-paging-options.js';
export { arenaBytes, checkDirtyLogOptions, DEFAULT_DIRTY_LOG } from './machine/dirty-log-options.js';
export { memslotsArenaBytes } from './machine/memslots-config.js';
export { checkMemslotsOptions, DEFAULT_MEMSLOTS } from './machine/memslots-options.js';
export { checkMigrationOptions, DEFAULT_MIGRATION, migrationArenaBytes } from './machine/migration-options.js';
export { postCopyArenaBytes } from './machine/post-copy.js';
export { checkPostCopyOptions, DEFAULT_POST_COPY } from './machine/post-copy-options.js';
export { listProfiles, loadProfile, type MachineProfile, profileHash, withOverrides } from './machine/profile.js';
export { PROTOCOLS } from './machine/protocols/index.js';
export type { Claim, Plant, Protocol } from './machine/protocols/protocol.js';
export type { AddressLimit } from './machine/replay-addresses.js';
export { defaultMaxSlots, fitCalls, type ReplayOptions, type ReplayOutcome, replayStructures, runReplayVirtual } from './machine/replay-regions.js';
export { IOCTL_KINDS, type IoctlKind, type RegionsCall } from './machine/replay-world.js';
export {
  closePools,
  runDemandPagingThreads,
  runDirtyLogThreads,
  runMemslotsThreads,
  runMigrationThreads,
  runPostCopyThreads,
  runWriteProtectThreads,
} from './machine/run-suite-threads.js';
export {
  runDemandPagingVirtual,
  runDirtyLogVirtual,
  runMemslotsVirtual,
  runMigrationVirtual,
  runPostCopyVirtual,
  runWriteProtectVirtual,
} from './machine/run-virtual.js';
export { checkWriteProtectOptions, DEFAULT_WRITE_PROTECT, writeProtectArenaBytes } from './machine/write-protect-options.js';
export { Arena } from './memory/arena.js';
