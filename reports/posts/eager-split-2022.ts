// David Matlack's tables of eager page splitting in the shadow MMU, in the post's order and with its titles, and what each is there to answer.

import type { ResultRecord } from '../../bench/results/index.js';
import { DIRTY_LOG_QUESTIONS } from '../questions/index.js';
import { type PublishedPost, QUANTITIES, type TableDefinition } from './post.js';

type Options = ResultRecord['options'];

const GIB = 1024 ** 3;
const GUEST_LEFT_OUT = 'Left out: interrupts, other load and noise from the host; the guest does nothing but touch its pages.';
const IOCTL_LEFT_OUT = 'Left out: memory pressure and the NUMA placement of new page tables; each is allocated at one cost.';

/** What all six tables have in common. */
const LAYOUT = {
  rowHeading: 'vCPUs',
  rowUnit: 'vCPUs',
  rows: [2, 4, 8, 16, 32, 64].map((vcpus) => ({ key: String(vcpus), label: String(vcpus), x: vcpus })),
  columns: [
    { key: 'N', heading: 'eager_page_split=N', name: 'lazy', color: 1 },
    { key: 'Y', heading: 'eager_page_split=Y', name: 'eager', color: 2 },
  ],
  scale: 'published',
} as const;

const TABLES: readonly TableDefinition[] = [
  {
    ...LAYOUT,
    id: 'dirty-ept',
    title: 'Iteration 1 dirty memory time',
    shortName: 'Dirty memory, ept=Y',
    condition: 'ept=Y',
    where: { metric: 'dirty_memory_iter1', ept: 'Y', write_percent: 100, initially_all_set: '' },
    question: 'How long do all vCPUs need to write every page once, right after dirty logging was enabled?',
    reading: 'Lazy splitting takes a fault per 4 KiB page under the MMU lock, so its time grows with the vCPUs; eager splitting leaves no fault to take.',
    leavesOut: GUEST_LEFT_OUT,
  },
  {
    ...LAYOUT,
    id: 'enable',
    title: 'Enabling dirty logging time',
    shortName: 'Enable',
    condition: 'ept=Y, without initially-all-set',
    where: { metric: 'enable_dirty_logging', ept: 'Y', write_percent: 100, initially_all_set: 'N' },
    question: 'What does enabling dirty logging cost the thread that asks for it, when that is where huge pages are split?',
    reading: 'This is the price of eager splitting, paid by the ioctl thread while vCPUs are free to run.',
    leavesOut: IOCTL_LEFT_OUT,
  },
  {
    ...LAYOUT,
    id: 'clear-1',
    title: 'Iteration 1 clear dirty log time',
    shortName: 'First clear',
    condition: 'ept=Y, initially-all-set',
    where: { metric: 'clear_dirty_log_iter1', ept: 'Y', write_percent: 100, initially_all_set: 'Y' },
    question: 'With initially-all-set, what does the first clear cost, now that it is the place where huge pages are split?',
    reading: 'The same split as above, and a write protection of every new 4 KiB entry on top.',
    leavesOut: IOCTL_LEFT_OUT,
  },
  {
    ...LAYOUT,
    id: 'clear-2',
    title: 'Iteration 2 clear dirty log time',
    shortName: 'Second clear',
    condition: 'ept=Y, initially-all-set',
    where: { metric: 'clear_dirty_log_iter2', ept: 'Y', write_percent: 100, initially_all_set: 'Y' },
    question: 'Once everything is split, does eager splitting still slow down a clear?',
    reading: 'It should not: the rmap tells at once that no huge page is left, so both columns agree.',
    leavesOut: IOCTL_LEFT_OUT,
  },
  {
    ...LAYOUT,
    id: 'dirty-shadow',
    title: 'Iteration 1 dirty memory time',
    shortName: 'Dirty memory, ept=N',
    condition: 'ept=N',
    where: { metric: 'dirty_memory_iter1', ept: 'N', write_percent: 100, initially_all_set: '' },
    question: 'What is left of the gain with shadow paging, where the first write to each 4 KiB page needs the MMU lock anyway?',
    reading: 'Little: a write-protection fault under the lock replaces the split under the lock.',
    leavesOut: GUEST_LEFT_OUT,
  },
  {
    ...LAYOUT,
    id: 'dirty-shadow-reads',
    title: 'Iteration 1 dirty memory time',
    shortName: '20 % writes, ept=N',
    condition: 'ept=N, 20 % writes',
    where: { metric: 'dirty_memory_iter1', ept: 'N', write_percent: 20, initially_all_set: '' },
    question: 'And when only one access in five writes?',
    reading: 'Lazy splitting unmaps what readers use, so they fault as well; after eager splitting only the writers do.',
    leavesOut: GUEST_LEFT_OUT,
  },
];

