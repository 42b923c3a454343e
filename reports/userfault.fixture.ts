// Records of the suites `demand-paging` and `post-copy` for tests: the published cells x a factor, and cells that answer every question beyond them.
// Deterministic, no engine involved.

import type { ResultRecord } from '../bench/results/index.js';
import { loadCells, POSTS, type PublishedCell } from './posts/index.js';
import { fixtureRecord, fixtureTime, HOSTILE, wave } from './records.fixture.js';

type Options = ResultRecord['options'];
type Metrics = ResultRecord['metrics'];

const RATE = 'per_vcpu_demand_paging_rate';
const PROFILES: Record<string, ResultRecord['profile']> = {
  x86: { name: 'x86-2s48c-2024', hash: '0a0b0c0d0e0f', overrides: [] },
  arm64: { name: 'ampereone-2024', hash: 'f0e0d0c0b0a0', overrides: [] },
};
/** Medians and ranges over seeds: five draws of an order of arrival. */
const DRAWS = [0.97, 0.99, 1, 1.02, 1.04];

/** One record of demand-paging with the options of the published cells where nothing else is said. */
export function pagingRecord(
  changes: Options,
  { metrics = {}, arch = 'x86', overrides = [] }: { metrics?: Metrics; arch?: string; overrides?: string[] } = {},
) {
  const options: Options = {
    ...{ vcpus: 2, vcpuBytes: 64 * 1024 ** 2, backing: 'shmem', uffd: 'minor', singleUffd: true, readers: 1, kvmUserfault: false, overlap: false },
    ...{ readerWait: 'epoll-exclusive', asyncPf: 'off', vmaLocks: true, guestSeed: 1, delayUs: 0, preallocate: true, recovery: 'none', ...changes },
  };
  return suiteRecord('demand-paging', options, { metrics, profile: { ...PROFILES[arch], overrides } });
}

/** One record of post-copy over a network of 30 microseconds where nothing else is said. */
export function postCopyRecord(changes: Options, metrics: Metrics = {}): ResultRecord {
  const options: Options = {
    ...{ vcpus: 2, vcpuBytes: 64 * 1024 ** 2, backing: 'shmem', uffd: 'minor', singleUffd: true, readers: 1, kvmUserfault: false, overlap: false },
    ...{ readerWait: 'epoll-exclusive', asyncPf: 'off', vmaLocks: true, guestSeed: 1, latencyNs: 30_000, bandwidth: 0, jitter: 'none', jitterPercent: 0 },
    ...{ prefetch: 0, pushers: 0, pattern: 'sequential', accesses: 1, computeNs: 0, ...changes },
  };
  return suiteRecord('post-copy', options, { metrics, profile: PROFILES.x86 });
}

function suiteRecord(suite: string, options: Options, { metrics, profile }: { metrics: Metrics; profile: ResultRecord['profile'] }): ResultRecord {
  const cell = `${suite} engine=virtual profile=${profile.name} ${profile.overrides.join()} ${JSON.stringify(options)}`;
  return { ...fixtureRecord({ suite, cell, metrics, locks: [], counters: {} }), options, profile };
}

/** Pages a second, of five seeds. */
export function fixtureRate(rate: number, kind: 'exact' | 'order-sensitive' = 'order-sensitive'): Metrics[string] {
  const values = DRAWS.map((draw) => Math.round(rate * (kind === 'exact' ? 1 : draw)));
  return { ...fixtureTime(values, kind), unit: 'per_s', better: 'larger' };
}

/** Records for all cells of the KVM Userfault post. Where a table of several userfaultfds has the run of another table, one record stands for both. */
export function userfaultFixture(factor: (cell: PublishedCell, index: number) => number = wave): ResultRecord[] {
  const records = new Map<string, ResultRecord>();
  loadCells(POSTS[2]).forEach((cell, index) => {
    const { arch, memory, userfaultfds, mode, vcpus } = cell.fields;
    const uffd = mode.startsWith('MI') ? mode.slice(0, 5).trim().toLowerCase() : 'none';
    const isPlain = uffd === 'none';
    const single = isPlain || userfaultfds === 'single';
    const readers = isPlain || mode.includes('single') || !single ? 1 : Number(vcpus);
    const options = {
      ...{ vcpus: Number(vcpus), backing: memory, uffd: uffd === 'missi' ? 'missing' : uffd, singleUffd: single, readers },
      ...{ kvmUserfault: mode.endsWith('KVM UF'), preallocate: memory === 'shmem' },
    };
    const key = JSON.stringify([arch, options]);
    if (records.has(key)) return;
    records.set(key, pagingRecord(options, { arch, metrics: { [RATE]: fixtureRate((cell.value ?? 0) * factor(cell, index)) } }));
  });
  return [...records.values()];
}

