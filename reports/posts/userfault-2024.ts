// James Houghton's tables of demand_paging_test with and without KVM Userfault, on an x86 and an arm64 host: each host, kind of memory and number of
// userfaultfds is a table, each way to catch and resolve a fault a column.

import type { ResultRecord } from '../../bench/results/index.js';
import { isPreallocated, USERFAULT_PROFILES, USERFAULT_QUESTIONS } from '../questions/index.js';
import { type ColumnDefinition, type PublishedPost, QUANTITIES, type TableDefinition } from './post.js';

type Options = ResultRecord['options'];
type Fields = Readonly<Record<string, string>>;

const MIB = 1024 ** 2;
const SINGLE_READER = ' (single reader)';
const WITH_KVM = ' + KVM UF';
const LEFT_OUT: Record<Place['arch'], string> = {
  x86: 'Left out: interrupts, time slices, other load of the host, and where memory lies among its NUMA nodes.',
  arm64: "Left out: interrupts, time slices, other load of the host, and arm64's own fault path: this host runs that of x86 at its own costs.",
};

/** A colour and a shape stand for one way through all tables. */
function columnsOf(uffd: string, { withSingleReader }: { withSingleReader: boolean }): ColumnDefinition[] {
  const all: ColumnDefinition[] = [
    { key: 'no userfault', heading: 'no userfault', name: 'no userfault', color: 1 },
    { key: `${uffd}${SINGLE_READER}`, heading: `${uffd}${SINGLE_READER}`, name: `${uffd}${SINGLE_READER}`, color: 2 },
    { key: uffd, heading: uffd, name: uffd, color: 3 },
    { key: `${uffd}${WITH_KVM}`, heading: `${uffd}${WITH_KVM}`, name: `${uffd}${WITH_KVM}`, color: 4 },
    { key: 'KVM UF', heading: 'KVM UF', name: 'KVM UF', color: 5 },
  ];
  return all.filter(({ key }) => withSingleReader || !key.endsWith(SINGLE_READER));
}

interface Place {
  arch: 'x86' | 'arm64';
  memory: 'anonymous' | 'shmem';
  userfaultfds: 'single' | 'multiple';
}

const HOSTS = { x86: 'x86: 96 LPUs, 48 cores, TDP MMU enabled', arm64: 'arm64: 96 PEs, AmpereOne' };
const TITLES = {
  anonymous: { single: 'Anonymous memory, single userfaultfd', multiple: 'Anonymous memory, multiple userfaultfds' },
  shmem: { single: 'shmem (preallocated), single userfaultfd', multiple: 'shmem (preallocated), multiple userfaultfds' },
};

function tableOf({ arch, memory, userfaultfds }: Place, { question, reading }: Pick<TableDefinition, 'question' | 'reading'>): TableDefinition {
  return {
    id: `userfault-${arch}-${memory}-${userfaultfds}`,
    title: TITLES[memory][userfaultfds],
    shortName: `${arch} ${memory}, ${userfaultfds}`,
    condition: HOSTS[arch],
    where: { arch, memory, userfaultfds },
    rowHeading: 'vCPUs',
    rowUnit: 'vCPUs',
    rows: [2, 8, 64].map((vcpus) => ({ key: String(vcpus), label: String(vcpus), x: vcpus })),
    columns: columnsOf(memory === 'anonymous' ? 'MISSING' : 'MINOR', { withSingleReader: userfaultfds === 'single' }),
    scale: 'published',
    question,
    reading,
    leavesOut: LEFT_OUT[arch],
  };
}

const TABLES: readonly TableDefinition[] = [
  tableOf(
    { arch: 'x86', memory: 'anonymous', userfaultfds: 'single' },
    {
      question: 'How many pages a second does each vCPU get, when all of them wait in the queues of one userfaultfd?',
      reading: 'With 2 vCPUs the trip through poll, read and wake is the price; with 64 it is the queue, and more readers make it longer.',
    },
  ),
  tableOf(
    { arch: 'x86', memory: 'shmem', userfaultfds: 'single' },
    {
      question: 'And when the pages are in the page cache already, and only have to be mapped?',
      reading: 'Allocating a page is not what makes one userfaultfd slow: the columns look as they do above.',
    },
  ),
  tableOf(
    { arch: 'x86', memory: 'shmem', userfaultfds: 'multiple' },
    {
      question: 'What is left of the contention when each vCPU has a userfaultfd of its own?',
      reading: 'The queues are sharded perfectly, since no vCPU touches the memory of another; what is left are mm, scheduler and MMU.',
    },
  ),
  tableOf(
    { arch: 'arm64', memory: 'shmem', userfaultfds: 'single' },
    {
      question: 'Is it the same on another architecture, on one socket without sibling threads?',
      reading: 'The order of the columns is; with 64 vCPUs KVM itself is slower here, with or without userfaultfd.',
    },
  ),
  tableOf(
    { arch: 'arm64', memory: 'shmem', userfaultfds: 'multiple' },
    {
      question: 'And with a userfaultfd for each vCPU there?',
      reading: 'At 64 vCPUs sharded userfaultfds are as fast as KVM Userfault: something else is the limit of both.',
    },
  ),
];

