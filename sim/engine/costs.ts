// The primitive costs that a machine profile states. Nothing here knows how many vCPUs or memslots there are.
//
// Each cost has a class that says how a busy SMT sibling slows it down (`smt` in the profile):
//   core    ordinary instructions
//   issue   a tight scan bound by issue slots, which a sibling halves
//   memory  bound by the latency of memory, which a sibling hardly touches
//   none    not work of this CPU (skew, periods)

export type SmtClass = 'core' | 'issue' | 'memory' | 'none';

/** Every primitive cost by name: its SMT class and what it pays for. Times are nanoseconds in a profile. */
export const COST_TABLE = {
  guest_read: ['memory', 'one guest loop iteration that reads (independent loads overlap)'],
  guest_write: ['memory', 'one guest loop iteration that writes'],
  walk_ref: ['memory', 'one page-table reference of a TLB miss, table in local memory'],
  walk_ref_remote: ['memory', 'one page-table reference of a TLB miss, table in the memory of another socket'],
  dirty_assist: ['memory', 'the page walker sets a D bit in a local table'],
  dirty_assist_remote: ['memory', 'the page walker sets a D bit in a table of another socket'],
  pml_append: ['memory', 'the page walker appends to the PML buffer'],
  pml_full_exit: ['core', 'PML-full exit and re-entry, without its 512 entries'],
  pml_entry: ['core', 'one PML entry moved to the dirty bitmap'],
  fault_exit_direct: ['core', 'EPT violation outside the lock: exit, dispatch, host pfn, re-entry'],
  fault_exit_shadow: ['core', 'shadow page fault outside the lock: exit, guest walk, host pfn, re-entry'],
  fast_page_fault: ['core', 'lockless walk and cmpxchg of fast_page_fault'],
  map_direct: ['core', 'direct map of one spte under mmu_lock: walk, spte, rmap, dirty bit'],
  prefetch_spte: ['core', 'one neighbour mapped with a direct 4 KiB fault'],
  map_shadow: ['core', 'shadow fetch of one spte under mmu_lock: guest levels checked, spte, rmap, dirty bit'],
  wp_fault_shadow: ['core', 'shadow fetch that makes one present 4 KiB spte writable, under mmu_lock'],
  map_tdp: ['core', 'TDP MMU map of one spte under mmu_lock for read: walk, cmpxchg, dirty bit'],
  sp_alloc: ['core', 'a page table allocated and zeroed'],
  desc_alloc: ['core', 'a pte_list_desc allocated'],
  zap_spte: ['core', 'one spte dropped with its rmap entry'],
  guest_pt_write: ['core', 'emulated write to a shadowed guest page table'],
  sync_spte: ['core', 'one spte of an unsync shadow page checked against the guest'],
  root_switch: ['core', 'guest CR3 load that loads another root'],
  ioctl_entry: ['core', 'one ioctl, entry to return'],
  rmap_scan: ['issue', 'one rmap head visited'],
  tdp_iter_step: ['issue', 'one step of a TDP MMU iterator'],
  split_spte: ['core', 'one child spte made by a split, with its rmap entry'],
  clear_dirty: ['core', 'D bit of one spte cleared by a linear walk'],
  clear_dirty_masked: ['core', 'D bit of one spte cleared for a bit of the dirty bitmap'],
  write_protect: ['core', 'one spte write-protected'],
  cold_spte_visit: ['core', 'first visit by dirty-bitmap word to one spte that a split made'],
  bitmap_word: ['core', 'one 64-bit word of a dirty bitmap copied or exchanged'],
  collapse_spte: ['core', 'one collapsible spte found and zapped'],
  tlb_flush: ['core', 'a remote TLB flush request, without its IPIs'],
  ipi: ['core', 'one IPI sent and acknowledged'],
  kick_exit: ['core', 'exit and re-entry of a kicked vCPU'],
  tree_node_visit: ['core', 'one node of a red-black tree, interval tree or hash chain visited'],
  btree_node_visit: ['core', 'one node of a B-tree reached, its keys not counted'],
  array_probe: ['core', 'one key compared in a binary search'],
  array_entry_scan: ['issue', 'one array entry passed in a linear scan'],
  array_entry_copy: ['memory', 'one memslot copied or shifted within an array'],
  table_id_copy: ['memory', 'one id (2 bytes) of an id table copied with its array, whether a memslot has it or not'],
  slot_update: ['core', 'a memslot update without its grace period'],
  slot_create_user: ['core', "user space's own work for a new memslot: mmap, madvise, book-keeping"],
  slot_page_alloc: ['core', 'per page of a created or moved memslot: rmap heads and page tracking allocated and zeroed'],
  slot_page_fresh: ['core', 'the same on top, where the memory was not in use before and is cold'],
  srcu_grace_period: ['none', 'synchronize_srcu_expedited without readers'],
  srcu_poll: ['none', 'period in which synchronize_srcu_expedited looks for readers again'],
  madvise_call: ['core', 'madvise(MADV_DONTNEED) without its pages: system call, vma, the notifiers called'],
  host_pte_visit: ['core', 'one host pte visited by an unmap'],
  host_page_unmap: ['core', 'one present host page unmapped and freed'],
  host_tlb_flush: ['core', "flush of the host's own TLBs after an unmap that found pages"],
  host_access: ['memory', 'one access of a host loop that touches a page'],
  host_fault: ['core', 'host page allocated and zeroed for a fault'],
  gup_fast: ['core', 'lockless walk of the host page tables'],
  gup_slow: ['core', 'one attempt of get_user_pages under mmap_lock: vma, page tables, rmap, statistics'],
  page_alloc: ['core', 'a page allocated and zeroed, with its memory-cgroup charge'],
  page_copy: ['core', 'a page copied from user space'],
  page_cache_lookup: ['core', 'a page found in the page cache and its reference taken'],
  user_exit: ['core', 'KVM_RUN back to user space and in again'],
  user_exit_serial: ['core', 'part of such an exit that one CPU at a time does'],
  uffd_fault: ['core', 'handle_userfault without locks, wakeups and the sleep'],
  uffd_read: ['core', 'read() of a userfaultfd without locks: system call, message copied'],
  uffd_ioctl: ['core', 'UFFDIO_COPY, ZEROPAGE or CONTINUE of one page without the page itself and locks'],
  poll_wait: ['core', 'poll() or epoll_wait() without the sleep'],
  poll_callback: ['core', 'one reader told by a fault that there is something to read'],
  uffd_waiter: ['core', 'one waiter passed when a userfaultfd wakes those of a page'],
  mmio_exit: ['core', 'access to a hole: exit to user space and back'],
  kick_ack_poll: ['none', 'period in which a CPU looks whether kicked vCPUs have left the guest'],
  mutex_wake: ['core', 'a sleeping mutex waiter woken'],
  wake_latency: ['none', 'from the wakeup to the first instruction of the woken thread'],
  wakeup: ['core', 'a sleeping thread woken: what the waker pays'],
  wakeup_remote: ['core', 'the same on top, where that thread last ran on another socket'],
  start_skew: ['none', 'upper bound of the random skew with which a gang starts'],
  resched_period: ['none', 'time slice on a CPU that threads share'],
  line_sibling: ['none', 'cache line from the SMT sibling'],
  line_local: ['none', 'cache line from another core of the socket'],
  line_remote: ['none', 'cache line from another socket'],
  line_atomic: ['none', 'the same on top, where the line is wanted for an atomic read-modify-write'],
} as const satisfies Record<string, readonly [SmtClass, string]>;

export type CostName = keyof typeof COST_TABLE;

/** Costs of one CPU in integer picoseconds. */
export type Costs = Record<CostName, number>;

export const COST_NAMES = Object.keys(COST_TABLE) as CostName[];
