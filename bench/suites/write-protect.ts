// The suite of write protection without mmu_lock: all memory is protected while vCPUs write it and the host changes pages. What `mmtest` of the RFC of 2013
// did, in a scenario of our own: its sources are not at hand.

import type { WriteProtectOptions } from '../../sim/index.js';
import { countMetric, listOption, rateMetric, ratioMetric, sizesOption, timeMetric, timesOption } from './option-makers.js';
import type { CellOptions, Suite, SuiteOption, SuiteSimulation } from './suite.js';
import { choiceItem, countItem, yesNoItem } from './values.js';
import { planWriteProtect } from './write-protect-plan.js';

const PAGE_BYTES = 4096;
const MIB = 1024 ** 2;

// The choices are repeated from the simulator (and checked against its types) so that --help need not load it.
const WRITE_PROTECT = ['locked', 'lockless', 'root'] as const satisfies readonly WriteProtectOptions['writeProtect'][];
const MMU_LOCKS = ['real', 'free'] as const satisfies readonly WriteProtectOptions['mmuLock'][];
const BACKINGS = ['anonymous', 'anonymous_hugetlb_2mb'] as const satisfies readonly WriteProtectOptions['backing'][];
const PREEMPT = ['none', 'voluntary', 'full'] as const satisfies readonly WriteProtectOptions['preempt'][];

const list = listOption<WriteProtectOptions>;
const times = timesOption<WriteProtectOptions>;

const OPTIONS: readonly SuiteOption[] = [
  list('vcpus', 'vcpus', countItem(1, 1024), { letter: 'v', value: '<list>', description: 'vCPUs: 64, 2,4,8 or 2..64*2' }),
  sizesOption<WriteProtectOptions>('memory', 'vcpuBytes', PAGE_BYTES, { letter: 'b', value: '<sizes>', description: 'memory of each vCPU: 32M, 1G' }),
  list('write-protect', 'writeProtect', choiceItem(WRITE_PROTECT), {
    value: '<list>',
    description: 'how write access is taken away: locked (under mmu_lock), lockless (as the RFC proposes), root (root by root)',
  }),
  list('mmu-lock', 'mmuLock', choiceItem(MMU_LOCKS), {
    value: '<list>',
    description: 'real, or free: what if mmu_lock cost nothing and nobody waited for it? Give --period, so that both have the same window',
  }),
  list('backing', 'backing', choiceItem(BACKINGS, { anonymous_hugetlb: 'anonymous_hugetlb_2mb' }), {
    letter: 's',
    value: '<list>',
    description: `host memory: ${BACKINGS.join(', ')}`,
  }),
  list('ept', 'ept', yesNoItem, { value: '<Y,N>', description: 'two-dimensional paging (Y) or shadow paging (N)' }),
  list('notifier-rate', 'notifierRate', countItem(0, 1_000_000), { value: '<list>', description: 'host pages that the host changes per second; 0: none' }),
  list('passes', 'passes', countItem(1, 1000), { letter: 'i', value: '<list>', description: 'KVM_GET_DIRTY_LOG calls after logging was turned on' }),
  times('period', 'periodNs', 10e9, 'from the start of one ioctl to the start of the next: 10ms; 0: back to back'),
  times('compute', 'computeNs', 1e9, 'time that the guest computes after each write: 1us'),
  { long: 'random', field: 'randomAccess', parse: () => [true], letter: 'a', description: 'pages in random order' },
  list('preempt', 'preempt', choiceItem(PREEMPT), {
    value: '<list>',
    description: `preemption model of the host: ${PREEMPT.join(', ')}; with full a walk under mmu_lock lets waiters in`,
  }),
  list('guest-seed', 'guestSeed', countItem(0, 2 ** 31 - 2), {
    letter: 'r',
    value: '<list>',
    description: "seed of the guests' and the host's random numbers",
  }),
];

/** All memory is write-protected while vCPUs write it: under mmu_lock, or without. */
export const writeProtect: Suite = {
  name: 'write-protect',
  summary: 'write protection of all memory beside vCPUs and the mmu notifier: under mmu_lock, or without it as proposed in 2013',
  examples: [
    { line: 'write-protect', what: 'each way to protect 4 KiB and 2 MiB mappings, and with a lock that costs nothing' },
    { line: 'write-protect -v 64 -b 128M --write-protect locked,lockless --mmu-lock real,free --period 100ms', what: '8 GiB, 64 vCPUs' },
    { line: 'write-protect -v 8 --notifier-rate 0,1000,10000 --period 10ms', what: 'how much the host changes' },
    { line: 'write-protect -v 8 --ept Y,N --write-protect locked,lockless --period 10ms', what: 'shadow paging: faults take mmu_lock anyway' },
    { line: 'write-protect -v 2 --engine threads', what: 'on real threads of this machine' },
  ],
  options: OPTIONS,
  metrics: [
    timeMetric('window', 'the window in which all else is measured: until all vCPUs have stopped'),
    timeMetric('protect_slot', 'the ioctl that turns dirty logging on, and so protects the whole memslot'),
    timeMetric('get_dirty_log', 'KVM_GET_DIRTY_LOG, which protects what was written: mean of the passes'),
    { name: 'protect_ns_per_spte', unit: 'ns', better: 'smaller', description: 'time of all these ioctls for each spte that they write-protected' },
    rateMetric('vcpu_writes_per_second', 'writes of all vCPUs in the whole window'),
    rateMetric('writes_per_second_beside_ioctl', 'writes of all vCPUs while one of the ioctls was at work'),
    countMetric('write_faults', 'neither', 'faults of all vCPUs in the window'),
    timeMetric('stall_p50', 'half of the writes that faulted stood still no longer'),
    timeMetric('stall_p99', '99 % of them stood still no longer'),
    timeMetric('stall_max', 'the longest fault'),
    ratioMetric('fault_share', 'smaller', 'of the time of all vCPUs, what faults took without their waits for mmu_lock'),
    ratioMetric('mmu_lock_wait_share', 'smaller', 'of the time of all vCPUs, what faults waited for mmu_lock'),
    timeMetric('host_page_change', 'how long the host took to change one page, the mmu notifier included: mean'),
  ],
  profile: 'x5690-2013',
  headline: 'window',
  plan: planWriteProtect,
  weight: weighWriteProtect,
  load: loadWriteProtect,
};

/** Pages that are populated, protected, and written again in units of 330 ns of host time. */
function weighWriteProtect(cell: CellOptions): number {
  const { vcpus, vcpuBytes, passes, periodNs, computeNs } = cell as unknown as WriteProtectOptions;
  const pages = (vcpus * vcpuBytes) / PAGE_BYTES;
  const writes = (vcpus * (passes + 2) * periodNs) / (computeNs + 200);
  return pages * (2 + passes) + writes;
}

async function loadWriteProtect(): Promise<SuiteSimulation> {
  const sim = await import('../../sim/index.js');
  const typed = (options: CellOptions): WriteProtectOptions => options as unknown as WriteProtectOptions;
  return {
    defaults: { ...sim.DEFAULT_WRITE_PROTECT },
    check: (options) => sim.checkWriteProtectOptions(typed(options)),
    arenaBytes: (options) => sim.writeProtectArenaBytes(typed(options)),
    runVirtual: (options, run) => sim.runWriteProtectVirtual(typed(options), run),
    warmUp: { ...sim.DEFAULT_WRITE_PROTECT, vcpus: 4, vcpuBytes: MIB },
    runThreads: (options, run) => sim.runWriteProtectThreads(typed(options), run),
    closeThreads: () => sim.closePools(),
  };
}