/** "KVM: Introduce KVM Userfault", 2024: 69 cells of demand_paging_test. */
export const USERFAULT_2024: PublishedPost = {
  id: 'userfault-2024',
  author: 'James Houghton',
  title: '[PATCH v1 00/13] KVM: Introduce KVM Userfault',
  date: '4 December 2024',
  host: 'x86 with 48 cores (96 logical CPUs), type not stated; AmpereOne with 96 cores',
  method: 'demand_paging_test -b 64M -a, THP and MGLRU disabled, shmem with its page cache preallocated in every run.',
  shortName: 'KVM Userfault, 2024',
  heading: 'Post-copy faults: userfaultfd and KVM Userfault',
  lead:
    'In 2024 James Houghton posted how fast vCPUs get their pages when user space supplies them: by userfaultfd, whose readers are woken through wait queues, or by ' +
    'KVM Userfault, where the vCPU itself returns to user space. Here his tables are run again on simulated queues, locks and threads, every fault a fault; ' +
    'below them stands what the numbers mean for a migration.',
  suite: 'demand-paging',
  relatedSuites: ['post-copy'],
  arms: { option: 'kvmUserfault', values: ['N', 'Y'] },
  quantity: QUANTITIES.rate,
  limits: {
    worst: 1.4,
    subsets: [
      { name: 'x86', limit: 1.1, where: { arch: 'x86' } },
      { name: 'arm64', limit: 1.12, where: { arch: 'arm64' } },
    ],
  },
  csv: {
    columns: ['arch', 'memory', 'userfaultfds', 'mode', 'vcpus', 'pages_per_second_per_vcpu'],
    row: 'vcpus',
    column: 'mode',
    value: 'pages_per_second_per_vcpu',
  },
  tables: TABLES,
  headline: {
    table: 'userfault-x86-shmem-single',
    columns: ['MINOR', `MINOR${WITH_KVM}`],
    caption: (vcpus) => `Pages a second that each of ${vcpus} vCPUs gets, x86, shmem, one userfaultfd`,
  },
  metricOf: () => 'per_vcpu_demand_paging_rate',
  dimensions: ['vcpus', 'backing', 'uffd', 'singleUffd', 'readers', 'kvmUserfault', 'preallocate'],
  isShape,
  answers,
  preference,
  profileOf: ({ arch }) => USERFAULT_PROFILES[arch as keyof typeof USERFAULT_PROFILES],
  questions: USERFAULT_QUESTIONS,
};

/** As the kernel and the selftest of the time were: readers in epoll with EPOLLEXCLUSIVE, ioctls under per-VMA locks. */
function isShape(o: Options): boolean {
  return (
    o.vcpuBytes === 64 * MIB &&
    (o.backing === 'anonymous' || o.backing === 'shmem') &&
    isPreallocated(o) &&
    o.overlap === false &&
    o.delayUs === 0 &&
    o.recovery === 'none' &&
    o.asyncPf === 'off' &&
    o.readerWait === 'epoll-exclusive' &&
    o.vmaLocks === true
  );
}

/** Without userfaultfd neither their number nor that of their readers decides anything, so one run stands in two tables. */
function answers(o: Options, fields: Fields): boolean {
  const { memory, mode, vcpus } = fields;
  return (
    o.vcpus === Number(vcpus) &&
    o.backing === memory &&
    o.uffd === uffdOf(mode) &&
    o.kvmUserfault === mode.endsWith('KVM UF') &&
    (o.uffd === 'none' || (o.singleUffd === (fields.userfaultfds === 'single') && hasReaders(o, fields)))
  );
}

function uffdOf(mode: string): string {
  return mode.startsWith('MISSING') ? 'missing' : mode.startsWith('MINOR') ? 'minor' : 'none';
}

/** Where KVM Userfault is on, readers have next to nothing to do, and any number of them will do. */
function hasReaders(o: Options, fields: Fields): boolean {
  return fields.mode.endsWith(WITH_KVM) || o.readers === readersOf(o, fields);
}

/** One reader, or one for each vCPU: on the one userfaultfd, or on one of their own each. */
function readersOf(o: Options, { mode, userfaultfds }: Fields): Options[string] {
  return mode.endsWith(SINGLE_READER) || userfaultfds === 'multiple' ? 1 : o.vcpus;
}

/** What was most likely run: as many userfaultfds as the table says, and as many readers as vCPUs. */
function preference(o: Options, fields: Fields): number {
  return (o.singleUffd === (fields.userfaultfds === 'single') ? 2 : 0) + (o.readers === readersOf(o, fields) ? 1 : 0);
}
