// The suite of a post-copy migration: each page has to come over a network, and what a guest feels of that. Who catches and who resolves faults is
// chosen as in demand-paging, with the same letters; the network, the guest and what is fetched unasked are options in words.

import type { PostCopyOptions } from '../../sim/index.js';
import { bandwidthOption, listOption, rateMetric, ratioMetric, timeMetric, timesOption } from './option-makers.js';
import { planPostCopy } from './post-copy-plan.js';
import type { CellOptions, Suite, SuiteOption, SuiteSimulation } from './suite.js';
import { NOTED_OPTIONS, USERFAULT_OPTIONS } from './userfault-options.js';
import { choiceItem, countItem } from './values.js';

const PAGE_BYTES = 4096;
const MIB = 1024 ** 2;

// The choices are repeated from the simulator (and checked against its types) so that --help need not load it.
const PATTERNS = ['sequential', 'uniform', 'zipf'] as const satisfies readonly PostCopyOptions['pattern'][];
const JITTERS = ['none', 'uniform', 'exponential'] as const satisfies readonly PostCopyOptions['jitter'][];

const list = listOption<PostCopyOptions>;
const times = timesOption<PostCopyOptions>;

const OPTIONS: readonly SuiteOption[] = [
  ...USERFAULT_OPTIONS,
  times('latency', 'latencyNs', 10e9, 'time for one page to be asked for and to arrive, without its transfer: 30us'),
  bandwidthOption<PostCopyOptions>('bandwidth', 'bandwidth', 'of the link that all pages share, in bits (10GBit) or bytes (1.25GB/s) per second; 0: no limit'),
  list('jitter', 'jitter', choiceItem(JITTERS), { value: '<list>', description: `distribution of what is added to the latency: ${JITTERS.join(', ')}` }),
  list('jitter-percent', 'jitterPercent', countItem(0, 1000), {
    value: '<list>',
    description: 'its mean, in percent of the latency; 20 where nothing is said',
  }),
  list('prefetch', 'prefetch', countItem(0, 65_536), { value: '<list>', description: 'pages fetched with the one that faulted' }),
  list('pushers', 'pushers', countItem(0, 64), { value: '<list>', description: 'threads that push the rest in the background' }),
  list('pattern', 'pattern', choiceItem(PATTERNS), { value: '<list>', description: `order of accesses: ${PATTERNS.join(', ')}` }),
  list('accesses', 'accesses', countItem(1, 1000), { value: '<list>', description: 'accesses of each vCPU, in multiples of its pages' }),
  times('compute', 'computeNs', 1e9, 'time that the guest computes between two accesses: 500ns'),
  ...NOTED_OPTIONS,
];

/** Post-copy migration: pages come over a network, and vCPUs wait for them. */
export const postCopy: Suite = {
  name: 'post-copy',
  summary: 'a post-copy migration: pages come over a network, caught by userfaultfd or KVM Userfault, and what the guest feels',
  examples: [
    { line: 'post-copy', what: 'at how many vCPUs do locks cost more than a network of 30 us?' },
    { line: 'post-copy -v 64 -b 4M -u MINOR -a -r 1,per-vcpu -k Y,N --latency 30us', what: 'readers, or the threads of the vCPUs' },
    { line: 'post-copy -v 16 -k --latency 30us --bandwidth 10GBit --jitter exponential --prefetch 0,7,63', what: 'a real link, and a window of pages' },
    { line: 'post-copy -v 16 --pushers 1 --pattern sequential,uniform,zipf --accesses 4 --compute 1us', what: 'pages are pushed while guests run' },
    { line: 'post-copy -v 16 -s guest_memfd --async-pf off,user', what: 'vCPUs run on while their pages come' },
    { line: 'post-copy --engine threads', what: 'on real threads of this machine' },
  ],
  options: OPTIONS,
  metrics: [
    timeMetric('time_to_completion', 'until all vCPUs have done their accesses'),
    rateMetric('pages_per_second', 'pages installed, per second of that time'),
    timeMetric('time_to_last_page', 'from the start until the last page is there'),
    ratioMetric('running_share', 'larger', 'of the time of all vCPUs, the part in which they did not wait'),
    timeMetric('stall_p50', 'half of the accesses that waited for a page waited no longer'),
    timeMetric('stall_p99', '99 % of them waited no longer'),
    timeMetric('stall_p999', '99.9 % of them waited no longer'),
    timeMetric('stall_max', 'the longest wait of one access'),
    timeMetric('time_to_50_percent', "until the guest's speed stays at half of its normal speed"),
    timeMetric('time_to_90_percent', 'until it stays at 90 %'),
    timeMetric('time_to_99_percent', 'until it stays at 99 %'),
  ],
  profile: 'x86-2s48c-2024',
  headline: 'time_to_completion',
  plan: planPostCopy,
  weight: weighPostCopy,
  load: loadPostCopy,
};

/** Work of a fault by who resolves it, and of an access that finds its page, in units of 330 ns of host time. */
const BY_VCPU = 6;
const BY_READER = 12;
const ACCESS = 1;

function weighPostCopy(cell: CellOptions): number {
  const { vcpus, vcpuBytes, kvmUserfault, overlap, accesses } = cell as unknown as PostCopyOptions;
  const pages = (vcpus * vcpuBytes) / PAGE_BYTES;
  return pages * (kvmUserfault ? BY_VCPU : BY_READER) + pages * accesses * (overlap ? vcpus : 1) * ACCESS;
}

async function loadPostCopy(): Promise<SuiteSimulation> {
  const sim = await import('../../sim/index.js');
  const typed = (options: CellOptions): PostCopyOptions => options as unknown as PostCopyOptions;
  return {
    defaults: { ...sim.DEFAULT_POST_COPY },
    check: (options) => sim.checkPostCopyOptions(typed(options)),
    arenaBytes: (options) => sim.postCopyArenaBytes(typed(options)),
    runVirtual: (options, run) => sim.runPostCopyVirtual(typed(options), run),
    warmUp: { ...sim.DEFAULT_POST_COPY, vcpuBytes: 4 * MIB, singleUffd: true },
    runThreads: (options, run) => sim.runPostCopyThreads(typed(options), run),
    closeThreads: () => sim.closePools(),
  };
}
