// What demand_paging_test prints.

import type { ResultRecord } from '../results/index.js';
import { type SelftestPrinter, timespec } from './selftest-printer.js';

const PAGE_BYTES = 4096;
/** The selftest puts its memory at the top of the guest's; how much a guest has depends on the host, and the model has no such limit: *assumed*. */
const GUEST_PA_BITS = 48;
/** As the selftest names the one mode of x86. */
const GUEST_MODE = 'PA-bits:ANY, VA-bits:48,  4K pages';
/** Backing memory by pages of more than 4 KiB, to which the test memory is aligned. */
const HUGE_BACKINGS: Readonly<Record<string, number>> = { anonymous_thp: 2 ** 21, shared_hugetlb_2mb: 2 ** 21 };

/** One run of demand_paging_test for each seed or repetition of each cell. */
export const demandPagingPrinter: SelftestPrinter = {
  suite: 'demand-paging',
  program: 'demand_paging_test',
  prints: ({ metrics }) => Object.hasOwn(metrics, 'total_guest_execution_time'),
  expected: 'total_guest_execution_time',
  groupOf: ({ cell }) => cell,
  order: () => 0,
  render: (records) => records.flatMap((record) => record.seeds.map((_, run) => renderRun(record, run))).join('\n'),
};

function renderRun({ options, metrics }: ResultRecord, run: number): string {
  const [start, end] = testMemoryOf(options);
  const value = (name: string): number => metrics[name].values[run];
  return [
    `Testing guest mode: ${GUEST_MODE}`,
    `guest physical test memory: [0x${start.toString(16)}, 0x${end.toString(16)})`,
    'Finished creating vCPUs and starting uffd threads',
    'Started all vCPUs',
    'All vCPU threads joined',
    `Total guest execution time:\t${timespec(value('total_guest_execution_time'))}`,
    `Per-vcpu demand paging rate:\t${value('per_vcpu_demand_paging_rate').toFixed(6)} pgs/sec/vcpu`,
    `Overall demand paging rate:\t${value('overall_demand_paging_rate').toFixed(6)} pgs/sec`,
    '',
  ].join('\n');
}

/** First byte of the test memory and the one after its last: below the last page of guest memory, aligned to the backing's page. */
function testMemoryOf({ vcpus, vcpuBytes, backing }: ResultRecord['options']): [number, number] {
  const bytes = Number(vcpus) * Number(vcpuBytes);
  const unaligned = 2 ** GUEST_PA_BITS - PAGE_BYTES - bytes;
  const start = unaligned - (unaligned % (HUGE_BACKINGS[String(backing)] ?? PAGE_BYTES));
  return [start, start + bytes];
}
