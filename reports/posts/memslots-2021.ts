// Maciej S. Szmigiero's table of memslot_perf_test: the array of memslots before his patch, the trees after it. In the post it is one list by memslot
// count; here each count is a table.

import type { ResultRecord } from '../../bench/results/index.js';
import { MEMSLOT_QUESTIONS } from '../questions/index.js';
import { type ColumnDefinition, type DerivedColumn, type PublishedPost, QUANTITIES, type TableDefinition } from './post.js';

type Options = ResultRecord['options'];

/** The post's names of the tests, in its order, and mmulab's. */
const TESTS: Readonly<Record<string, string>> = {
  Map: 'map',
  Unmap: 'unmap',
  'Unmap 2M': 'unmap-chunked',
  'Move active': 'move-active',
  'Move inactive': 'move-inactive',
  'Slot setup': 'setup',
};

/** Memslots that a kernel of the array had at most, and one of the tree. */
const ARRAY_SLOTS_MAX = 509;
const TREE_SLOTS_MAX = 32764;
/** The map test has 8193 pages, and memslot 0 holds the guest's code. */
const MAP_SLOTS_MAX = 8194;

const COLUMNS: readonly ColumnDefinition[] = [
  { key: 'array', heading: 'array (before)', name: 'array', color: 1 },
  { key: 'tree', heading: 'tree (after)', name: 'tree', color: 2 },
];

const IMPROVEMENT: DerivedColumn = {
  name: 'Improvement',
  compute: ({ array, tree }) => (array === undefined || tree === undefined ? undefined : 1 - tree / array),
  format: (value) => `${(100 * value).toFixed(0).replace(/^-0$/, '0')} %`,
};

const SLOW_DOWN: DerivedColumn = {
  name: 'array / tree',
  compute: ({ array, tree }) => (array === undefined || tree === undefined ? undefined : array / tree),
  format: (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)}x`,
};

const LEFT_OUT = 'Left out: everything of the host besides its memory management; mmap, madvise and the work of the guest have one cost each.';

const LAYOUT = { columns: COLUMNS, rowHeading: 'test', scale: 'row', leavesOut: LEFT_OUT } as const;

function tableOf(slots: number, { question, reading }: Pick<TableDefinition, 'question' | 'reading'>): TableDefinition {
  return {
    ...LAYOUT,
    id: `memslots-${slots}`,
    title: `${slots} slots in use`,
    shortName: `${slots} memslots`,
    condition: 'memslot_perf_test',
    where: { slots },
    rows: Object.keys(TESTS).map((name) => ({ key: name, label: name })),
    derived: IMPROVEMENT,
    question,
    reading,
  };
}

const TABLES: readonly TableDefinition[] = [
  tableOf(ARRAY_SLOTS_MAX, {
    question: 'What does the array cost when a guest uses as many memslots as its kernel allowed?',
    reading: 'A notifier looks at every memslot of the array, so unmapping page by page pays most; a tree goes to the one that it needs.',
  }),
  tableOf(100, { question: 'And with a hundred?', reading: 'Unmapping still pays; what changes one memslot copies a smaller array.' }),
  tableOf(50, {
    question: 'And with fifty, as a machine with a few hot-plugged devices has?',
    reading: 'A scan of fifty memslots is little beside a system call.',
  }),
  tableOf(30, { question: 'And with thirty?', reading: 'The published differences below 2 % change their sign from test to test.' }),
  tableOf(10, {
    question: 'Does a guest with few memslots pay for the trees?',
    reading: 'It should not: with ten memslots both have next to nothing to look for, and the system calls remain.',
  }),
  {
    ...LAYOUT,
    id: 'memslots-32k',
    title: '32k memslots',
    shortName: '32k memslots',
    condition: `memslot_perf_test; ${TREE_SLOTS_MAX} slots in use, ${MAP_SLOTS_MAX} for Map`,
    where: { slots: [MAP_SLOTS_MAX, TREE_SLOTS_MAX] },
    rows: Object.keys(TESTS).map((name) => ({ key: name, label: name === 'Map' ? `Map (${MAP_SLOTS_MAX})` : name })),
    derived: SLOW_DOWN,
    question: 'What do the trees cost with as many memslots as the API has numbers for, and what would the array have cost?',
    reading: 'The post has no number of the array here: those cells are predictions, made by letting the array have as many memslots.',
  },
];

/** "Scalable memslots implementation", 2021: 66 cells of memslot_perf_test. */
export const MEMSLOTS_2021: PublishedPost = {
  id: 'memslots-2021',
  author: 'Maciej S. Szmigiero',
  title: '[PATCH 2/2] KVM: Scalable memslots implementation',
  date: '1 February 2021',
  host: 'Xeon 8167M',
  method:
    'memslot_perf_test of that time, TDP MMU off, one vCPU; 512 MiB of test memory, 32 MiB in the map test, 128 MiB in the unmap tests, 4 KiB guest pages.',
  shortName: 'Memslots, 2021',
  heading: 'Memslots in an array and in trees',
  lead:
    'In 2021 Maciej S. Szmigiero replaced the sorted array of memslots, which is scanned for a host address and copied for every change, by trees over two ' +
    'sets. Here his table is run again on simulated memslots, every notifier a lookup, and shown beside the published numbers; below it stand the questions that were asked in the thread.',
  suite: 'memslots',
  arms: { option: 'memslots', values: ['array', 'tree', 'array-hva-tree', 'btree'] },
  quantity: QUANTITIES.time,
  limits: { all: 1.08, worst: 1.35, subsets: [] },
  csv: { columns: ['slots', 'test', 'memslots', 'seconds'], row: 'test', column: 'memslots', value: 'seconds' },
  unmeasured: Object.keys(TESTS).map((test) => ({ slots: String(test === 'Map' ? MAP_SLOTS_MAX : TREE_SLOTS_MAX), test, memslots: 'array' })),
  tables: TABLES,
  headline: { table: 'memslots-509', row: 'Unmap', caption: () => 'Time to unmap 128 MiB page by page with 509 memslots' },
  metricOf: ({ test }) => (test === 'Slot setup' ? 'slot_setup' : 'iteration'),
  // Options of other tests (`changes`, `call`) and the length of a run decide nothing here.
  dimensions: ['test', 'slots', 'memslots', 'maxSlots', 'loops', 'seconds', 'changes', 'call', 'slotSetup'],
  isShape,
  answers: (o, { slots, test, memslots }) => o.slots === Number(slots) && o.test === TESTS[test] && o.memslots === memslots,
  questions: MEMSLOT_QUESTIONS,
};

/** As the kernel of the time was built: an array pays for as many memslots as it was built for. */
function isShape(o: Options): boolean {
  const slotsMax = o.memslots === 'array' && Number(o.slots) <= ARRAY_SLOTS_MAX ? ARRAY_SLOTS_MAX : TREE_SLOTS_MAX;
  return (
    o.vcpus === 1 &&
    o.mmu !== 'tdp' &&
    o.zapAll === true &&
    o.lastUsed === 'shared' &&
    o.maxSlots === slotsMax &&
    (o.memslots === 'array' || o.memslots === 'tree')
  );
}
