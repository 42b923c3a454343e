// The suite of demand_paging_test: how fast vCPUs fault their memory in, plain, through userfaultfd, or through KVM Userfault. Options and their letters
// are the selftest's, `-k` is James Houghton's; what his series leaves to the kernel or to user space are options in words.

import type { DemandPagingOptions } from '../../sim/index.js';
import { ARM64_HOST, planDemandPaging, X86_HOST } from './demand-paging-plan.js';
import { listOption, rateMetric, timeMetric } from './option-makers.js';
import type { CellOptions, Suite, SuiteOption, SuiteSimulation } from './suite.js';
import { NOTED_OPTIONS, USERFAULT_OPTIONS } from './userfault-options.js';
import { choiceItem, countItem, yesNoItem } from './values.js';

const PAGE_BYTES = 4096;
const MIB = 1024 ** 2;

// The choices are repeated from the simulator (and checked against its types) so that --help need not load it.
const RECOVERIES = ['none', 'eager', 'on-demand'] as const satisfies readonly DemandPagingOptions['recovery'][];

const list = listOption<DemandPagingOptions>;

const OPTIONS: readonly SuiteOption[] = [
  ...USERFAULT_OPTIONS,
  list('delay', 'delayUs', countItem(0, 10_000_000), {
    letter: 'd',
    value: '<list>',
    description: 'microseconds that whoever resolves a fault sleeps first',
  }),
  list('preallocate', 'preallocate', yesNoItem, {
    value: '<Y,N>',
    description: 'the page cache holds all pages before the run; by default Y for shared memory, as in the post, and N for MISSING',
  }),
  list('recovery', 'recovery', choiceItem(RECOVERIES), {
    value: '<list>',
    description: 'after the pass KVM Userfault is disabled, and huge mappings come back: none (it stays enabled), eager, on-demand',
  }),
  ...NOTED_OPTIONS,
];

/** demand_paging_test, with KVM Userfault. */
export const demandPaging: Suite = {
  name: 'demand-paging',
  summary: 'demand_paging_test: how fast vCPUs fault memory in, plain, through userfaultfd and through KVM Userfault',
  examples: [
    { line: 'demand-paging', what: 'the published tables, on x86 and on arm64' },
    { line: 'demand-paging -b 64M -a -v 64 -s shmem -r 1 -u MINOR -k -m 3', what: "a post's own command line" },
    { line: 'demand-paging -b 16M -v 1..512*2 -s shmem -u MINOR -a Y,N -k Y,N', what: 'one userfaultfd or one for each vCPU, without and with KVM Userfault' },
    { line: 'demand-paging -b 16M -v 8,64 -a -u MISSING -r 1,per-vcpu --seeds 5', what: 'more readers: median and range over seeds' },
    { line: 'demand-paging -b 16M -v 8 -s shared_hugetlb_2mb -k --recovery eager,on-demand', what: 'how huge mappings come back' },
    { line: 'demand-paging -v 8 -b 16M -s shmem -u MINOR --profile ampereone-2024 --format selftest', what: 'on arm64, printed as the selftest prints it' },
    { line: 'demand-paging --engine threads', what: 'the same paths on real threads of this machine' },
  ],
  options: OPTIONS,
  metrics: [
    timeMetric('total_guest_execution_time', 'until the last vCPU has touched all of its pages'),
    rateMetric('per_vcpu_demand_paging_rate', 'pages that a vCPU touches, per second of that time'),
    rateMetric('overall_demand_paging_rate', 'the same, times the vCPUs'),
    timeMetric('disable_kvm_userfault', 'the ioctl that turns KVM Userfault off (with --recovery)'),
    timeMetric('pass_after_disable', 'the next pass of all vCPUs over their memory'),
  ],
  profile: X86_HOST,
  profiles: [X86_HOST, ARM64_HOST],
  headline: 'total_guest_execution_time',
  plan: planDemandPaging,
  weight: weighDemandPaging,
  load: loadDemandPaging,
};

/** Work of a fault by who resolves it, in units of 330 ns of host time. */
const BY_KERNEL = 3;
const BY_VCPU = 7;
const BY_READER = 12;

/** Pages, by what a fault took. */
function weighDemandPaging(cell: CellOptions): number {
  const { vcpus, vcpuBytes, uffd, kvmUserfault, overlap } = cell as unknown as DemandPagingOptions;
  const accesses = (vcpus * vcpuBytes * (overlap ? vcpus : 1)) / PAGE_BYTES;
  return accesses * (kvmUserfault ? BY_VCPU : uffd === 'none' ? BY_KERNEL : BY_READER);
}

async function loadDemandPaging(): Promise<SuiteSimulation> {
  const sim = await import('../../sim/index.js');
  const typed = (options: CellOptions): DemandPagingOptions => options as unknown as DemandPagingOptions;
  return {
    defaults: { ...sim.DEFAULT_DEMAND_PAGING },
    check: (options) => sim.checkDemandPagingOptions(typed(options)),
    arenaBytes: (options) => sim.demandPagingArenaBytes(typed(options)),
    runVirtual: (options, run) => sim.runDemandPagingVirtual(typed(options), run),
    warmUp: { ...sim.DEFAULT_DEMAND_PAGING, vcpus: 8, vcpuBytes: 8 * MIB, backing: 'shmem', preallocate: true, uffd: 'minor', singleUffd: true },
    runThreads: (options, run) => sim.runDemandPagingThreads(typed(options), run),
    closeThreads: () => sim.closePools(),
  };
}