/** "Extend Eager Page Splitting to the shadow MMU", 2022: 72 cells of dirty_log_perf_test. */
export const EAGER_SPLIT_2022: PublishedPost = {
  id: 'eager-split-2022',
  author: 'David Matlack',
  title: '[00/23] Extend Eager Page Splitting to the shadow MMU',
  date: '3 February 2022',
  messageId: '20220203010051.2813563-1-dmatlack@google.com',
  alsoIn: 'and his reply of 7 March 2022 (the rows with 20 % writes)',
  host: 'two-socket Intel, type not stated',
  method: 'dirty_log_perf_test, tdp_mmu=N, 1 GiB per vCPU in 1 GiB HugeTLB pages.',
  shortName: 'Eager splitting, 2022',
  heading: 'Eager page splitting in the shadow MMU',
  lead:
    "In 2022 David Matlack posted what happens to a virtual machine's memory speed when dirty logging starts, with huge pages split lazily by faults or " +
    'eagerly by the thread that asked. Here the same tables are run again on a simulated KVM MMU, every 4 KiB page a page, and shown beside the published numbers.',
  suite: 'dirty-log',
  relatedSuites: ['migration'],
  arms: { option: 'split', values: ['lazy', 'eager', 'eager-skip', 'on-fault'] },
  quantity: QUANTITIES.time,
  limits: { all: 1.1, worst: 1.5, subsets: [{ name: 'dirty memory', limit: 1.13, where: { metric: 'dirty_memory_iter1' } }] },
  csv: {
    columns: ['metric', 'ept', 'write_percent', 'initially_all_set', 'vcpus', 'eager_page_split', 'seconds'],
    row: 'vcpus',
    column: 'eager_page_split',
    value: 'seconds',
  },
  tables: TABLES,
  headline: { table: 'dirty-ept', caption: (vcpus) => `Time for ${vcpus} vCPUs to write 1 GiB each after dirty logging was enabled` },
  metricOf: ({ metric }) => metric,
  dimensions: ['vcpus', 'ept', 'split', 'writeEvery', 'writePercent', 'initiallyAllSet', 'iterations'],
  isShape,
  answers,
  questions: DIRTY_LOG_QUESTIONS,
};

function isShape(o: Options): boolean {
  return (
    o.mmu === 'shadow' &&
    o.vcpuBytes === GIB &&
    o.guestPageBytes === GIB &&
    o.memslots === 1 &&
    o.processes === 1 &&
    o.dirtyGranularityBytes === 4096 &&
    o.wpFaultLock === 'write' &&
    o.concurrent === false &&
    typeof o.backing === 'string' &&
    o.backing.endsWith('_hugetlb_1gb') &&
    (o.split === 'lazy' || o.split === 'eager') &&
    o.mmuPages === 0 &&
    o.randomAccess === false &&
    o.overlap === false &&
    o.runWhileDisabling === false
  );
}

/** Where the post does not say whether the log was initially all set, runs without it are compared. */
function answers(o: Options, fields: Readonly<Record<string, string>>): boolean {
  return (
    o.vcpus === Number(fields.vcpus) &&
    o.ept === (fields.ept === 'Y') &&
    o.split === (fields.eager_page_split === 'Y' ? 'eager' : 'lazy') &&
    o.initiallyAllSet === (fields.initially_all_set === 'Y') &&
    writesOf(o) === Number(fields.write_percent)
  );
}

/** Percent of writes, where it is the fixed pattern of the post (all, or one access in five); a random draw is another workload. */
function writesOf({ writeEvery, writePercent }: Options): number | undefined {
  if (writeEvery === 5) return 20;
  if (writeEvery === 1 || (writeEvery === 0 && writePercent === 100)) return 100;
  return undefined;
}
