// The six published tables, in the post's order and with its titles, and what each is there to answer.

import type { PublishedCell } from './published.js';

/** What one published table shows. */
export interface TableDefinition {
  /** Stable name, for anchors and CSV. */
  id: string;
  /** Title as published. */
  title: string;
  /** A few words, for navigation. */
  shortName: string;
  /** What tells tables of one title apart. */
  condition: string;
  metric: string;
  ept: boolean;
  writePercent: number;
  /** As in the post; `undefined` where it does not say. */
  initiallyAllSet: boolean | undefined;
  /** The question that the table answers, one sentence. */
  question: string;
  /** What to look for in the numbers, one sentence. */
  reading: string;
  /** What the simulation leaves out that may matter for this table, one sentence. */
  leavesOut: string;
}

const GUEST_LEFT_OUT = 'Left out: interrupts, other load and noise from the host; the guest does nothing but touch its pages.';
const IOCTL_LEFT_OUT = 'Left out: memory pressure and the NUMA placement of new page tables; each is allocated at one cost.';

/** The tables in the post's order. */
export const TABLES: readonly TableDefinition[] = [
  {
    id: 'dirty-ept',
    title: 'Iteration 1 dirty memory time',
    shortName: 'Dirty memory, ept=Y',
    condition: 'ept=Y',
    metric: 'dirty_memory_iter1',
    ept: true,
    writePercent: 100,
    initiallyAllSet: undefined,
    question: 'How long do all vCPUs need to write every page once, right after dirty logging was enabled?',
    reading: 'Lazy splitting takes a fault per 4 KiB page under the MMU lock, so its time grows with the vCPUs; eager splitting leaves no fault to take.',
    leavesOut: GUEST_LEFT_OUT,
  },
  {
    id: 'enable',
    title: 'Enabling dirty logging time',
    shortName: 'Enable',
    condition: 'ept=Y, without initially-all-set',
    metric: 'enable_dirty_logging',
    ept: true,
    writePercent: 100,
    initiallyAllSet: false,
    question: 'What does enabling dirty logging cost the thread that asks for it, when that is where huge pages are split?',
    reading: 'This is the price of eager splitting, paid by the ioctl thread while vCPUs are free to run.',
    leavesOut: IOCTL_LEFT_OUT,
  },
  {
    id: 'clear-1',
    title: 'Iteration 1 clear dirty log time',
    shortName: 'First clear',
    condition: 'ept=Y, initially-all-set',
    metric: 'clear_dirty_log_iter1',
    ept: true,
    writePercent: 100,
    initiallyAllSet: true,
    question: 'With initially-all-set, what does the first clear cost, now that it is the place where huge pages are split?',
    reading: 'The same split as above, and a write protection of every new 4 KiB entry on top.',
    leavesOut: IOCTL_LEFT_OUT,
  },
  {
    id: 'clear-2',
    title: 'Iteration 2 clear dirty log time',
    shortName: 'Second clear',
    condition: 'ept=Y, initially-all-set',
    metric: 'clear_dirty_log_iter2',
    ept: true,
    writePercent: 100,
    initiallyAllSet: true,
    question: 'Once everything is split, does eager splitting still slow down a clear?',
    reading: 'It should not: the rmap tells at once that no huge page is left, so both columns agree.',
    leavesOut: IOCTL_LEFT_OUT,
  },
  {
    id: 'dirty-shadow',
    title: 'Iteration 1 dirty memory time',
    shortName: 'Dirty memory, ept=N',
    condition: 'ept=N',
    metric: 'dirty_memory_iter1',
    ept: false,
    writePercent: 100,
    initiallyAllSet: undefined,
    question: 'What is left of the gain with shadow paging, where the first write to each 4 KiB page needs the MMU lock anyway?',
    reading: 'Little: a write-protection fault under the lock replaces the split under the lock.',
    leavesOut: GUEST_LEFT_OUT,
  },
  {
    id: 'dirty-shadow-reads',
    title: 'Iteration 1 dirty memory time',
    shortName: '20 % writes, ept=N',
    condition: 'ept=N, 20 % writes',
    metric: 'dirty_memory_iter1',
    ept: false,
    writePercent: 20,
    initiallyAllSet: undefined,
    question: 'And when only one access in five writes?',
    reading: 'Lazy splitting unmaps what readers use, so they fault as well; after eager splitting only the writers do.',
    leavesOut: GUEST_LEFT_OUT,
  },
];

/** Whether a published cell stands in this table. */
export function belongsToTable(table: TableDefinition, cell: PublishedCell): boolean {
  return cell.metric === table.metric && cell.ept === table.ept && cell.writePercent === table.writePercent && cell.initiallyAllSet === table.initiallyAllSet;
}