const WAYS: { options: Options; perVcpu: boolean; growth: number; base: number }[] = [
  { options: { readers: 1 }, perVcpu: false, growth: 1, base: 9000 },
  { options: {}, perVcpu: true, growth: 1.25, base: 9000 },
  { options: { singleUffd: false, readers: 1 }, perVcpu: false, growth: 0.6, base: 9500 },
  { options: { kvmUserfault: true }, perVcpu: true, growth: 0.45, base: 5000 },
  { options: { uffd: 'none', kvmUserfault: true, readers: 1 }, perVcpu: false, growth: 0.4, base: 4000 },
];

/** Cells beyond the published tables, a migration over 30 microseconds with 1 to 512 vCPUs, and one cost that is changed. */
export function userfaultQuestionsFixture(): ResultRecord[] {
  const beyond = [128, 256, 512].flatMap((vcpus) =>
    ['x86', 'arm64'].flatMap((arch) =>
      WAYS.map((way) => pagingRecord(optionsOf(way, vcpus), { arch, metrics: { [RATE]: fixtureRate(1e9 / stallOf(way, vcpus)) } })),
    ),
  );
  const copied = [1, 2, 8, 32, 64, 128, 512].flatMap((vcpus) => WAYS.map((way) => migration(way, vcpus)));
  const changed = [2, 64].map((vcpus) =>
    pagingRecord({ vcpus, readers: 1 }, { metrics: { [RATE]: fixtureRate(vcpus === 2 ? 120_000 : 5600) }, overrides: ['wakeup=-50%'] }),
  );
  return [...beyond, ...unique(copied), ...changed];
}

function optionsOf({ options, perVcpu }: (typeof WAYS)[number], vcpus: number): Options {
  return { ...options, vcpus, ...(perVcpu ? { readers: vcpus } : {}) };
}

function stallOf({ growth, base }: (typeof WAYS)[number], vcpus: number): number {
  return base * vcpus ** growth;
}

function migration(way: (typeof WAYS)[number], vcpus: number): ResultRecord {
  const p50 = 30_000 + stallOf(way, vcpus) / 3;
  const ns = (value: number) => fixtureTime(DRAWS.map((draw) => Math.round(value * draw)));
  const record = postCopyRecord(optionsOf(way, vcpus), {
    ...{ stall_p50: ns(p50), stall_p99: ns(2 * p50), stall_p999: ns(3 * p50), stall_max: ns(9 * p50), pages_per_second: fixtureRate((vcpus * 1e9) / p50) },
    ...{ time_to_50_percent: ns(4000 * p50), time_to_90_percent: ns(12_000 * p50), time_to_99_percent: ns(16_000 * p50) },
    ...{ time_to_completion: ns(16_384 * p50), running_share: { ...fixtureTime([0.21], 'exact'), unit: 'ratio', better: 'larger' } },
  });
  const histogram = { count: 16_384 * vcpus, p50Ns: p50, p99Ns: 2 * p50, p999Ns: 3 * p50 };
  const stall = { phase: 'post_copy', kind: 'write' as const, count: 16_384 * vcpus, totalNs: 16_384 * vcpus * p50, maxNs: 9 * p50, histogram };
  const summary = { count: 10, p50Ns: 300, p99Ns: 2300, p999Ns: 9000 };
  const lock = {
    ...{
      lock: 'fault_pending_wqh',
      site: 'handle_userfault',
      acquisitions: 16_384 * vcpus,
      contentions: 8000 * vcpus,
      waitNsTotal: 16_384 * vcpus * (p50 - 30_000),
    },
    ...{ waitNsMax: 4 * p50, holdNsTotal: 16_384 * vcpus * 200, holdNsMax: 9000, wait: summary, hold: summary },
  };
  return { ...record, stalls: [stall], locks: [lock] };
}

/** One vCPU with a reader of its own is one vCPU with one reader. */
function unique(records: readonly ResultRecord[]): ResultRecord[] {
  return [...new Map(records.map((record) => [record.cell, record])).values()];
}

/** Records of both suites with a hostile string wherever an option, a metric or a profile may have one. */
export function hostileUserfault(): ResultRecord[] {
  return [...userfaultFixture(), ...userfaultQuestionsFixture()].map((record, index) => ({
    ...record,
    cell: `${record.cell}${HOSTILE}`,
    options: { ...record.options, uffd: index % 3 === 0 ? HOSTILE : record.options.uffd, [HOSTILE]: HOSTILE },
    profile: { ...record.profile, overrides: index % 5 === 0 ? [HOSTILE] : record.profile.overrides },
  }));
}
